"""Stage 8: the study's tables, some in the form of the paper's, from score files."""

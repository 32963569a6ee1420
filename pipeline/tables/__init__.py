"""Stage 8: final tables, shaped like the paper's Tables 1 to 3, from score files."""

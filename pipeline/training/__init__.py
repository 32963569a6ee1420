"""Stage 5: train one model for each data set, architecture, variant and seed."""

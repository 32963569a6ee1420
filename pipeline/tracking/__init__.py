"""Results of a study to an experiment tracker: one module gathers them, one for each sends them."""

"""Stage 6: attribution maps of a trained model, planned, computed in one pass and stored."""

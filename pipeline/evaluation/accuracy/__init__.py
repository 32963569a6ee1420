"""Is the class right? Top-1 accuracy."""

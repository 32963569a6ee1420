"""Stage 2: images decoded once, resized and stored in WebDataset shards."""

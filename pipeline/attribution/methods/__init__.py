"""The attribution methods, one idea a file; ``pipeline.attribution.catalogue`` lists them."""

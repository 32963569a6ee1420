"""The attribution methods, one idea per file; ``pipeline.catalogue.methods`` lists them."""

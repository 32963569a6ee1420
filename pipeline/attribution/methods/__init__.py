"""The attribution methods, one idea a file; ``pipeline.catalogue.methods`` lists them."""

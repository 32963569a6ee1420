"""Random search of the training keys (paper, Appendix E; docs/search.md)."""

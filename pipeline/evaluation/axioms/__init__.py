"""The axioms of attribution as numbers."""

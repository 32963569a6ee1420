"""Stage 1: raw folders, or birds drawn from a seed, become records in a common form."""

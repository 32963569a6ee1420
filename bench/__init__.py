"""Side-by-side speed measurements: ours against the obvious way, in turn, in one process."""

"""Side-by-side speed measurements: ours and a straightforward way, in turn, in one process."""

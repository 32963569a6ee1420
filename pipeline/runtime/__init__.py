"""What every stage has: its command line, errors, progress, devices, code graph."""

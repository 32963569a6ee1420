"""Stage 8: figures, each a PNG and an SVG whose bytes depend on their inputs alone."""

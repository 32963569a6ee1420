"""Stage 3: class pairs, part maps and cue masks (paper, section 5.2)."""

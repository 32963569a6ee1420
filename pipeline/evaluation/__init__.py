"""Measures of attribution maps and models: cue localisation, boxes, accuracy, intervals."""

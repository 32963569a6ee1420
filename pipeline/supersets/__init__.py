"""Stage 4: which classes a map is summed over (paper, section 5.4, Appendix F)."""

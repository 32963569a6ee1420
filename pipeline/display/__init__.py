"""What a person sees while Snakemake runs a study: progress, one line per job, the end in words.

The Snakefile puts it in the place of Snakemake's own messages (`pipeline.display.handler.attach`).
A logger plugin would have to be installed; this also works in a checkout that was only copied.
"""

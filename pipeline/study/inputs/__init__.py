"""Which files a job needs, from plain names: what the workflow's input functions are.

One class per stage, made of a study and its paths. Their methods take names (`paths.Names`, or the
workflow's wildcards) and give paths; nothing here imports Snakemake.
"""

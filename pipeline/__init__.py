"""Attribution studies from raw images to tables: CAM, CALM and their evaluation.

Nothing but `pipeline.display`, which shows a run, imports Snakemake: every stage is a plain
command, ``python -m pipeline.<stage> --help``, and every step a plain function.
"""

from pipeline.runtime import orphans

orphans.end_at_interrupt()  # here, as a job spends its first seconds importing torch

"""The last lines of a run: where the report is, and what came out."""

import contextlib
from collections.abc import Collection
from pathlib import Path

from snakemake.logging import logger

from pipeline.artefacts.paths import Paths
from pipeline.runtime.errors import UserError


def announce(made: Collection[str], paths: Paths) -> None:
    """Say it, if the report is among the files that this run was to make."""
    if paths.report in made:
        logger.info(closing(paths.report, paths.tables))


def closing(report: str | Path, tables: str | Path) -> str:
    """The report's path, and its first finding if its tables have one.

    Where the study has several data sets or architectures, it says of which that is.
    """
    # at the end of a run alone: they import SciPy, which a plan needs not wait for
    from pipeline.artefacts.table import load
    from pipeline.report.findings import leads

    lines = [f"Report: {report}"]
    with contextlib.suppress(UserError):  # the next run says what is wrong with the file
        found = leads(load(tables))
        for place, (sentence, *_) in [*found.items()][:1]:
            of = f" on {', '.join(place)}" if len(found) > 1 else ""
            lines.append(f"Finding{of}: {sentence}")
    return "\n".join(lines)

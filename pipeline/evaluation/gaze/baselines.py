"""What maps of where people look are compared with: other people, the middle, and nothing at all.

Of a data set, without a model: ``viewers``, each person's fixations as predicted by all others'
(the ceiling); ``center_gaussian``, a Gaussian around the middle of the image or of the box, which
is the prior that information gain is over; ``uniform``.
"""

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.artefacts.fixations import read_fixations
from pipeline.artefacts.records import read_records
from pipeline.artefacts.scores import parse_identity, provenance
from pipeline.evaluation.gaze.measures import ScoreMap
from pipeline.evaluation.gaze.table import GazeTable, MapOf
from pipeline.evaluation.gaze.truth import Region, Viewing, together
from pipeline.evaluation.result import Result, write_result
from pipeline.evaluation.sampling import spread
from pipeline.images.geometry import RESIZES
from pipeline.runtime.cli import add_section, main, parser, read_section
from pipeline.runtime.errors import UserError
from pipeline.runtime.progress import track
from pipeline.settings.evaluation import section_of

BASELINES = ("viewers", "center_gaussian", "uniform")

log = logging.getLogger(__name__)


def map_of_baseline(name: str, sigma: float) -> MapOf:
    """The map of a baseline.

    Args:
        name: one of `BASELINES`.
        sigma: of the density of fixations, pixels.
    """

    def map_of(_: str, region: Region, others: Sequence[Viewing]) -> ScoreMap | None:
        if name != "viewers":
            prior = region.prior
            return ScoreMap(prior if name == "center_gaussian" else prior * 0)
        viewing = together(others)
        fixated = viewing.within(region, sigma) if viewing else None
        return ScoreMap(fixated.density) if fixated else None

    return map_of


def measured(
    name: str, section: Any, records: Path, fixations: Path, *, size: int, resize: str
) -> Result:
    """Measure a baseline.

    Args:
        name: one of `BASELINES`.
        section: of the evaluation, which declares it with its own options.
        records: of the test images.
        fixations: file of theirs.
        size: side of a stored image, pixels.
        resize: ``images.resize`` of the shards.

    Raises:
        UserError: a file cannot be read, or there are no fixations, of two people for `viewers`.
    """
    chosen = spread(read_records(records), section.images)
    if chosen.empty:
        raise UserError(f"{records} has no images: there is nothing to measure.")
    table = GazeTable(
        read_fixations(fixations), size, resize, sigma=section.sigma, weights=section.weights
    )
    map_of = map_of_baseline(name, section.sigma * size)
    for record in track(chosen.itertuples(), len(chosen), "images"):
        table.update(record, map_of)
    return table.compute(section.bootstrap)


def run(argv: list[str]) -> None:
    """Command line: records and fixations -> a score file and the results of each image."""
    given = _parser().parse_args(argv)
    section = read_section(given.section, section_of("gaze"))
    result = measured(
        given.baseline,
        section,
        given.records,
        given.fixations,
        size=given.size,
        resize=given.resize,
    )
    inputs = {"records": given.records, "fixations": given.fixations}
    write_result(
        given.out,
        result,
        task="gaze",
        identity=parse_identity(given.identity),
        provenance=provenance(section, inputs),
    )
    log.info("%s: %s", given.out, {name: round(v, 4) for name, v in result.values.items()})


def _parser() -> argparse.ArgumentParser:
    arguments = parser("pipeline.evaluation.gaze.baselines", (__doc__ or "").splitlines()[0])
    add_section(arguments, section_of("gaze"))
    arguments.add_argument("--baseline", choices=BASELINES, required=True, help="what is measured")
    arguments.add_argument("--records", type=Path, required=True, help="records of the test split")
    arguments.add_argument("--fixations", type=Path, required=True, help="fixations of its images")
    arguments.add_argument("--size", type=int, required=True, help="side of a stored image, pixels")
    arguments.add_argument(
        "--resize", choices=RESIZES, default="square", help="images.resize of the shards"
    )
    arguments.add_argument("--identity", required=True, help="what is measured, JSON")
    arguments.add_argument("--out", type=Path, required=True, help="score file to write, .json")
    return arguments


if __name__ == "__main__":
    main(run)

"""Weakly supervised object localisation: MaxBoxAccV2 and PxAP of maps (paper, section 5.4).

``python -m pipeline.evaluation.localisation.wsol``.
For every test image the map of its true class is measured, or that of the class's superset, or the
location prior, whichever the file holds. Maps are resized to the evaluation size, then normalised
image by image. Boxes are scaled to the same square and cut to whole pixels, as the WSOL protocol
does; masks are resized to the nearest pixel. With ``images.resize: short_side`` both are first
clipped to the square that is stored; an image of which no box and no mask is left is left out.
"""

import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipeline.artefacts.maps import MapStore
from pipeline.artefacts.scores import parse_identity, provenance
from pipeline.artefacts.targets import PRIOR
from pipeline.evaluation.localisation.boxes import MaxBoxAccuracy
from pipeline.evaluation.localisation.wsol_maps import stored_score_maps
from pipeline.evaluation.localisation.wsol_summary import Localisation, summarise
from pipeline.evaluation.localisation.wsol_truth import Truth
from pipeline.evaluation.result import Result, write_result
from pipeline.images.center_gaussian import center_gaussian
from pipeline.images.geometry import RESIZES
from pipeline.runtime.cli import add_section, main, parser, read_section
from pipeline.runtime.errors import UserError
from pipeline.runtime.progress import track
from pipeline.settings import Wsol

BASELINES = {"center_gaussian": center_gaussian}


class Split(NamedTuple):
    """The images of a split, and the file of their maps; None: a baseline's are used."""

    records: Path
    maps: Path | None = None


def measure(
    maps: Path | None, baseline: str | None, truth: Truth, section: Wsol
) -> tuple[str, Localisation]:
    """Localise in the images of a split.

    Args:
        maps: file of their maps; None: the baseline's.
        baseline: one of `BASELINES`.
        truth: the images.
        section: how maps are normalised, and the metrics.

    Returns:
        What the maps explain ("class", "superset" or "prior"), and what was measured.

    Raises:
        UserError: the file lacks a map, or has maps that explain no single class; or a mask cannot
            be read.
    """
    count = len(truth.records)
    if maps is None:  # one map for all images and classes, as a location prior
        assert baseline is not None  # one of the two is given
        score_map = BASELINES[baseline](truth.size)
        return PRIOR, _localise(itertools.repeat(score_map, count), truth, section)
    with MapStore.open(maps) as store:
        stored = stored_score_maps(store, truth.records, truth.size, section)
        progress = track(stored, count, f"localisation of {store.kind} maps: images")
        return store.kind, _localise(progress, truth, section)


def _localise(maps: Iterable[np.ndarray], truth: Truth, section: Wsol) -> Localisation:
    """Maps (S, S) in [0, 1] in the order of the images."""
    measured = Localisation(section)
    for score_map, (boxes, labels) in zip(maps, truth, strict=True):
        measured.update(score_map, boxes, labels)
    return measured


def localise(
    section: Wsol,
    test: Split,
    size: int,
    *,
    resize: str = "square",
    baseline: str | None = None,
    val: Split | None = None,
) -> Result:
    """How well the maps of the test images localise their objects.

    Args:
        section: how maps are normalised, and the metrics.
        test: the images that are measured.
        size: evaluation size, pixels.
        resize: ``images.resize`` of the shards.
        baseline: one of `BASELINES`, for a split without maps.
        val: the images that choose the threshold, for ``section.val_threshold``.

    Raises:
        UserError: a file cannot be read, lacks a map or has maps that explain no single class, or
            no image has a box or a mask.
    """
    truth = Truth.read(test.records, size, resize, section.masks)
    if truth.records.empty:
        raise UserError(
            f"{test.records} has no image with a box or an object mask: there is nothing to "
            "localise."
        )
    kind, measured = measure(test.maps, baseline, truth, section)
    chosen = _val_boxes(section, val, baseline, size, resize) if section.val_threshold else None
    summary = summarise(
        measured, chosen if isinstance(chosen, MaxBoxAccuracy) else None, section.bootstrap
    )
    if isinstance(chosen, str):
        summary.details["val_threshold_absent"] = chosen

    replicates = {f"{kind}.{name}": found for name, found in summary.replicates.items()}
    arrays = {"image_id": truth.records["image_id"].to_numpy(dtype=str)}
    arrays |= {f"{kind}.{name}": rows for name, rows in measured.arrays().items()}
    arrays |= {f"replicates.{name}": found for name, found in replicates.items()}
    return Result(
        values={f"{kind}.{name}": value for name, value in summary.values.items()},
        intervals={
            f"{kind}.{name}": ends
            for name, ends in summary.intervals(section.bootstrap.level).items()
        },
        details=truth.details | {kind: summary.details},
        arrays=arrays,
    )


def _val_boxes(
    section: Wsol, val: Split | None, baseline: str | None, size: int, resize: str
) -> MaxBoxAccuracy | str:
    """The boxes of the val images, measured; or the reason why they cannot be."""
    if val is None:
        return "the data set has no val images"
    if not (val.maps or baseline):
        return "there are no maps of the val images"
    truth = Truth.read(val.records, size, resize, False).with_boxes()
    if truth.records.empty:
        return "no val image has a box"
    section = section.model_copy(update={"v1": False})
    return measure(val.maps, baseline, truth, section)[1].boxes


def run(argv: list[str]) -> None:
    """Command line: one file of maps, or a baseline -> a score file and the per-image results."""
    arguments = parser(
        "pipeline.evaluation.localisation.wsol", "Measure how well maps localise objects."
    )
    add_section(arguments, Wsol)
    source = arguments.add_mutually_exclusive_group(required=True)
    source.add_argument("--maps", type=Path, help="HDF5 file of attribution maps")
    source.add_argument("--baseline", choices=sorted(BASELINES), help="instead of a model's maps")
    arguments.add_argument(
        "--records", type=Path, required=True, help="the test images, boxes and masks"
    )
    arguments.add_argument(
        "--val-maps",
        type=Path,
        nargs="?",  # an empty value, where there are none, is the same as none
        help="maps of the val images, for `val_threshold`",
    )
    arguments.add_argument(
        "--val-records", type=Path, nargs="?", help="the val images and their boxes"
    )
    arguments.add_argument("--size", type=int, required=True, help="evaluation size, pixels")
    arguments.add_argument(
        "--resize", choices=RESIZES, default="square", help="images.resize of the shards"
    )
    arguments.add_argument("--identity", required=True, help="what is measured, as JSON")
    arguments.add_argument("--out", required=True, help="score file (.json) to write")
    options = arguments.parse_args(argv)
    section = read_section(options.section, Wsol)
    identity = parse_identity(options.identity)

    result = localise(
        section,
        Split(options.records, options.maps),
        options.size,
        resize=options.resize,
        baseline=options.baseline,
        val=Split(options.val_records, options.val_maps) if options.val_records else None,
    )
    inputs = ("records", "maps", *(("val_records", "val_maps") if section.val_threshold else ()))
    write_result(
        options.out,
        result,
        task="wsol",
        identity=identity,
        provenance=provenance(
            section, {name: path for name in inputs if (path := getattr(options, name))}
        ),
    )


if __name__ == "__main__":
    main(run)

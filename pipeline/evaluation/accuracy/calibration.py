"""Whether p(y|x) is calibrated: calibration errors, Brier score and likelihood, with intervals.

It is measured from what the classification keeps of each image, without a forward pass and without
PyTorch.
"""

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from pipeline.artefacts.scores import parse_identity, per_image_path, provenance, read_arrays
from pipeline.evaluation.accuracy.reliability import binned, curve, error_replicates
from pipeline.evaluation.bootstrap import interval, replicated_means
from pipeline.evaluation.result import Result, write_result
from pipeline.runtime import cli
from pipeline.runtime.errors import UserError
from pipeline.settings import Calibration

NEEDED = ("image_id", "label", "prediction", "confidence", "brier", "log_probability")

log = logging.getLogger(__name__)


def calibrate(predictions: Mapping[str, np.ndarray], section: Calibration) -> Result:
    """Measure the calibration of N predictions.

    Values: ``ece`` and ``ece_mass`` (bins of equal width and of equally many images), ``mce`` (the
    largest gap of a bin of equal width), ``ece_calibrated`` (what ``ece`` would be on average if
    the model were calibrated: the work of chance), ``brier`` (sum over the classes, [0, 2]),
    ``nll`` (nats; absent where an image has probability 0), ``top1``, ``confidence`` (mean).
    ``mce`` and ``ece_calibrated`` have no interval. Details: the reliability curve.

    Args:
        predictions: the arrays of `NEEDED`, (N,) each, N at least 1.
        section: number of bins, bootstrap.
    """
    hits = predictions["prediction"] == predictions["label"]
    confidence = predictions["confidence"].clip(0, 1)  # sums of floats may pass 1
    bootstrap = section.bootstrap
    wide, full = (
        binned(hits, confidence, section.bins, strategy) for strategy in ("uniform", "quantile")
    )
    replicates = {}
    replicates["ece"], by_chance = error_replicates(wide, bootstrap)
    replicates["ece_mass"], _ = error_replicates(full, bootstrap)
    values = {
        "ece": wide.error(),
        "ece_mass": full.error(),
        "mce": wide.largest(),
        "ece_calibrated": by_chance,
    }
    means = {
        "brier": predictions["brier"],
        "nll": (-predictions["log_probability"]).clip(0),  # sums of floats may pass 1
        "top1": hits.astype(np.float64),
        "confidence": confidence,
    }
    for name, of_image in means.items():
        if np.isfinite(of_image).all():
            values[name] = float(of_image.mean())
            replicates[name] = replicated_means(of_image, bootstrap)
    return Result(
        values=values,
        intervals={
            name: interval(drawn.clip(0), bootstrap.level) for name, drawn in replicates.items()
        },
        details={
            "images": len(hits),
            "curve": curve(hits, confidence, section.bins, bootstrap.level),
        },
        arrays={"image_id": predictions["image_id"]}
        | {f"replicates.{name}": drawn for name, drawn in replicates.items()},
    )


def run(argv: list[str]) -> None:
    """Command line of the evaluation."""
    arguments = cli.parser(
        "pipeline.evaluation.accuracy.calibration", "Measure whether p(y|x) is calibrated."
    )
    cli.add_section(arguments, Calibration)
    arguments.add_argument(
        "--predictions", type=Path, required=True, help="score file of the classification"
    )
    arguments.add_argument("--identity", required=True, metavar="JSON", help="what is measured")
    arguments.add_argument("--out", type=Path, required=True, help="score file to write, .json")
    given = arguments.parse_args(argv)
    section = cli.read_section(given.section, Calibration)
    identity = parse_identity(given.identity)
    predictions = read_arrays(given.predictions)
    path = per_image_path(given.predictions)
    if missing := [name for name in NEEDED if name not in predictions]:
        raise UserError(
            f"{path} lacks {', '.join(missing)}: it is of no classification, or of one by an older "
            "version. Delete it and run again."
        )
    result = calibrate(predictions, section)
    write_result(
        given.out,
        result,
        task="calibration",
        identity=identity,
        provenance=provenance(section, {"predictions": path}),
    )
    log.info("%s: ECE %.3f, Brier %.3f", given.out, result.values["ece"], result.values["brier"])


if __name__ == "__main__":
    cli.main(run)

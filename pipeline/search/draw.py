"""One draw of a search: train with its keys and score on the val images (paper, Appendix E).

``python -m pipeline.search.draw``. Only numbers are kept, not the weights. A loss that is not
finite is a result, since some values of a wide range do not train at all: the draw is recorded as
failed and the search continues. Any other error, such as missing data, stays an error.
"""

import logging
import time
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.artefacts.files import digest
from pipeline.artefacts.searches import write_draw
from pipeline.artefacts.shards import Shards, open_shards
from pipeline.attribution.methods import calm, cam  # noqa: F401  named: part of the draw's code
from pipeline.attribution.query import maps_of
from pipeline.evaluation.localisation.wsol_maps import score_maps
from pipeline.evaluation.localisation.wsol_summary import Localisation
from pipeline.evaluation.localisation.wsol_truth import Truth
from pipeline.images.geometry import RESIZES
from pipeline.images.loading import eval_loader
from pipeline.models.classifier import Classifier
from pipeline.runtime.cli import add_section, main, parser, read_section
from pipeline.runtime.errors import UserError
from pipeline.runtime.machine import Machine, add_machine, machine_from
from pipeline.settings import Attribution, DrawJob, Wsol
from pipeline.training import checkpoints
from pipeline.training.fitting import fit
from pipeline.training.inputs import Inputs, add_inputs, inputs_from
from pipeline.training.loop import DivergedError

log = logging.getLogger(__name__)

BATCH = 64  # images per forward pass of the scoring
_MAPS = {"cam": "cam", "calm": "joint"}  # what a kind of model shows of a class


def localisation(
    model: Classifier, shards: Shards, truth: Truth, section: Wsol, workers: int
) -> float:
    """How well the maps of the images' true classes localise the objects.

    Args:
        model: in evaluation mode.
        shards: the val split.
        truth: its images that are measured: with boxes, or with masks alone.
        section: as of the test images.
        workers: decoding workers.

    Returns:
        MaxBoxAccV2 where there are boxes, else PxAP: in [0, 1].

    Raises:
        UserError: the shards lack an image, or a mask cannot be read.
    """
    device = next(model.parameters()).device
    place = {image_id: row for row, image_id in enumerate(shards.image_ids)}
    wanted = truth.records["image_id"].to_list()
    if missing := [image_id for image_id in wanted if image_id not in place]:
        raise UserError(
            f"the val shards lack image {missing[0]} of the records. Delete them and run the "
            "shards stage again."
        )
    rows = np.array([place[image_id] for image_id in wanted])
    measured, objects = Localisation(section), iter(truth)
    for batch in eval_loader(shards, batch_size=BATCH, workers=workers, rows=rows):
        maps = maps_of(
            model,
            _MAPS[model.kind],
            batch.images.to(device),
            [(label,) for label in batch.labels.tolist()],
            batch.image_ids,
            Attribution(),
        )
        for score_map in score_maps(maps.cpu().numpy(), truth.size, section):
            measured.update(score_map, *next(objects))
    if len(measured.boxes.peak):
        return measured.boxes.compute()["v2"]
    return measured.pixels.compute()["pxap"]


def val_objects(records: Path, shards: Shards, resize: str) -> Truth:
    """The boxes of the val images, or their masks where no image has a box.

    Raises:
        UserError: there are neither.
    """
    truth = Truth.read(records, shards.side, resize, False)
    boxed = truth.with_boxes()
    truth = truth if boxed.records.empty else boxed
    if truth.records.empty:
        raise UserError(
            f"{records} has no image with a box or a mask: there is nothing to localise. Set "
            "`search.score: accuracy`."
        )
    return truth


def measure(
    section: DrawJob, inputs: Inputs, machine: Machine, val: Shards, truth: Truth | None
) -> dict[str, Any]:
    """Train with a draw's keys and score the model.

    Args:
        section: the draw.
        inputs: the files of the training.
        machine: what it runs on.
        val: the val split.
        truth: its objects; None where the score is the accuracy.

    Returns:
        status "ok" or "failed", message, score and val_accuracy in [0, 1] or None.

    Raises:
        UserError: an input is missing or broken.
    """
    failed = {"status": "failed", "score": None, "val_accuracy": None}
    try:
        fitted = fit(section.job, inputs, machine, section.proxy_per_class)
    except DivergedError as error:
        return failed | {"message": str(error)}
    last = fitted.history[-1]
    score = accuracy = last["val_accuracy"]
    finite = np.isfinite(last["val_loss"])
    if truth is not None and finite:
        score = localisation(fitted.model.eval(), val, truth, section.wsol, machine.workers)
    checkpoints.clear(fitted.checkpoint)
    if not finite:  # the last step broke the weights
        return failed | {"message": f"the loss of the val images is {last['val_loss']} in the end."}
    return {"status": "ok", "message": "", "score": score, "val_accuracy": accuracy}


def draw(
    section: DrawJob, inputs: Inputs, machine: Machine, val_records: Path, resize: str = "square"
) -> dict[str, Any]:
    """One draw, whole: what :func:`measure` finds, with its number, keys, time and config.

    Args:
        section: the draw.
        inputs: the files of the training; the val split is what is scored.
        machine: what it runs on.
        val_records: val.parquet, with the objects of the val images.
        resize: ``images.resize`` of the shards.

    Returns:
        As it is written to the file of the draw.

    Raises:
        UserError: an input is missing or broken, before anything is trained.
    """
    if inputs.val_shards is None:
        raise UserError("give --val-shards: a draw is scored on the val images.")
    val = open_shards(inputs.val_shards)
    if not val.count:
        raise UserError(
            f"{inputs.val_shards} has no image to score a search on. Raise `val_fraction`, or give "
            "the data set val images."
        )
    # before the training: what is missing should not cost hours
    truth = val_objects(val_records, val, resize) if section.score == "localisation" else None

    start = time.monotonic()
    found = measure(section, inputs, machine, val, truth)
    log.info("draw %d: %s %s", section.number, found["status"], found["message"] or found["score"])
    return found | {
        "draw": section.number,
        "keys": section.keys,
        "seconds": round(time.monotonic() - start, 1),
        "config": digest(section.model_dump(mode="json")),
    }


def run(argv: list[str]) -> None:
    """Command line: one draw -> its file of numbers."""
    arguments = parser("pipeline.search.draw", "Train and score one draw of a search.")
    add_section(arguments, DrawJob)
    add_inputs(arguments)
    add_machine(arguments)
    arguments.add_argument("--val-records", type=Path, required=True, help="val.parquet")
    arguments.add_argument(
        "--resize", choices=RESIZES, default="square", help="images.resize of the shards"
    )
    arguments.add_argument("--out", type=Path, required=True, help="JSON file to write")
    given = arguments.parse_args(argv)
    section = read_section(given.section, DrawJob)
    inputs, machine = inputs_from(given), machine_from(given)
    write_draw(given.out, draw(section, inputs, machine, given.val_records, given.resize))


if __name__ == "__main__":
    main(run)

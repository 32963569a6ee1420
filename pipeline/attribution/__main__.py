"""Command line of the stage: one model, one method -> one file of maps."""

import itertools
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import torch
from torch import Tensor

from pipeline import cli
from pipeline.attribution.activation import Method, method_named, probabilities
from pipeline.attribution.plan import Plan, make_plan, target_classes
from pipeline.attribution.store import MapStore
from pipeline.datasets.records import read_records
from pipeline.errors import UserError
from pipeline.files import read_json, sha256
from pipeline.loading import Batch, eval_loader, open_shards
from pipeline.machine import add_machine, use_machine
from pipeline.models import load_model
from pipeline.progress import track

log = logging.getLogger(__name__)

Supersets = Mapping[int, Sequence[int]]


class Maps(NamedTuple):
    """Some rows of a plan: maps (K, h, w) and probabilities (K,), on the CPU."""

    maps: Tensor
    probabilities: Tensor


@torch.inference_mode()
def compute(
    model: torch.nn.Module,
    method: Method,
    plan: Plan,
    batches: Iterable[Batch],
    supersets: Supersets,
    device: torch.device,
) -> Iterator[Maps]:
    """Compute the maps of a plan, in its order, with one forward pass an image.

    Args:
        model: in evaluation mode; ``model(images)`` gives maps (B, C, h, w), ``model.log_probs``
            class log probabilities (B, C).
        method: what to read off the model's maps.
        plan: which maps.
        batches: images in the order of the plan; those that need no map are skipped.
        supersets: label -> labels of its superset.
        device: where the model is.

    Yields:
        The maps of one batch.
    """
    for batch in batches:
        needed = [row for row, image in enumerate(batch.image_ids) if image in plan.targets]
        if not needed:
            continue
        requests = [
            (position, target_classes(target, supersets))
            for position, row in enumerate(needed)
            for target in plan.targets[batch.image_ids[row]]
        ]
        images = torch.tensor([position for position, _ in requests], device=device)  # (K,)
        classes = [of_target for _, of_target in requests]
        inputs = batch.images if len(needed) == len(batch.images) else batch.images[needed]
        output = model(inputs.to(device, memory_format=torch.channels_last))  # (B, C, h, w)
        yield Maps(
            method.compute(output, images, classes).cpu(),
            probabilities(model.log_probs(output), method.targets, images, classes).cpu(),
        )


def run(argv: list[str]) -> None:
    """Command line of the stage."""
    arguments = cli.parser("pipeline.attribution", "Compute and store attribution maps of a model.")
    arguments.add_argument("--method", required=True, help="attribution method, e.g. cam or joint")
    arguments.add_argument("--weights", type=Path, required=True, help="weights.safetensors")
    arguments.add_argument("--shards", type=Path, required=True, help="manifest.json of a split")
    arguments.add_argument("--records", type=Path, required=True, help="the split's records")
    arguments.add_argument(
        "--pairs",
        type=Path,
        nargs="?",  # an empty value, where the data set has no pairs, is the same as none
        help="pairs.csv: also maps of the other class of each pair",
    )
    arguments.add_argument("--supersets", type=Path, help="supersets.json, for superset methods")
    arguments.add_argument("--out", type=Path, required=True, help="HDF5 file to write")
    arguments.add_argument("--batch-size", type=int, default=64, help="images a forward pass")
    add_machine(arguments)
    given = arguments.parse_args(argv)
    device = torch.device(use_machine(given))

    model = load_model(given.weights).to(device, memory_format=torch.channels_last)
    method = method_named(given.method, model.kind)
    records = read_records(given.records)
    used = {"class": ("pairs",), "counterfactual": ("pairs",), "superset": ("supersets",)}
    inputs = ("weights", "shards", "records", *used.get(method.targets, ()))
    supersets = _read_supersets(given.supersets) if "supersets" in inputs else {}
    plan = make_plan(records, method.targets, _read_pairs(given.pairs))
    _check_classes(plan, supersets, model.num_classes, given.weights)
    shards = open_shards(given.shards)
    if shards.image_ids != records["image_id"].to_list():
        raise UserError(
            f"{given.shards} does not hold the images of {given.records} in their order. "
            "Delete it and run the shards stage again."
        )

    digests = {f"sha256_{name}": sha256(path) for name in inputs if (path := getattr(given, name))}
    log.info("%s: %d maps from %d images", given.method, plan.maps, plan.forwards)
    batches = track(
        eval_loader(shards, batch_size=given.batch_size, workers=given.workers),
        shards.count,
        f"{given.method} maps: images",
        size=lambda batch: len(batch.image_ids),
    )
    chunks = compute(model, method, plan, batches, supersets, device)
    first = next(chunks)
    with MapStore.create(
        given.out,
        rows=plan.rows(),
        shape=(first.maps.shape[1], first.maps.shape[2]),
        method=given.method,
        units=method.units,
        attributes={"forwards": plan.forwards, **digests},
    ) as writer:
        start = 0
        for chunk in itertools.chain([first], chunks):
            writer.write(start, chunk.maps.numpy(), chunk.probabilities.numpy())
            start += len(chunk.maps)


def _read_pairs(path: Path | None) -> list[tuple[int, int]] | None:
    """The class pairs of pairs.csv, as labels."""
    if path is None:
        return None
    try:
        table = pd.read_csv(path, usecols=["label_a", "label_b"])
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is no table of pairs ({error}). Run the cues stage.") from error
    return list(table.itertuples(index=False, name=None))


def _read_supersets(path: Path | None) -> Supersets:
    """Label -> labels of its superset."""
    if path is None:
        raise UserError("This method needs --supersets, which the supersets stage writes.")
    try:
        return {int(label): members for label, members in read_json(path)["supersets"].items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(
            f"{path} is no supersets.json ({error!r}). Delete it and run again."
        ) from error


def _check_classes(plan: Plan, supersets: Supersets, classes: int, weights: Path) -> None:
    """Raise UserError if a target names a class that the model does not know."""
    targets = dict.fromkeys(target for _, target in plan.rows())
    largest = max(max(target_classes(each, supersets), default=-1) for each in targets)
    if largest >= classes:
        raise UserError(
            f"{weights} knows {classes} classes, but a map of class label {largest} is asked "
            "for. The weights, records, pairs and supersets must belong to the same data set."
        )


if __name__ == "__main__":
    cli.main(run)

"""Command line: attribution maps made elsewhere -> one file of maps, like that of any method.

``python -m pipeline.attribution.own``. The maps are checked before anything is computed; the
model's p(y|x) of each comes from one forward pass per image.
"""

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from pipeline.artefacts.files import digest, sha256
from pipeline.artefacts.maps import MapStore
from pipeline.artefacts.pairs import read_label_pairs
from pipeline.artefacts.records import read_records
from pipeline.artefacts.shards import Shards
from pipeline.attribution.compute import Asked, compute
from pipeline.attribution.inputs import (
    Inputs,
    add_inputs,
    check_classes,
    inputs_from,
    read_images,
)
from pipeline.attribution.own_maps import check_maps, few, open_maps, read_map
from pipeline.attribution.plan import Plan, make_plan
from pipeline.images.loading import eval_loader
from pipeline.models import load_model
from pipeline.runtime import cli
from pipeline.runtime.machine import Machine, add_machine, machine_from
from pipeline.runtime.progress import track
from pipeline.settings import Attribution

log = logging.getLogger(__name__)

# how many maps follow, and p(y|x) of each if it is known
Known = tuple[int, np.ndarray | None]


def import_maps(
    name: str, path: Path, out: Path, inputs: Inputs, machine: Machine, *, batch_size: int = 64
) -> None:
    """Check maps made elsewhere and store them, with their model's probabilities if they have one.

    Args:
        name: of the method, as in the config.
        path: HDF5 file or folder of ``.npy`` files (docs/own_maps.md).
        out: HDF5 file to write.
        inputs: files of the images, and of the model that the maps explain, if there is one.
        machine: what to compute on.
        batch_size: images per forward pass.

    Raises:
        UserError: the maps are not those that the evaluations need, or an input is missing or
            broken.
    """
    records = read_records(inputs.records)
    shards = read_images(inputs.shards, records)
    plan = make_plan(records, "class", read_label_pairs(inputs.pairs))
    rows = plan.rows()
    labels = dict(zip(records["image_id"], records["label"].tolist(), strict=True))

    with open_maps(path, labels) as own:
        shape, constant, divisor = check_maps(own, plan, labels)
        log.info("%s: %d of the %d maps given are needed", name, len(rows), len(own.rows))
        if constant:
            log.warning(
                "%s: %d of these maps are constant, so that they rank no pixel: %s",
                name, len(constant), few(constant),
            )  # fmt: skip
        if divisor > 1:
            log.warning("%s: all maps are divided by %g, so that they fit 32 bits", name, divisor)
        used = ("weights", "shards", "records", "pairs")
        digests = {
            f"sha256_{file}": sha256(each) for file in used if (each := getattr(inputs, file))
        }
        if inputs.weights is None:
            found, forwards = _unknown(plan, batch_size), 0
        else:
            found = _by_model(name, inputs.weights, shards, plan, machine, batch_size)
            forwards = plan.forwards
        with MapStore.create(
            out,
            rows=rows,
            shape=shape,
            method=name,
            targets="class",
            units="as given" if divisor == 1 else f"as given, divided by {divisor:g}",
            attributes={
                "forwards": forwards,
                "constant_maps": len(constant),
                "digest_path": _digest(path),
                **digests,
            },
            half=shape == (shards.side, shards.side),
        ) as writer:
            start = 0
            for count, probabilities in found:
                stop = start + count
                maps = np.stack([read_map(own, row, divisor) for row in rows[start:stop]])
                writer.write(start, maps, probabilities)
                start = stop


def _unknown(plan: Plan, batch_size: int) -> Iterator[Known]:
    """Where no model says it."""
    for start in range(0, plan.maps, batch_size):
        yield min(batch_size, plan.maps - start), None


def _by_model(
    name: str, weights: Path, shards: Shards, plan: Plan, machine: Machine, batch_size: int
) -> Iterator[Known]:
    """By the model, a batch of images at a time."""
    device = torch.device(machine.device)
    model = load_model(weights).requires_grad_(False)
    model.to(device).to(memory_format=torch.channels_last)
    check_classes(plan, {}, model.num_classes, weights)
    batches = track(
        eval_loader(shards, batch_size=batch_size, workers=machine.workers),
        shards.count,
        f"{name} maps: images",
        size=lambda batch: len(batch.image_ids),
    )
    asked = {"class": Asked((), plan)}
    for found in compute(model, asked, batches, {}, Attribution(), device):
        probabilities = found["class"].probabilities
        yield len(probabilities), probabilities.numpy()


def run(argv: list[str]) -> None:
    """Command line: one file or folder of maps -> one file of maps."""
    arguments = cli.parser(
        "pipeline.attribution.own", "Check attribution maps of your own and store them."
    )
    arguments.add_argument("--name", required=True, help="name of the method, as in the config")
    arguments.add_argument("--path", type=Path, required=True, help="HDF5 file or folder of .npy")
    add_inputs(arguments)
    arguments.add_argument("--out", type=Path, required=True, help="HDF5 file to write")
    add_machine(arguments)
    given = arguments.parse_args(argv)
    import_maps(
        given.name,
        given.path,
        given.out,
        inputs_from(given),
        machine_from(given),
        batch_size=given.batch_size,
    )


def _digest(path: Path) -> str:
    """Identity of the content of a file or of a folder's .npy files."""
    files = sorted(path.rglob("*.npy")) if path.is_dir() else [path]
    return digest({file.relative_to(path).as_posix(): sha256(file) for file in files})


if __name__ == "__main__":
    cli.main(run)

"""Command line: attribution maps made elsewhere -> one file of maps, as of any other method.

``python -m pipeline.attribution.own``. The maps are checked before anything is computed; the
model's p(y|x) of each is put beside them by one forward pass an image.
"""

import logging
from pathlib import Path

import numpy as np
import torch

from pipeline.artefacts.files import digest, sha256
from pipeline.artefacts.maps import MapStore
from pipeline.artefacts.pairs import read_label_pairs
from pipeline.artefacts.records import read_records
from pipeline.attribution.compute import compute
from pipeline.attribution.inputs import add_inputs, check_classes, read_images
from pipeline.attribution.own_maps import check_maps, open_maps, read_map
from pipeline.attribution.plan import make_plan
from pipeline.images.loading import eval_loader
from pipeline.models import load_model
from pipeline.runtime import cli
from pipeline.runtime.machine import add_machine, use_machine
from pipeline.runtime.progress import track
from pipeline.settings import Attribution

log = logging.getLogger(__name__)


def run(argv: list[str]) -> None:
    """Command line: one file or folder of maps -> one file of maps."""
    arguments = cli.parser("pipeline.attribution.own", "Take over attribution maps of your own.")
    arguments.add_argument("--name", required=True, help="name of the method, as in the config")
    arguments.add_argument("--path", type=Path, required=True, help="HDF5 file or folder of .npy")
    add_inputs(arguments)
    arguments.add_argument("--out", type=Path, required=True, help="HDF5 file to write")
    add_machine(arguments)
    given = arguments.parse_args(argv)
    device = torch.device(use_machine(given))

    model = load_model(given.weights).requires_grad_(False)
    model.to(device).to(memory_format=torch.channels_last)
    records = read_records(given.records)
    shards = read_images(given.shards, records)
    plan = make_plan(records, "class", read_label_pairs(given.pairs))
    rows = plan.rows()
    check_classes(plan, {}, model.num_classes, given.weights)
    labels = dict(zip(records["image_id"], records["label"].tolist(), strict=True))

    with open_maps(given.path, labels) as own:
        shape = check_maps(own, plan, labels)
        log.info("%s: %d of the %d maps given are needed", given.name, len(rows), len(own.rows))
        inputs = ("weights", "shards", "records", *(("pairs",) if given.pairs else ()))
        digests = {f"sha256_{name}": sha256(getattr(given, name)) for name in inputs}
        batches = track(
            eval_loader(shards, batch_size=given.batch_size, workers=given.workers),
            shards.count,
            f"{given.name} maps: images",
            size=lambda batch: len(batch.image_ids),
        )
        with MapStore.create(
            given.out,
            rows=rows,
            shape=shape,
            method=given.name,
            targets="class",
            units="as given",
            attributes={"forwards": plan.forwards, "digest_path": _digest(given.path), **digests},
            half=shape == (shards.side, shards.side),
        ) as writer:
            start = 0
            for chunk in compute(model, (), "class", plan, batches, {}, Attribution(), device):
                stop = start + len(chunk.probabilities)
                maps = np.stack([read_map(own, row) for row in rows[start:stop]])
                writer.write(start, maps, chunk.probabilities.numpy())
                start = stop


def _digest(path: Path) -> str:
    """Identity of the content of a file or of a folder's .npy files."""
    files = sorted(path.rglob("*.npy")) if path.is_dir() else [path]
    return digest({file.relative_to(path).as_posix(): sha256(file) for file in files})


if __name__ == "__main__":
    cli.main(run)

"""Command line of the stage: one model, one or more methods -> one file of maps a method.

With ``--chunk`` the files hold one part of the split; `pipeline.attribution.join` joins the parts.
"""

import itertools
import logging
from contextlib import ExitStack
from pathlib import Path

import torch

from pipeline.artefacts.files import sha256
from pipeline.artefacts.maps import MapStore
from pipeline.artefacts.pairs import read_label_pairs
from pipeline.artefacts.records import read_records
from pipeline.artefacts.supersets import read_supersets
from pipeline.attribution.chunks import cut
from pipeline.attribution.compute import Maps, compute
from pipeline.attribution.explained import units_of
from pipeline.attribution.inputs import add_inputs, check_classes, read_images
from pipeline.attribution.plan import make_plan
from pipeline.attribution.query import entry_of
from pipeline.images.loading import eval_loader
from pipeline.models import load_model
from pipeline.runtime import cli
from pipeline.runtime.errors import UserError
from pipeline.runtime.machine import add_machine, use_machine
from pipeline.runtime.progress import track
from pipeline.settings import Attribution

log = logging.getLogger(__name__)


def run(argv: list[str]) -> None:
    """Command line of the stage."""
    arguments = cli.parser("pipeline.attribution", "Compute and store attribution maps of a model.")
    cli.add_section(arguments, Attribution)
    arguments.add_argument(
        "--method", nargs="+", required=True, help="attribution methods of one module, e.g. joint"
    )
    add_inputs(arguments)
    arguments.add_argument("--supersets", type=Path, help="supersets.json, for superset methods")
    arguments.add_argument(
        "--chunk",
        type=int,
        nargs=2,
        default=(0, 1),
        metavar=("NUMBER", "CHUNKS"),
        help="compute one chunk of the split alone, numbered from 0 (default: 0 1, all of it)",
    )
    arguments.add_argument(
        "--out", type=Path, nargs="+", required=True, help="HDF5 files to write, one a method"
    )
    add_machine(arguments)
    given = arguments.parse_args(argv)
    options = cli.read_section(given.section, Attribution)
    if len(given.method) != len(given.out):
        raise UserError("--out: give one file for each --method.")
    device = torch.device(use_machine(given))

    model = load_model(given.weights).requires_grad_(False)
    model.to(device).to(memory_format=torch.channels_last)
    entries = [entry_of(name, model.kind) for name in given.method]
    if len(kinds := {entry.targets for entry in entries}) > 1:
        raise UserError(f"--method: one job computes maps of one kind, not of {sorted(kinds)}.")
    targets = entries[0].targets
    used = {"class": ("pairs",), "counterfactual": ("pairs",), "superset": ("supersets",)}
    inputs = ("weights", "shards", "records", *used.get(targets, ()))
    supersets = read_supersets(given.supersets) if "supersets" in inputs else {}
    records = read_records(given.records)
    whole = make_plan(records, targets, read_label_pairs(given.pairs))
    image_ids = records["image_id"].to_list()
    plan, samples = cut(whole, image_ids, given.batch_size, *given.chunk)
    shards = read_images(given.shards, records, samples)
    check_classes(plan, supersets, model.num_classes, given.weights)

    digests = {f"sha256_{name}": sha256(path) for name in inputs if (path := getattr(given, name))}
    names = ", ".join(given.method)
    log.info("%s: %d maps from %d images", names, plan.maps, plan.forwards)
    batches = track(
        eval_loader(shards, batch_size=given.batch_size, workers=given.workers),
        shards.count,
        f"{names} maps: images",
        size=lambda batch: len(batch.image_ids),
    )
    chunks = compute(model, given.method, targets, plan, batches, supersets, options, device)
    none = Maps({name: torch.empty(0, 1, 1) for name in given.method}, torch.empty(0))
    first = next(chunks, none)  # a chunk may be empty, see `cut`
    with ExitStack() as files:
        writers = {
            name: files.enter_context(
                MapStore.create(
                    path,
                    rows=plan.rows(),
                    shape=(first.maps[name].shape[1], first.maps[name].shape[2]),
                    method=name,
                    targets=targets,
                    units=units_of(entry, model.head, options),
                    attributes={"forwards": plan.forwards, **digests},
                    half=entry.at_input,
                )
            )
            for name, entry, path in zip(given.method, entries, given.out, strict=True)
        }
        start = 0
        for chunk in itertools.chain([first], chunks):
            for name, writer in writers.items():
                writer.write(start, chunk.maps[name].numpy(), chunk.probabilities.numpy())
            start += len(chunk.probabilities)


if __name__ == "__main__":
    cli.main(run)

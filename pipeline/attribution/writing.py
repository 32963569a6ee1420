"""The maps of one model by one or more methods -> one file of maps for each method."""

import itertools
import logging
from collections.abc import Mapping
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
from pipeline.attribution.inputs import Inputs, check_classes, read_images
from pipeline.attribution.plan import make_plan
from pipeline.attribution.query import entry_of
from pipeline.images.loading import eval_loader
from pipeline.models import load_model
from pipeline.runtime.errors import UserError
from pipeline.runtime.machine import Machine
from pipeline.runtime.progress import track
from pipeline.settings import Attribution

log = logging.getLogger(__name__)


def write_maps(
    outs: Mapping[str, Path],
    inputs: Inputs,
    options: Attribution,
    machine: Machine,
    *,
    batch_size: int = 64,
    chunk: tuple[int, int] = (0, 1),
) -> None:
    """Compute the maps of a split, what the methods share once, and store them.

    Args:
        outs: method of the catalogue -> HDF5 file to write; methods of one kind of target.
        inputs: files of the model, its images and what the maps explain.
        options: of the methods.
        machine: what to compute on.
        batch_size: images per forward pass.
        chunk: number (from 0) and count: one part of the split alone, for
            `pipeline.attribution.join`; (0, 1) is all of it.

    Raises:
        UserError: an input is missing or broken, a method is not one of this model's, or the
            inputs do not belong together.
    """
    device, names = torch.device(machine.device), list(outs)
    if inputs.weights is None:
        raise UserError("--weights: give the model that is to be explained.")
    model = load_model(inputs.weights).requires_grad_(False)
    model.to(device).to(memory_format=torch.channels_last)
    entries = [entry_of(name, model.kind, options) for name in names]
    if len(kinds := {entry.targets for entry in entries}) > 1:
        raise UserError(f"--method: a job computes maps of one kind; these are of {sorted(kinds)}.")
    targets = entries[0].targets
    used = {"class": ("pairs",), "counterfactual": ("pairs",), "superset": ("supersets",)}
    files_used = ("weights", "shards", "records", *used.get(targets, ()))
    supersets = read_supersets(inputs.supersets) if "supersets" in files_used else {}
    records = read_records(inputs.records)
    whole = make_plan(records, targets, read_label_pairs(inputs.pairs))
    image_ids = records["image_id"].to_list()
    plan, samples = cut(whole, image_ids, batch_size, *chunk)
    shards = read_images(inputs.shards, records, samples)
    check_classes(plan, supersets, model.num_classes, inputs.weights)

    digests = {
        f"sha256_{name}": sha256(file) for name in files_used if (file := getattr(inputs, name))
    }
    titles = ", ".join(names)
    log.info("%s: %d maps from %d images", titles, plan.maps, plan.forwards)
    batches = track(
        eval_loader(shards, batch_size=batch_size, workers=machine.workers),
        shards.count,
        f"{titles} maps: images",
        size=lambda batch: len(batch.image_ids),
    )
    chunks = compute(model, names, targets, plan, batches, supersets, options, device)
    none = Maps({name: torch.empty(0, 1, 1) for name in names}, torch.empty(0))
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
            for name, entry, path in zip(names, entries, outs.values(), strict=True)
        }
        start = 0
        for part in itertools.chain([first], chunks):
            for name, writer in writers.items():
                own, others = part.maps[name].shape[1:], first.maps[name].shape[1:]
                if own != others:
                    raise UserError(
                        f"{name} gives maps of {own[0]} x {own[1]} after maps of {others[0]} x "
                        f"{others[1]}. All maps of a method need one size."
                    )
                writer.write(start, part.maps[name].numpy(), part.probabilities.numpy())
            start += len(part.probabilities)

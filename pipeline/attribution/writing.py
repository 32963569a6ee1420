"""The maps of one model by one or more methods -> one file of maps for each method."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pandas as pd
import torch

from pipeline.artefacts.files import sha256
from pipeline.artefacts.maps import MapStore, Writer
from pipeline.artefacts.pairs import read_label_pairs
from pipeline.artefacts.records import read_records
from pipeline.artefacts.supersets import read_supersets
from pipeline.attribution.chunks import cut
from pipeline.attribution.compute import Asked, Maps, compute
from pipeline.attribution.explained import units_of
from pipeline.attribution.inputs import Inputs, check_classes, read_images
from pipeline.attribution.plan import Plan, make_plan
from pipeline.attribution.query import entry_of
from pipeline.catalogue.methods import Entry
from pipeline.images.loading import eval_loader
from pipeline.models import load_model
from pipeline.runtime.errors import UserError
from pipeline.runtime.machine import Machine
from pipeline.runtime.memory import keep_freed_memory
from pipeline.runtime.progress import track
from pipeline.settings import Attribution

log = logging.getLogger(__name__)

# what the maps of each kind of target stand on, besides the model and its images
_FILES = {"class": ("pairs",), "counterfactual": ("pairs",), "superset": ("supersets",)}


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
        outs: method of the catalogue -> HDF5 file to write. Where the methods explain several kinds
            of targets, a kind that has none gives files without maps.
        inputs: files of the model, its images and what the maps explain.
        options: of the methods.
        machine: what to compute on.
        batch_size: images per forward pass.
        chunk: number (from 0) and count: one part of the split alone, for
            `pipeline.attribution.join`; (0, 1) is all of it.

    Raises:
        UserError: an input is missing or broken, a method is not one of this model's, there is no
            map to compute, or the inputs do not belong together.
    """
    keep_freed_memory()
    device = torch.device(machine.device)
    if inputs.weights is None:
        raise UserError("--weights: give the model that is to be explained.")
    model = load_model(inputs.weights).requires_grad_(False)
    model.to(device).to(memory_format=torch.channels_last)
    entries = {name: entry_of(name, model.kind, options) for name in outs}
    kinds = dict.fromkeys(entry.targets for entry in entries.values())
    supersets = read_supersets(inputs.supersets) if "superset" in kinds else {}
    records = read_records(inputs.records)
    whole = _plans(kinds, records, inputs)
    plans, samples = cut(whole, records["image_id"].to_list(), batch_size, *chunk)
    shards = read_images(inputs.shards, records, samples)
    for plan in plans.values():
        check_classes(plan, supersets, model.num_classes, inputs.weights)

    titles = ", ".join(outs)
    log.info("%s: %d maps", titles, sum(plans[each.targets].maps for each in entries.values()))
    batches = track(
        eval_loader(shards, batch_size=batch_size, workers=machine.workers),
        shards.count,
        f"{titles} maps: images",
        size=lambda batch: len(batch.image_ids),
    )
    asked = {
        kind: Asked(tuple(name for name in outs if entries[name].targets == kind), plan)
        for kind, plan in plans.items()
    }
    about = {
        name: {
            "method": name,
            "targets": entry.targets,
            "units": units_of(entry, model.head, options),
            "attributes": {
                "forwards": plans[entry.targets].forwards,
                **_digests(entry, inputs),
            },
            "rows": plans[entry.targets].rows(),
            "half": entry.at_input,
        }
        for name, entry in entries.items()
    }
    _store(outs, about, compute(model, asked, batches, supersets, options, device))


def _plans(kinds: Iterable[str], records: pd.DataFrame, inputs: Inputs) -> dict[str, Plan]:
    """The maps of each kind of target; UserError where there is none of any kind."""
    pairs = read_label_pairs(inputs.pairs)
    plans, problems = {}, []
    for kind in kinds:
        try:
            plans[kind] = make_plan(records, kind, pairs)
        except UserError as problem:
            plans[kind] = Plan({})
            problems.append(problem)
    if len(problems) == len(plans):
        raise problems[0]
    for each in problems:
        log.warning("%s", each)
    return plans


def _digests(entry: Entry, inputs: Inputs) -> dict[str, str]:
    """The SHA-256 of each file that a method's maps stand on."""
    names = ("weights", "shards", "records", *_FILES.get(entry.targets, ()))
    return {f"sha256_{name}": sha256(file) for name in names if (file := getattr(inputs, name))}


def _store(
    outs: Mapping[str, Path], about: Mapping[str, dict], batches: Iterator[dict[str, Maps]]
) -> None:
    """Write the maps of all batches; the files appear together at the end."""
    shapes: dict[str, tuple[int, int]] = {}
    writers: dict[str, Writer] = {}

    with ExitStack() as files:

        def writer_of(name: str, shape: tuple[int, int]) -> Writer:
            if name not in writers:
                shapes[name] = shape
                new = MapStore.create(outs[name], shape=shape, **about[name])
                writers[name] = files.enter_context(new)
            if shape != shapes[name]:
                (height, width), (first_height, first_width) = shape, shapes[name]
                raise UserError(
                    f"{name} gives maps of {height} x {width} after maps of {first_height} x "
                    f"{first_width}. All maps of a method need one size."
                )
            return writers[name]

        starts: dict[str, int] = {}
        for batch in batches:
            for kind, found in batch.items():
                start = starts.get(kind, 0)
                for name, maps in found.maps.items():
                    writer = writer_of(name, (maps.shape[1], maps.shape[2]))
                    writer.write(start, maps.numpy(), found.probabilities.numpy())
                starts[kind] = start + len(found.probabilities)
        for name in outs:
            if name not in writers:  # a chunk may be empty, and so may a kind
                writer_of(name, (1, 1))

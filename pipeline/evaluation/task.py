"""What the evaluations of single maps share: their command line, their inputs, their score file.

An evaluation is a function ``measure(subject, section) -> Result``. Its maps are those of each
image's own label (or its superset, or the location prior), whatever the file holds.
"""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from pipeline.artefacts.maps import MapStore
from pipeline.artefacts.records import read_records
from pipeline.artefacts.scores import (
    parse_identity,
    per_image_path,
    provenance,
    read_score,
    write_arrays,
    write_score,
)
from pipeline.artefacts.shards import Shards, open_shards
from pipeline.artefacts.targets import own_target
from pipeline.images.geometry import RESIZES
from pipeline.images.loading import eval_loader
from pipeline.models import load_model
from pipeline.models.classifier import Classifier
from pipeline.runtime import cli
from pipeline.runtime.errors import UserError
from pipeline.runtime.machine import add_machine, use_machine
from pipeline.runtime.progress import track
from pipeline.settings import Attribution, Task

log = logging.getLogger(__name__)

Section = TypeVar("Section", bound=Task)


class Chunk(NamedTuple):
    """Some test images and their maps.

    Attributes:
        images: (B, 3, S, S) normalised, on the model's device.
        labels: (B,) int64, on the model's device.
        image_ids: B names.
        maps: (B, h, w) float32 on the CPU, at the maps' own resolution; None without maps.
    """

    images: Tensor
    labels: Tensor
    image_ids: list[str]
    maps: Tensor | None


class Result(NamedTuple):
    """What was measured.

    Attributes:
        values: name -> number.
        intervals: name -> (low, high), for some or all of the values.
        details: what else a reader needs: counts, skipped images.
        arrays: per-image results; ``image_id`` (N,), and ``replicates.<value>`` (R,) of the
            bootstrap for every value that is compared between methods.
    """

    values: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    details: dict[str, Any]
    arrays: dict[str, np.ndarray]


class Subject:
    """A model, its maps by one method, and the images of a split that are measured.

    Attributes:
        model: in evaluation mode, without parameter gradients.
        method: name of the method; "model" without maps.
        options: of the method, for evaluations that compute further maps.
        records: of the measured images, in the order of the shards.
        resize: ``images.resize`` of the shards, for `pipeline.images.geometry`.
        size: side of a stored image, pixels.
        base: score of the model without maps, where the evaluation needs one.
        base_arrays: its per-image results.
        device: where the model is.
    """

    def __init__(
        self,
        model: Classifier,
        method: str,
        options: Attribution,
        shards: Shards,
        records: pd.DataFrame,
        store: MapStore | None,
        device: torch.device,
        *,
        resize: str = "square",
        base: Path | None = None,
        workers: int = 2,
    ) -> None:
        self.model = model
        self.method = method
        self.options = options
        self.records = records
        self.resize = resize
        self.size = shards.side
        self.device = device
        self.base = read_score(base) if base else None
        self.base_arrays = dict(np.load(per_image_path(base))) if base else {}
        self._shards = shards
        self._store = store
        self._workers = workers

    def chunks(self, batch_size: int) -> Iterator[Chunk]:
        """The measured images in order, with progress.

        Args:
            batch_size: images a chunk; the last may be smaller.

        Raises:
            UserError: the shards lack an image, or the store its map.
        """
        position = {name: row for row, name in enumerate(self._shards.image_ids)}
        try:
            rows = np.array([position[name] for name in self.records["image_id"]])
        except KeyError as error:
            raise UserError(
                f"The shards lack the image {error}: they and the records belong to different "
                "data. Delete the shards and run again."
            ) from None
        batches = eval_loader(self._shards, batch_size=batch_size, workers=self._workers, rows=rows)
        for batch in track(batches, len(rows), "images", size=lambda each: len(each.image_ids)):
            yield Chunk(
                batch.images.to(self.device, memory_format=torch.channels_last),
                batch.labels.to(self.device),
                batch.image_ids,
                self._maps(batch.image_ids, batch.labels.tolist()),
            )

    def _maps(self, names: list[str], labels: list[int]) -> Tensor | None:
        if self._store is None:
            return None
        kind = self._store.kind
        rows = [
            self._store.lookup(name, own_target(kind, label))
            for name, label in zip(names, labels, strict=True)
        ]
        return torch.from_numpy(np.stack([self._store.maps[row] for row in rows]))


def spread(records: pd.DataFrame, images: int | None) -> pd.DataFrame:
    """At most ``images`` records, evenly spread over the split, whose classes stand in order."""
    if images is None or images >= len(records):
        return records
    rows = np.linspace(0, len(records) - 1, images).round().astype(int)
    return records.iloc[np.unique(rows)]


def run_task(
    argv: list[str],
    task: str,
    section_type: type[Section],
    measure: Callable[[Subject, Section], Result],
    description: str,
) -> None:
    """The command line of an evaluation.

    Args:
        argv: as on the command line.
        task: name of the evaluation, of the module and of the score's task.
        section_type: its section.
        measure: the evaluation.
        description: what it measures, for ``--help``.

    Raises:
        UserError: inputs are missing, broken or do not belong together.
    """
    arguments = cli.parser(measure.__module__, description)
    cli.add_section(arguments, section_type)
    arguments.add_argument(
        "--options", default="{}", metavar="JSON", help="options of the attribution method"
    )
    arguments.add_argument("--weights", type=Path, required=True, help="weights.safetensors")
    arguments.add_argument("--shards", type=Path, required=True, help="manifest.json of a split")
    arguments.add_argument("--records", type=Path, required=True, help="the split's records")
    arguments.add_argument("--maps", type=Path, nargs="?", help="attribution maps, .h5")
    arguments.add_argument("--base", type=Path, nargs="?", help="score of the model without maps")
    arguments.add_argument(
        "--resize", choices=RESIZES, default="square", help="images.resize of the shards"
    )
    arguments.add_argument("--identity", required=True, metavar="JSON", help="what is measured")
    arguments.add_argument("--out", type=Path, required=True, help="score file to write, .json")
    add_machine(arguments)
    given = arguments.parse_args(argv)
    section = cli.read_section(given.section, section_type)
    options = cli.read_section(given.options, Attribution)
    identity = parse_identity(given.identity)
    device = torch.device(use_machine(given))

    model = load_model(given.weights).requires_grad_(False)
    model.to(device).to(memory_format=torch.channels_last)
    records = spread(read_records(given.records), section.images)
    if records.empty:
        raise UserError(f"{given.records} has no images: there is nothing to measure.")
    store = MapStore.open(given.maps) if given.maps else None
    if store and store.kind == "counterfactual":
        raise UserError(f"{given.maps}: counterfactual maps explain no single class.")
    try:
        subject = Subject(
            model,
            identity["method"],
            options,
            open_shards(given.shards),
            records,
            store,
            device,
            resize=given.resize,
            base=given.base,
            workers=given.workers,
        )
        result = measure(subject, section)
    finally:
        if store:
            store.close()
    inputs = {
        name: path
        for name in ("weights", "shards", "records", "maps", "base")
        if (path := getattr(given, name))
    }
    write_arrays(per_image_path(given.out), result.arrays)
    write_score(
        given.out,
        task=task,
        identity=identity,
        values=result.values,
        intervals=result.intervals,
        details=result.details,
        provenance=provenance(section, inputs),
    )
    log.info("%s: %s", given.out, {name: round(v, 4) for name, v in result.values.items()})

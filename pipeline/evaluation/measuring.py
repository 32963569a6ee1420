"""One evaluation of the catalogue, on files.

The module of the evaluation is imported by its name in the catalogue, so that an edit in one
evaluation reruns its own jobs alone.
"""

import importlib
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import torch

from pipeline.artefacts.maps import MapStore
from pipeline.artefacts.records import read_records
from pipeline.artefacts.shards import open_shards
from pipeline.catalogue.evaluations import EVALUATIONS, code_of_evaluation
from pipeline.evaluation.result import Result
from pipeline.evaluation.sampling import spread
from pipeline.evaluation.subject import Subject
from pipeline.models import load_model
from pipeline.runtime.errors import UserError
from pipeline.runtime.machine import Machine
from pipeline.settings import Attribution, MapEvaluation


@dataclass(frozen=True)
class Inputs:
    """The files of an evaluation.

    Attributes:
        weights: weights.safetensors of the model; None where maps alone are measured.
        shards: manifest.json of a split.
        records: of the split.
        maps: file of its maps; None for evaluations of a model alone.
        base: score of the model without maps, where the evaluation needs one.
        pairs: pairs.csv of the data set, where the evaluation reads it.
        fixations: of the split's images, where the evaluation reads them.
        resize: ``images.resize`` of the shards.
    """

    weights: Path | None
    shards: Path
    records: Path
    maps: Path | None = None
    base: Path | None = None
    pairs: Path | None = None
    fixations: Path | None = None
    resize: str = "square"

    def files(self) -> dict[str, Path]:
        """Name -> path of the files that there are."""
        names = ("weights", "shards", "records", "maps", "base", "pairs", "fixations")
        return {name: path for name in names if (path := getattr(self, name))}


def evaluation_module(name: str) -> ModuleType:
    """The module of an evaluation of the catalogue."""
    return importlib.import_module(code_of_evaluation(name))


def measured(
    name: str,
    section: MapEvaluation,
    inputs: Inputs,
    machine: Machine,
    *,
    method: str,
    options: Attribution,
) -> Result:
    """Measure a model, most often by its maps by one method.

    Args:
        name: of the evaluation, in `pipeline.catalogue.evaluations`.
        section: of the evaluation.
        inputs: its files.
        machine: what to compute on.
        method: name of the attribution method; ``"model"`` without maps.
        options: of the method, for evaluations that compute further maps.

    Raises:
        UserError: inputs are missing, broken or do not belong together.
    """
    if inputs.weights is None and (name not in EVALUATIONS or EVALUATIONS[name].asks_model):
        raise UserError(f"--weights: {name} asks a model. Give its weights.")
    device = torch.device(machine.device)
    model = None
    if inputs.weights is not None:
        model = load_model(inputs.weights).requires_grad_(False)
        model.to(device).to(memory_format=torch.channels_last)
    records = spread(read_records(inputs.records), section.images)
    if records.empty:
        raise UserError(f"{inputs.records} has no images: there is nothing to measure.")
    store = MapStore.open(inputs.maps) if inputs.maps else None
    if store and name in EVALUATIONS and store.kind not in EVALUATIONS[name].targets:
        raise UserError(
            f"{inputs.maps} has {store.kind} maps, which {name} does not measure: give maps of "
            f"kind {' or '.join(EVALUATIONS[name].targets)}."
        )
    try:
        subject = Subject(
            model,  # type: ignore[arg-type] # an evaluation of maps alone asks none
            method,
            options,
            open_shards(inputs.shards),
            records,
            store,
            device,
            resize=inputs.resize,
            base=inputs.base,
            pairs=inputs.pairs,
            fixations=inputs.fixations,
            workers=machine.workers,
        )
        return evaluation_module(name).measure(subject, section)
    finally:
        if store:
            store.close()

"""One evaluation of the catalogue, on files; without PyTorch where it asks no model.

The module of the evaluation is imported by its name in the catalogue, so that an edit in one
evaluation reruns its own jobs alone.
"""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pandas as pd

from pipeline.artefacts.maps import MapStore
from pipeline.artefacts.records import read_records
from pipeline.artefacts.shards import open_shards
from pipeline.catalogue.evaluations import EVALUATIONS, code_of_evaluation
from pipeline.evaluation.map_subject import MapSubject
from pipeline.evaluation.result import Result
from pipeline.evaluation.sampling import spread
from pipeline.runtime.errors import UserError
from pipeline.settings import MapEvaluation


@dataclass(frozen=True)
class Inputs:
    """The files of an evaluation.

    Attributes:
        weights: weights.safetensors of the model. An evaluation that asks no model does not
            open it, and needs none.
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


def asks_model(name: str) -> bool:
    """Whether an evaluation of the catalogue, or a base, asks a model."""
    return name not in EVALUATIONS or EVALUATIONS[name].asks_model


def of_maps(name: str, section: MapEvaluation, inputs: Inputs, *, method: str) -> Result:
    """Measure a method's maps by an evaluation that asks no model.

    Args:
        name: of the evaluation, in `pipeline.catalogue.evaluations`.
        section: of the evaluation.
        inputs: its files.
        method: name of the attribution method.

    Raises:
        UserError: inputs are missing, broken or do not belong together.
    """
    with opened(name, section, inputs) as (records, store):
        subject = MapSubject(
            method,
            records,
            store,
            size=open_shards(inputs.shards).side,
            resize=inputs.resize,
            fixations=inputs.fixations,
        )
        return evaluation_module(name).measure(subject, section)


@contextmanager
def opened(
    name: str, section: MapEvaluation, inputs: Inputs
) -> Iterator[tuple[pd.DataFrame, MapStore | None]]:
    """The records of the images that are measured and, if there are any, their maps.

    Raises:
        UserError: there is nothing to measure, or the evaluation does not measure such maps.
    """
    records = spread(read_records(inputs.records), section.images)
    if records.empty:
        raise UserError(f"{inputs.records} has no images: there is nothing to measure.")
    store = MapStore.open(inputs.maps) if inputs.maps else None
    try:
        if store and name in EVALUATIONS and store.kind not in EVALUATIONS[name].targets:
            raise UserError(
                f"{inputs.maps} has {store.kind} maps, which {name} does not measure: give maps of "
                f"kind {' or '.join(EVALUATIONS[name].targets)}."
            )
        yield records, store
    finally:
        if store:
            store.close()

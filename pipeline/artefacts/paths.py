"""Every path of a results folder, spelled once.

A path is a pattern with the workflow's wildcards in braces, ``"{dataset}"`` or ``"{split}"``: the
rules use it unchanged, and :func:`fill` substitutes names.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

# names of files that a stage gives itself, or finds next to another
MANIFEST, SAMPLES, CACHE = "manifest.json", "samples.parquet", "cache.json"  # of shards
CHECK = "check.json"  # of a data set, or of its cues: it vouches for the tables of its folder
METRICS = "metrics.json"  # of a training; vouches for its history
BEST = "best.json"  # of a search; vouches for its tables
TABLES = "tables.json"  # vouches for the tables next to it

MODEL = "{dataset}/{architecture}/{variant}/seed{seed}"
SEARCHED = "{dataset}/{architecture}/{variant}"  # a model whose training keys are searched
NOTHING = "(?!)"  # a pattern that matches no name
# stand for architecture and variant of maps of the user's that belong to no model of the study
WITHOUT_MODEL, OWN_MAPS = "without_model", "own_maps"
NO_MAPS = "model"  # stands for the method where a model is measured without maps


@dataclass(frozen=True)
class Names:
    """What the wildcards of a path stand for, by their names; the workflow's own object has the
    same attributes.
    """

    dataset: str | None = None
    architecture: str | None = None
    variant: str | None = None
    seed: str | int | None = None
    split: str | None = None
    method: str | None = None
    task: str | None = None
    chunk: str | int | None = None
    draw: str | int | None = None
    figure: str | None = None


class _Lookup(Mapping[str, Any]):
    """Names, and further ones over them, as `str.format_map` asks for them."""

    def __init__(self, names: Any, more: Mapping[str, Any]) -> None:
        self._names, self._more = names, more

    def __getitem__(self, key: str) -> Any:
        value = self._more[key] if key in self._more else getattr(self._names, key, None)
        if value is None:
            raise KeyError(key)
        return value

    def __iter__(self) -> Any:
        raise TypeError("the names are only looked up")

    def __len__(self) -> int:
        raise TypeError("the names are only looked up")


def fill(pattern: str, names: Any = None, **more: Any) -> str:
    """The path that a pattern gives for ``names`` (a `Names`, or wildcards) and ``more`` over them.

    Raises:
        KeyError: the pattern has a wildcard that has no name.
    """
    return pattern.format_map(_Lookup(names, more))


def names_in(pattern: str, path: str | PurePath) -> dict[str, str] | None:
    """The names in a path, by their wildcards: :func:`fill` of these gives the path again.

    Args:
        pattern: of ``Paths("{results}")``, where the folder of results is not known.
        path: with ``/`` between folders.

    Returns:
        None where the path is not of that pattern. Only ``results`` may hold a ``/``.
    """
    texts = re.split(r"\{(\w+)\}", pattern)
    expression, seen = "", set()
    for index, text in enumerate(texts):
        if index % 2 == 0:
            expression += re.escape(text)
        elif text in seen:
            expression += f"(?P={text})"
        else:
            seen.add(text)
            expression += f"(?P<{text}>{'.*' if text == 'results' else '[^/]+'})"
    found = re.fullmatch(expression, PurePath(path).as_posix())
    return found.groupdict() if found else None


class Paths:
    """The files of one results folder.

    Files of which a stage writes several stand in a folder: ``model`` holds weights.safetensors,
    history.csv, metrics.json and section.json. Tables, figures and logs have patterns as well.
    """

    def __init__(self, results: str) -> None:
        self.results = results
        # 1 datasets
        self.raw = f"{results}/raw/{{dataset}}"
        self.raw_manifest = f"{results}/raw/{{dataset}}.json"
        self.dataset = f"{results}/datasets/{{dataset}}"
        self.records = f"{self.dataset}/{{split}}.parquet"
        self.classes = f"{self.dataset}/classes.csv"
        self.fixations = f"{self.dataset}/fixations.parquet"  # of the test images
        self.data_check = f"{self.dataset}/{CHECK}"
        # 2 shards, 3 cues, 4 supersets
        self.shards = f"{results}/shards/{{dataset}}/{{split}}/{MANIFEST}"
        self.shard_samples = f"{results}/shards/{{dataset}}/{{split}}/{SAMPLES}"
        self.shard_cache = f"{results}/shards/{{dataset}}/{{split}}/{CACHE}"
        self.pairs = f"{results}/cues/{{dataset}}/pairs.csv"
        self.part_maps = f"{results}/cues/{{dataset}}/part_maps.h5"
        self.cue_check = f"{results}/cues/{{dataset}}/{CHECK}"
        self.supersets = f"{results}/supersets/{{dataset}}.json"
        # 5 train, and search
        self.model = f"{results}/models/{MODEL}"
        self.weights = f"{self.model}/weights.safetensors"
        self.history = f"{self.model}/history.csv"
        self.metrics = f"{self.model}/{METRICS}"
        self.training_section = f"{self.model}/section.json"
        self.checkpoints = f"{results}/checkpoints"
        self.tensorboard = f"{results}/tensorboard/{MODEL}"
        self.search = f"{results}/search/{SEARCHED}"
        self.draw = f"{self.search}/draw{{draw}}.json"
        self.ledger = f"{self.search}/ledger.csv"
        self.best = f"{self.search}/{BEST}"
        self.expected_best = f"{self.search}/expected_best.csv"
        # 6 attribute
        self.maps = f"{results}/maps/{MODEL}/{{split}}/{{method}}.h5"
        self.map_chunk = f"{results}/maps/{MODEL}/{{split}}/chunks/{{method}}/{{chunk}}.h5"
        # 7 evaluate; the results per image have the same name and the suffix .npz
        self.score = f"{results}/scores/{{task}}/{MODEL}/{{method}}.json"
        self.baseline_score = f"{results}/scores/{{task}}/{{dataset}}/baselines/{{method}}.json"
        # 8 report
        self.tables = f"{results}/tables/{TABLES}"
        self.table = f"{results}/tables/{{table}}"
        self.figure = f"{results}/figures/{{dataset}}/{{architecture}}/{{figure}}"
        self.explorer = f"{results}/explorer/{{dataset}}/{{architecture}}.json"
        self.report = f"{results}/report.html"
        self.tracked = f"{results}/tracked/{{tracker}}.json"
        # what every job writes
        self.logs = f"{results}/logs"
        self.benchmarks = f"{results}/benchmarks"

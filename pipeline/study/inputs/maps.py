"""Files of attribution maps, and what decides them."""

import os
from dataclasses import asdict
from functools import cache
from glob import escape, glob
from typing import Any

from pipeline.artefacts.files import canonical_json
from pipeline.artefacts.paths import NOTHING, Paths, fill
from pipeline.catalogue.methods import METHODS, Entry
from pipeline.runtime.functions import source_files
from pipeline.study.jobs import Study

# Methods that share what costs most, a forward pass or noisy gradients: one job writes the maps of
# all of them. By the module that they stand in.
TOGETHER = {
    module: tuple(name for name, entry in METHODS.items() if entry.module == module)
    for module in ("cam", "calm", "noise")
}


class MapInputs:
    """The files of a study's attribution maps."""

    def __init__(self, study: Study, paths: Paths) -> None:
        self._study, self._paths = study, paths

    def datasets(self, *, chunked: bool) -> str:
        """The data sets whose maps are made in chunks, or in one piece, as a pattern."""
        datasets = self._study.datasets.items()
        found = [name for name, dataset in datasets if (dataset.map_chunks > 1) == chunked]
        return "|".join(found) or NOTHING

    def computed_methods(self) -> str:
        """The methods whose maps the study computes, as a pattern."""
        return "|".join((*METHODS, *self._study.methods.functions))

    def single_methods(self) -> str:
        """Those that have a job of their own, as a pattern."""
        own = (name for name, entry in METHODS.items() if entry.module not in TOGETHER)
        return "|".join((*own, *self._study.methods.functions))

    def own_methods(self) -> str:
        """The names of the user's own maps, as a pattern."""
        return "|".join(self._study.own_maps) or NOTHING

    def entries(self, *methods: str) -> str:
        """What the catalogue says of methods: it decides their maps as the options do."""
        return _as_json(*(self._entry(name) for name in methods))

    def code(self, names: Any) -> str:
        """The module of a method."""
        return self._entry(names.method).code

    def function_files(self, names: Any) -> list[str]:
        """The files of the user's that a method is made of."""
        function = self._study.methods.functions.get(names.method)
        return source_files(function) if function else []

    def _entry(self, method: str) -> Entry:
        entry = self._study.entry(method)
        assert entry is not None  # these maps are computed
        return entry

    def options(self, *methods: str) -> str:
        """The options that methods use, as canonical JSON."""
        used: dict[str, Any] = {}
        for name in methods:
            used |= self._study.method_options(name)
        return canonical_json(used)

    def chunk(self, names: Any) -> str:
        """Which chunk a job computes: its number, and how many there are."""
        return f"{names.chunk} {self._study.datasets[names.dataset].map_chunks}"

    def chunks(self, names: Any) -> list[str]:
        """The chunks of one model's and one method's maps, in their order."""
        count = self._study.datasets[names.dataset].map_chunks
        return [fill(self._paths.map_chunk, names, chunk=number) for number in range(count)]

    def own_path(self, names: Any) -> str:
        """Where a user's own maps are."""
        return self._study.own_maps[names.method].path

    def own_files(self, names: Any) -> list[str]:
        """The files of a user's own maps. A missing one is the stage's to explain."""
        path = self.own_path(names)
        if os.path.isdir(path):
            return sorted(glob(os.path.join(escape(path), "**", "*.npy"), recursive=True))
        return [path] if os.path.exists(path) else []


@cache  # thousands of jobs ask for the same few
def _as_json(*entries: Entry) -> str:
    return canonical_json([asdict(entry) for entry in entries])

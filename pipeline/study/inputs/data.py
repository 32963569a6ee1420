"""Files of the data: raw folders, records, cues."""

import os
from collections.abc import Callable
from glob import escape, glob
from typing import Any

from pipeline.artefacts.files import canonical_json
from pipeline.artefacts.paths import NOTHING, Paths, fill
from pipeline.catalogue.layouts import LAYOUTS
from pipeline.study.config import Dataset
from pipeline.study.jobs import Study


class DataInputs:
    """The files of a study's data sets."""

    def __init__(self, study: Study, paths: Paths) -> None:
        self._study, self._paths = study, paths

    def of(self, names: Any) -> Dataset:
        """The data set's section."""
        return self._study.datasets[names.dataset]

    def methods(self, names: Any) -> tuple[str, ...]:
        """The attribution methods of a model."""
        return self._study.methods_of(names.dataset, names.architecture, names.variant)

    def reader(self, names: Any) -> str:
        """The module that reads a data set's raw files."""
        return LAYOUTS[self.of(names).records.layout].code

    def root(self, names: Any) -> str:
        """The folder of a data set's raw files."""
        return self.of(names).root or fill(self._paths.raw, names)

    def raw(self, names: Any) -> list[str]:
        """What says whether the raw data changed. A missing file is the stage's to explain."""
        dataset = self.of(names)
        if dataset.draw:
            return [fill(self._paths.raw_manifest, names)]
        folder = dataset.records.metadata or dataset.root or ""
        annotations = LAYOUTS[dataset.records.layout].annotations
        files = [os.path.join(folder, name) for name in annotations]
        files += filter(None, (dataset.records.boxes, dataset.records.masks))
        return [file for file in files if os.path.isfile(file)]  # masks may be a folder

    def gaze(self, names: Any) -> str:
        """Where people looked in the images: a file or a folder; "" where it is not known."""
        return self.of(names).gaze or ""

    def gaze_files(self, names: Any) -> list[str]:
        """The files of it. A missing one is the stage's to explain."""
        path = self.gaze(names)
        if os.path.isdir(path):
            return sorted(glob(os.path.join(escape(path), "*.txt")))
        return [path] if os.path.isfile(path) else []

    def attributes(self, names: Any) -> str:
        """The class attributes that a trunk may be pretrained on."""
        return os.path.join(self.root(names), "attributes/class_attribute_labels_continuous.txt")

    def pairs(self, names: Any) -> list[str]:
        """The class pairs of cue localisation, or else those that the config names; of test images.

        None where there are neither, nor of other splits.
        """
        is_test = getattr(names, "split", None) in (None, "test")
        return [fill(self._paths.pairs, names)] if self.has_pairs(names) and is_test else []

    def has_pairs(self, names: Any) -> bool:
        """Whether there are class pairs, whose maps differ."""
        dataset = self.of(names)
        return dataset.cue_localization or bool(dataset.class_pairs)

    def named_pairs(self, names: Any) -> str:
        """The class pairs that the config names, as JSON."""
        return canonical_json(self.of(names).class_pairs)

    def with_cues(self) -> str:
        """The data sets on which cue localisation is measured, as a pattern."""
        return self._pattern(lambda dataset: dataset.cue_localization)

    def without_cues(self) -> str:
        """The others, as a pattern."""
        return self._pattern(lambda dataset: not dataset.cue_localization)

    def remote(self) -> str:
        """The data sets whose shards lie elsewhere, as a pattern."""
        return self._pattern(lambda dataset: dataset.shards is not None)

    def url(self, names: Any) -> str:
        """The address of shards that lie elsewhere."""
        source = self.of(names).shards
        assert source is not None  # the rule is of these alone
        return source.url

    def local(self) -> str:
        """The others, as a pattern."""
        return self._pattern(lambda dataset: dataset.shards is None)

    def _pattern(self, belongs: Callable[[Dataset], bool]) -> str:
        datasets = self._study.datasets.items()
        return "|".join(name for name, dataset in datasets if belongs(dataset)) or NOTHING

    def part_maps(self, names: Any) -> list[str]:
        """The part maps; none where cue localisation is not measured."""
        return [fill(self._paths.part_maps, names)] if self.of(names).cue_localization else []

    def val_records(self, names: Any) -> list[str]:
        """The val images that choose a map threshold; none where they are not asked for."""
        records = self.of(names).records
        has_val = records.layout != "cub" or records.val_fraction > 0
        if self._study.evaluation.wsol.val_threshold and has_val:
            return [fill(self._paths.records, names, split="val")]
        return []

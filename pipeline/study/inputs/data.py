"""Files of the data: raw folders, records, cues."""

import os
from typing import Any

from pipeline.artefacts.paths import Paths, fill
from pipeline.study.config import Dataset
from pipeline.study.jobs import Study

ANNOTATIONS = {
    "cub": (
        "images.txt",
        "image_class_labels.txt",
        "train_test_split.txt",
        "bounding_boxes.txt",
        "classes.txt",
        "parts/part_locs.txt",
        "attributes/class_attribute_labels_continuous.txt",
    ),
    "wsol": tuple(
        f"{split}/{name}.txt"
        for split in ("train", "val", "test")
        for name in ("image_ids", "class_labels", "image_sizes", "localization")
    ),
    "folder": ("boxes.csv",),
}


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

    def root(self, names: Any) -> str:
        """The folder of a data set's raw files."""
        return self.of(names).root or fill(self._paths.raw, names)

    def raw(self, names: Any) -> list[str]:
        """What says whether the raw data changed. A missing file is the stage's to explain."""
        dataset = self.of(names)
        if dataset.draw:
            return [fill(self._paths.raw_manifest, names)]
        folder = dataset.records.metadata or dataset.root or ""
        files = [os.path.join(folder, name) for name in ANNOTATIONS[dataset.records.layout]]
        files += filter(None, (dataset.records.boxes, dataset.records.masks))
        return [file for file in files if os.path.isfile(file)]  # masks may be a folder

    def attributes(self, names: Any) -> str:
        """The class attributes that a trunk may be pretrained on."""
        return os.path.join(self.root(names), "attributes/class_attribute_labels_continuous.txt")

    def pairs(self, names: Any) -> list[str]:
        """The class pairs; none where cue localisation is not measured, nor of other splits."""
        is_test = getattr(names, "split", None) in (None, "test")
        measured = self.of(names).cue_localization and is_test
        return [fill(self._paths.pairs, names)] if measured else []

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

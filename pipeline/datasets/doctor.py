"""Does a study have what it needs? Its data sets are read and checked, its weights looked for."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.datasets.readers import READERS
from pipeline.runtime.errors import UserError
from pipeline.study.config import Dataset, Study

CUB = "CUB-200-2011 is at CaltechDATA ('Caltech-UCSD Birds-200-2011', Wah et al., 2011)."
# The WSOL benchmark's lists come with its code (Choe et al., CVPR 2020), in these folders.
WSOL = {
    "CUB": f"{CUB} The val images (CUBV2) are released by the WSOL benchmark's authors.",
    "ILSVRC": "val/ and train/ are ILSVRC 2012 of the ImageNet project, for registered "
    "researchers; val2/ is ImageNetV2, version Threshold0.7 (Recht et al., ICML 2019).",
    "OpenImages": "Images and masks are OpenImages30k, released by the WSOL benchmark's authors; "
    "they were chosen from Open Images V5.",
}
LISTS = "The lists are in the folder `metadata` of the WSOL benchmark's code (wsolevaluation)."
# What the cues stage reads beside the records.
ATTRIBUTES = "attributes/class_attribute_labels_continuous.txt"


def diagnose(study: Study, workers: int) -> Iterator[tuple[bool, str]]:
    """Check a study's data sets and weights one after the other.

    Args:
        study: its config.
        workers: decoding threads.

    Yields:
        Whether it can be used, and a paragraph that says what was found, or else what is missing,
        where it is to be had and what it should look like.
    """
    for name, dataset in study.datasets.items():
        yield _dataset(name, dataset, workers)
    for key, weights in study.named_weights():
        yield _weights(key, weights)


def _dataset(name: str, dataset: Dataset, workers: int) -> tuple[bool, str]:
    if dataset.root is None:
        return True, f"{name}: drawn by the study itself."
    reader = READERS[dataset.records.layout]
    head = f"{name}: {dataset.root}, layout {dataset.records.layout}"
    try:
        _, _, summary = reader.read(dataset.root, dataset.records, workers)
        if dataset.cues and not (Path(dataset.root) / ATTRIBUTES).is_file():
            raise UserError(
                f"{Path(dataset.root) / ATTRIBUTES} is missing, which cue localisation needs. "
                f"Put it in place, or set `cues: false` for {name}."
            )
    except UserError as error:
        parts = [str(error), f"Where to get it: {_source(dataset)}", reader.layout]
        return False, "\n".join([f"{head}: not usable.", *map(_indented, parts)])
    return True, "\n".join([f"{head}: found.", *map(_indented, _facts(summary))])


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())


def _facts(summary: dict[str, Any]) -> Iterator[str]:
    """A summary of the check in words; what is nought goes without saying."""
    images = summary["images"]
    yield f"{summary['classes']} classes; " + ", ".join(
        f"{count} {split} images" for split, count in images.items()
    )
    for split, count in summary.get("splits_without_images", {}).items():
        yield f"split {split} is empty: none of the {count} images in its list is there"
    for key, count in summary.items():
        count = count["count"] if key == "masks_without_foreground" else count
        if isinstance(count, int) and count and key != "classes":
            yield f"{key.replace('_', ' ')}: {count}"


def _source(dataset: Dataset) -> str:
    """Who publishes a data set."""
    records = dataset.records
    if records.layout == "cub":
        return CUB
    if records.layout == "folder":
        return "these are your own images."
    return f"{WSOL.get(Path(records.metadata or '').name, '')} {LISTS}".strip()


def _weights(key: str, weights: str) -> tuple[bool, str]:
    if weights == "none":
        return True, f"{key}: none, training starts from random weights."
    if weights.startswith("model:"):
        return True, f"{key}: {weights}, trained by the study itself."
    if weights.startswith("torchvision:"):
        return True, f"{key}: {weights}, downloaded by torchvision when they are first used."
    if os.path.isfile(weights):
        return True, f"{key}: {weights}, found."
    return False, (
        f"{key}: {weights} is missing.\n"
        "  Correct the path, run the study that trains these weights, or write torchvision:NAME\n"
        "  for torchvision's own, such as torchvision:ResNet50_Weights.IMAGENET1K_V1."
    )

"""Whether a folder of raw data can be used: checked as a study would, reported in words."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.datasets.readers import reader_of
from pipeline.runtime.errors import UserError
from pipeline.settings import Records

CUB = (
    "CUB-200-2011 is available from CaltechDATA ('Caltech-UCSD Birds-200-2011', Wah et al., 2011)."
)
# The WSOL benchmark's lists come with its code (Choe et al., CVPR 2020), in these folders.
WSOL = {
    "CUB": f"{CUB} The val images (CUBV2) are released by the WSOL benchmark's authors.",
    "ILSVRC": "val/ and train/ are ILSVRC 2012 of the ImageNet project, for registered "
    "researchers; val2/ is ImageNetV2, version Threshold0.7 (Recht et al., ICML 2019).",
    "OpenImages": "Images and masks are OpenImages30k, released by the WSOL benchmark's authors; "
    "they were chosen from Open Images V5.",
}
NAMED = 5  # of what is odd, the first files by name
LISTS = "The lists are in the folder `metadata` of the WSOL benchmark's code (wsolevaluation)."


def diagnose(root: str, records: Records, workers: int) -> tuple[pd.DataFrame | None, str]:
    """Read and check a folder of raw data, as the study would.

    Args:
        root: the folder.
        records: what of it is used, and, as a `RecordsJob`, what the study measures by.
        workers: decoding threads.

    Returns:
        Its records, None if it cannot be used; and a paragraph that says what was found, or else
        what is missing, where to get it and what it should look like.
    """
    reader = reader_of(records.layout)
    head = f"{root}, layout {records.layout}"
    try:
        images, _, summary = reader.read(root, records, workers)
    except UserError as error:
        source = _source(records)
        parts = [str(error), *([f"Where to get it: {source}"] if source else []), reader.layout]
        return None, "\n".join([f"{head}: not usable.", *map(_indented, parts)])
    return images, "\n".join([f"{head}: found.", *map(_indented, _facts(summary))])


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())


def _facts(summary: dict[str, Any]) -> Iterator[str]:
    """A summary of the check in words, without what is zero."""
    images = summary["images"]
    yield f"{summary['classes']} classes; " + ", ".join(
        f"{count} {split} images" for split, count in images.items()
    )
    for split, count in summary.get("splits_without_images", {}).items():
        yield f"split {split} is empty: none of the {count} images in its list is there"
    for key, count in {**summary, **summary["skipped"]}.items():
        words = key.replace("_", " ")
        if isinstance(count, int) and count and key != "classes":
            yield f"{words}: {count}"
        elif isinstance(count, dict) and count.get("count"):
            more = ", ..." if len(count["first"]) > NAMED else ""
            yield f"{words}: {count['count']} ({', '.join(count['first'][:NAMED])}{more})"


def _source(records: Records) -> str:
    """Who publishes a data set; "" of one's own images."""
    if records.layout == "cub":
        return CUB
    if records.layout == "wsol":
        return f"{WSOL.get(Path(records.metadata or '').name, '')} {LISTS}".strip()
    return ""

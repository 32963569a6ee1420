"""Records: one row per image, in one form for every data set, stored as Parquet."""

from pathlib import Path

import pandas as pd
import pyarrow as pa

from pipeline.artefacts.parquet import read_table, write_table

SPLITS = ("train", "val", "test")
KEYPOINTS = 15  # of CUB-200-2011, in the order of its parts/parts.txt

SCHEMA = pa.schema(
    {
        # path relative to the images folder; names the image everywhere
        "image_id": pa.string(),
        # path of the image file: the root as the user gave it, joined with the rest
        "path": pa.string(),
        # 1-based, as in CUB-200-2011's files; elsewhere the data set's own label + 1
        "class_id": pa.int64(),
        # 0-based and contiguous among the selected classes, in the order of class_id
        "label": pa.int64(),
        # of the image as it is used, pixels
        "width": pa.int64(),
        "height": pa.int64(),
        # K boxes as 4 K numbers x0, y0, x1, y1 in image pixels
        "boxes": pa.list_(pa.float64()),
        # the image is rotated by its EXIF orientation before use; all else refers to it so
        "upright": pa.bool_(),
        # path of the foreground mask (not black is foreground), or ""
        "segmentation": pa.string(),
        # names of masks (pipeline.images.label_maps.read_mask), one for each instance of the
        # image's class; empty where there are none
        "masks": pa.list_(pa.string()),
        # name of the ignore mask, of pixels that are left out unless they are object, or ""
        "ignore": pa.string(),
        # 15 keypoints as 45 numbers x, y (image pixels), visible (0 or 1); empty where unknown
        "keypoints": pa.list_(pa.float64()),
        # path of the label map of true parts (0 background, 1..7 parts), or ""
        "true_parts": pa.string(),
    }
)


def write_records(path: str | Path, records: pd.DataFrame) -> None:
    """Write records (columns of `SCHEMA`; further columns are left out) atomically.

    Without the column ``upright`` no image is turned.
    """
    if "upright" not in records:
        records = records.assign(upright=False)
    table = pa.Table.from_pandas(records[SCHEMA.names], schema=SCHEMA, preserve_index=False)
    write_table(path, table)


def read_records(path: str | Path) -> pd.DataFrame:
    """Read records; ``boxes`` and ``keypoints`` come as float64 arrays of (4 K,) and (45,).

    ``masks`` comes as arrays of str.

    Raises:
        UserError: the file is missing; or it is damaged or has other columns, and was moved aside.
    """
    return read_table(path, SCHEMA).to_pandas(use_threads=False)

"""Fixations: where people looked in a data set's test images, one row each, stored as Parquet."""

from pathlib import Path

import pandas as pd
import pyarrow as pa

from pipeline.artefacts.parquet import read_table, write_table

SCHEMA = pa.schema(
    {
        "image_id": pa.string(),
        # who looked, or in which run: names that mean the same in all images
        "viewer": pa.string(),
        # in pixels of the image as it is used, from its upper left corner
        "x": pa.float64(),
        "y": pa.float64(),
        # milliseconds
        "duration": pa.float64(),
    }
)


def write_fixations(path: str | Path, fixations: pd.DataFrame) -> None:
    """Write fixations (columns of `SCHEMA`) atomically."""
    table = pa.Table.from_pandas(fixations[SCHEMA.names], schema=SCHEMA, preserve_index=False)
    write_table(path, table)


def read_fixations(path: str | Path) -> pd.DataFrame:
    """Read fixations.

    Raises:
        UserError: the file is missing; or it is damaged or has other columns, and was moved aside.
    """
    return read_table(path, SCHEMA).to_pandas(use_threads=False)

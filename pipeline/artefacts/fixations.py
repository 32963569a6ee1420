"""Fixations: where people looked in a data set's test images, one row each, stored as Parquet."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.artefacts.files import atomic_path
from pipeline.runtime.errors import UserError

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
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary)


def read_fixations(path: str | Path) -> pd.DataFrame:
    """Read fixations.

    Raises:
        UserError: the file is missing, broken or has other columns.
    """
    try:
        # in this thread, as records are
        table = pq.ParquetFile(path, pre_buffer=False).read(use_threads=False)
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing. Run the dataset stage that writes it.") from error
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(
            f"{path} is no readable Parquet file ({error}). Delete it and run the dataset stage "
            "again."
        ) from error
    if not table.schema.equals(SCHEMA):
        raise UserError(
            f"{path} does not hold fixations of this version. Delete it and run the dataset stage "
            "again."
        )
    return table.to_pandas(use_threads=False)

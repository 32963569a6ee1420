"""The class pairs of a data set, pairs.csv: two classes and the parts in which they differ."""

from pathlib import Path

import pandas as pd

from pipeline.artefacts.files import atomic_path
from pipeline.runtime.errors import UserError


def read_pairs(path: str | Path) -> pd.DataFrame:
    """Read pairs.csv: class_a, class_b, label_a, label_b, parts (tuple of ids), n_parts."""
    try:
        pairs = pd.read_csv(path, dtype={"parts": str})
        pairs["parts"] = [tuple(int(part) for part in text.split(";")) for text in pairs["parts"]]
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"Cannot read the pairs {path} ({error}). Run the cues stage again.") from (
            error
        )
    return pairs


def write_pairs(path: str | Path, pairs: pd.DataFrame) -> None:
    """Write what :func:`read_pairs` reads, atomically."""
    written = pairs.assign(parts=[";".join(map(str, parts)) for parts in pairs["parts"]])
    with atomic_path(path) as temporary:
        written.to_csv(temporary, index=False)


def read_label_pairs(path: Path | None) -> list[tuple[int, int]] | None:
    """The class pairs of pairs.csv, as labels; None if ``path`` is None.

    Raises:
        UserError: the file cannot be read.
    """
    if path is None:
        return None
    try:
        table = pd.read_csv(path, usecols=["label_a", "label_b"])
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path} is not a table of class pairs ({error}). Run the cues stage."
        ) from error
    return list(table.itertuples(index=False, name=None))

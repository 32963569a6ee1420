"""The class pairs of a data set, pairs.csv: two classes and the parts in which they differ."""

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from pipeline.artefacts.classes import labels_of, plain, titles_of
from pipeline.artefacts.files import atomic_path, check_vouched
from pipeline.artefacts.integrity import damaged
from pipeline.artefacts.paths import CHECK
from pipeline.runtime.errors import UserError


def read_pairs(path: str | Path) -> pd.DataFrame:
    """Read pairs.csv: class_a, class_b, label_a, label_b, parts (tuple of ids), n_parts.

    Pairs of a data set without attributes have no parts.
    """
    check_vouched(Path(path), CHECK)
    try:
        pairs = pd.read_csv(path, dtype={"parts": str}, keep_default_na=False)
        pairs["parts"] = [
            tuple(int(part) for part in text.split(";") if part) for text in pairs["parts"]
        ]
    except OSError as error:
        raise UserError(f"Cannot read the pairs {path}: {error.strerror}. Run again.") from error
    except (ValueError, KeyError) as error:
        raise damaged(Path(path), f"not a table of class pairs: {error}") from error
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
    check_vouched(path, CHECK)
    try:
        table = pd.read_csv(path, usecols=["label_a", "label_b"])
    except OSError as error:
        raise UserError(f"Cannot read the pairs {path}: {error.strerror}. Run again.") from error
    except ValueError as error:
        raise damaged(path, f"not a table of class pairs: {error}") from error
    return list(table.itertuples(index=False, name=None))


def named_labels(
    names: Sequence[str], pairs: Iterable[tuple[str, str]]
) -> tuple[list[tuple[int, int]], list[str]]:
    """The labels of class pairs that a config names.

    Args:
        names: of the labels 0, 1, ..., as in classes.csv.
        pairs: two names each, see :func:`pipeline.artefacts.classes.labels_of`.

    Returns:
        The labels of the pairs that are known, and what is wrong with the others: one text for
        each name that no class or several have, and for each pair of a class with itself.
    """
    found, faults = [], []
    for pair in pairs:
        labels = [labels_of(names, text) for text in pair]
        for text, of_text in zip(pair, labels, strict=True):
            if not of_text:
                faults.append(f"class_pairs: no class is called {text!r}{_near(text, names)}")
            elif len(of_text) > 1:
                several = ", ".join(repr(names[label]) for label in of_text)
                faults.append(f"class_pairs: several classes are called {text!r}: {several}")
        if all(len(of_text) == 1 for of_text in labels):
            first, second = labels[0][0], labels[1][0]
            if first == second:
                faults.append(f"class_pairs: {pair[0]!r} and {pair[1]!r} are the same class")
            else:
                found.append((first, second))
    return found, list(dict.fromkeys(faults))


def _near(text: str, names: Sequence[str]) -> str:
    by_plain = {plain(title): title for title in titles_of(names)}
    near = difflib.get_close_matches(plain(text), by_plain, n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(repr(by_plain[name]) for name in near)}?" if near else ""

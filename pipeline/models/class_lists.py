"""The classes that a network knows, and which of them are a data set's."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.artefacts.classes import WNID, plain, titles_of
from pipeline.catalogue import imagenet
from pipeline.runtime.errors import UserError
from pipeline.runtime.validation import nearest

IMAGENET = "imagenet"


def read_class_list(classes: str | Path | Sequence[str]) -> list[str]:
    """Names in the order of a network's outputs.

    Args:
        classes: the names; ``imagenet``, with wnids; or a file: lines of text; JSON, a list, or
            a mapping of the output's number to a name or to a wnid and a name; or a table (CSV)
            with a column ``name``.

    Raises:
        UserError: the file cannot be read, or a name is there twice.
    """
    if isinstance(classes, str | Path):
        names = imagenet.class_names() if classes == IMAGENET else _read(Path(classes))
    else:
        names = list(classes)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(f"classes: {twice[0]!r} is there twice. Give each output its own name.")
    return names


def outputs_of(names: Sequence[str], known: Sequence[str]) -> list[int]:
    """The output of a network for each class of a data set.

    Args:
        names: of the data set's classes, in the order of its labels.
        known: names of the network's classes, in the order of its outputs.

    Returns:
        An output for each of ``names``. Names are compared without case, underscores and the
        numbers of CUB; by wnids where both have them.

    Raises:
        UserError: the network does not know a class, or two classes are one of its outputs.
    """
    both = (*names, *known)
    key = _wnid if all(WNID.match(name) for name in both) else plain
    output_of = {key(name): output for output, name in enumerate(known)}
    if key is plain:  # without the numbers of CUB, where that leaves a name to one class
        titles = [plain(title) for title in titles_of(known)]
        once = {title: n for n, title in enumerate(titles) if titles.count(title) == 1}
        output_of = once | output_of
    found = [output_of.get(key(name), output_of.get(plain(title)))
             for name, title in zip(names, titles_of(names), strict=True)]  # fmt: skip
    unknown = [name for name, output in zip(names, found, strict=True) if output is None]
    if unknown:
        raise UserError(
            f"classes: the network does not know {len(unknown)} of the data set's {len(names)} "
            f"classes, such as {unknown[0]!r}{_near(unknown[0], known)} Give them the same names "
            "in both, or leave them out of the data set (`records: {classes: ...}`)."
        )
    outputs = [output for output in found if output is not None]
    if len(set(outputs)) != len(outputs):
        twice = next(output for output in outputs if outputs.count(output) > 1)
        raise UserError(f"classes: two classes of the data set are the network's {known[twice]!r}.")
    return outputs


def _near(name: str, known: Sequence[str]) -> str:
    hint = nearest(name, known)
    return hint if "did you mean" in hint else f"; it knows {', '.join(known[:3])}, ..."


def _wnid(name: str) -> str:
    return name[:9]


def _read(path: Path) -> list[str]:
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise UserError(f"classes: {path} is no regular file. Put a list of classes there.")
    try:
        text = path.read_text()
        if path.suffix == ".json":
            return _of_json(json.loads(text))
        if path.suffix == ".csv":
            names = [row["name"] for row in csv.DictReader(text.splitlines())]
            if None in names:
                raise ValueError("a row is too short")
            return names
        return [line.strip() for line in text.splitlines() if line.strip()]
    except (OSError, ValueError, KeyError, TypeError, RecursionError, csv.Error) as error:
        raise UserError(
            f"classes: {path} is no list of classes ({error!r}). Give a text file with one name "
            "on each line, a JSON list, or a CSV file with the column name."
        ) from error


def _of_json(content: Any) -> list[str]:
    """A list, or a mapping of numbers to names, as ``id2label`` and ``imagenet_class_index``."""
    if isinstance(content, dict):
        content = [content[str(number)] for number in range(len(content))]
    return [name if isinstance(name, str) else " ".join(map(str, name)) for name in content]

"""The categories of a COCO file: which of them is which class of the data set."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.datasets.check import Problems
from pipeline.images.coco_file import identity

Id = int | str


class Category(NamedTuple):
    """A category: its own name, or that of the class that it is."""

    name: str
    is_class: bool


class Categories:
    """The categories of a file by the value of their ids.

    Args:
        entries: of the file's list.
        classes: names of the data set's classes.
        path: of the file.
        problems: where ids and names that cannot be used are noted.
    """

    def __init__(
        self, entries: list[dict[str, Any]], classes: Iterable[str], path: Path, problems: Problems
    ) -> None:
        classes = set(classes)
        spelt: dict[str, list[str]] = {}
        for class_name in classes:
            spelt.setdefault(_plain(class_name), []).append(class_name)
        self._problems = problems
        self._found: dict[Id | None, Category | None] = {}
        for entry in entries:
            number, name = identity(entry["id"]), entry.get("name")
            here = f"{path}: category {entry['id']!r}"
            if number is None:
                problems.add("category id is neither a whole number nor text", here)
                continue
            if number in self._found:
                problems.add("category id occurs twice", f"{here}, {name!r}")
            if not isinstance(name, str) or not name.strip():
                problems.add("category has no name; write one into the file", here)
                self._found[number] = None
                continue
            # ape, Ape and APE are one, unless there are classes of each spelling
            same = [name] if name in classes else spelt.get(_plain(name), [])
            if len(same) > 1:
                problems.add(
                    "category may be one of several classes; write it as the class's folder",
                    f"{here}, {name!r}: {', '.join(sorted(same))}",
                )
            self._found[number] = Category(same[0] if same else name, bool(same))

    def find(self, number: Any, here: str) -> Category | None:
        """A category; None where it is not listed, which is noted, or has no name."""
        key = identity(number)
        if key is None or key not in self._found:
            self._problems.add("category is not listed in 'categories'", f"{here}: {number!r}")
            return None
        return self._found[key]


def _plain(name: str) -> str:
    return name.casefold().replace("_", " ").replace("-", " ").strip()

"""Problems of a data set, collected by kind and raised together, so that a user sees them all at
once; and what is only odd, counted with its first names.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.runtime.errors import UserError
from pipeline.runtime.progress import track

SHOWN = 20  # problems of a kind that the message lists
BATCH = 256  # files that a thread takes at once: a job for each would fill the memory


@dataclass
class Problems:
    """Problems found so far, by kind; ``hints`` are printed after them."""

    by_kind: dict[str, list[str]] = field(default_factory=dict)
    hints: list[str] = field(default_factory=list)

    def add(self, kind: str, *items: str) -> None:
        """Note ``items`` of a kind; the kind is a heading such as 'images are missing'."""
        if items:
            self.by_kind.setdefault(kind, []).extend(map(printable, items))

    def raise_if_any(self, root: str | Path) -> None:
        """Raise one UserError that lists all problems; do nothing where there are none."""
        if not self.by_kind:
            return
        lines = [f"The data set in {root} cannot be used as it is:"]
        for kind, items in self.by_kind.items():
            lines.append(f"{len(items)} x {kind}:")
            lines += [f"  {item}" for item in items[:SHOWN]]
            if len(items) > SHOWN:
                lines.append(f"  ... and {len(items) - SHOWN} more")
        raise UserError("\n".join(lines + self.hints))


def printable(name: str) -> str:
    """A name that any terminal and file takes: bytes that are not UTF-8 are escaped.

    So are halves of characters, which JSON can spell.
    """
    try:
        return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:
        return name.encode("utf-8", "backslashreplace").decode()


def in_utf8(names: Iterable[str], problems: Problems) -> list[str]:
    """The names without those that are not UTF-8, which are noted: no table can hold them."""
    names = list(names)
    fine = [name for name in names if printable(name) == name]
    problems.add(
        "name is not UTF-8 (typical of old systems); rename it",
        *(name for name in names if printable(name) != name),
    )
    return fine


def counted(names: Iterable[str]) -> dict[str, Any]:
    """How many there are, and the first of them: ``{"count": int, "first": [...]}``."""
    listed = [printable(name) for name in names]
    return {"count": len(listed), "first": listed[:SHOWN]}


def in_threads(work: Callable, items: Sequence, workers: int) -> list:
    """``work`` of every item, in their order."""
    if not items:
        return []
    batches = [items[start : start + BATCH] for start in range(0, len(items), BATCH)]
    with ThreadPoolExecutor(workers) as pool:
        done = pool.map(lambda batch: [work(item) for item in batch], batches)
        shown = track(done, len(items), "checked: files", size=len)
        return [result for batch in shown for result in batch]

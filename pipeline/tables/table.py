"""A table as data: blocks of rows of cells, percent with intervals, and what each row is made of.

`pipeline.tables.formats` writes it as CSV, Markdown and LaTeX; the report and a figure read the
JSON of it.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.errors import UserError
from pipeline.files import atomic_path, read_json


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Cell(_Frozen):
    """A number in percent.

    Attributes:
        value: mean over the seeds.
        low, high: bootstrap interval, its ends averaged over the seeds.
        sd: standard deviation over the seeds, where there are several.
    """

    value: float
    low: float | None = None
    high: float | None = None
    sd: float | None = None


class Source(_Frozen):
    """The score file behind a row: for which seed, from which config section and inputs."""

    score: str
    seed: int | None
    config_digest: str
    inputs_sha256: dict[str, str]


class Row(_Frozen):
    """A method of a model, a baseline, or a published number.

    Attributes:
        kind: where the numbers come from.
        names: texts of the table's name columns, in their order.
        cells: column -> number; a column may be absent.
        trained: training method of the model, such as ``calm_em``.
        sources: one a seed; none for published numbers.
    """

    kind: Literal["measured", "baseline", "published"]
    names: tuple[str, ...]
    cells: dict[str, Cell]
    trained: str | None = None
    sources: tuple[Source, ...] = ()


class Block(_Frozen):
    """Rows that may be compared with each other; ``keys`` say what they have in common."""

    heading: str
    keys: dict[str, str]
    rows: tuple[Row, ...]


class Table(_Frozen):
    """Attributes: names and columns: key -> heading, in their order; notes: footnotes."""

    name: str
    title: str
    names: dict[str, str]
    columns: dict[str, str]
    blocks: tuple[Block, ...]
    notes: tuple[str, ...] = ()


class Tables(_Frozen):
    """All tables of a study."""

    tables: tuple[Table, ...]

    def __getitem__(self, name: str) -> Table:
        return next(table for table in self.tables if table.name == name)


def save(path: str | Path, tables: Iterable[Table]) -> None:
    """Write tables as JSON, atomically."""
    content = Tables(tables=tuple(tables)).model_dump_json(indent=1)  # keeps the order of keys
    with atomic_path(path) as temporary:
        temporary.write_text(content + "\n", encoding="utf-8")


def load(path: str | Path) -> Tables:
    """Read what :func:`save` wrote; UserError if the file is missing or broken."""
    content = read_json(path)
    try:
        return Tables.model_validate(content)
    except ValidationError as error:
        raise UserError(f"{path} holds no tables. Delete it and run again.") from error


def pooled(scores: Sequence[Mapping[str, Any]], name: str) -> Cell | None:
    """A value over seeds: fractions of score files -> percent; None where a score lacks it."""
    if any(name not in score["values"] for score in scores):
        return None
    values = [100 * score["values"][name] for score in scores]
    ends = [score["intervals"][name] for score in scores if name in score["intervals"]]
    low = high = None
    if len(ends) == len(scores):
        low, high = (float(end) for end in 100 * np.mean(ends, axis=0))
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return Cell(value=float(np.mean(values)), low=low, high=high, sd=sd)


def sources(scores: Sequence[Mapping[str, Any]]) -> tuple[Source, ...]:
    """Where the numbers of a row come from; ``scores`` carry their ``path``."""
    return tuple(
        Source(
            score=score["path"],
            seed=score["identity"]["seed"],
            config_digest=score["provenance"]["section"],
            inputs_sha256=score["provenance"]["inputs"],
        )
        for score in scores
    )

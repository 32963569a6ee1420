"""A table as data: blocks of rows of cells, percent with intervals, and what each row is made of.

`pipeline.tables.formats` writes it as CSV, Markdown and LaTeX; the report and a figure read the
JSON of it.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from pipeline.artefacts.files import read_json, write_json
from pipeline.runtime.errors import UserError

SEEDS = (
    "With one seed they show the variation over test images, for the same weights. With several "
    "seeds the number is their mean, ± their standard deviation, and brackets cover the mean of "
    "further trainings on other test images: Student's t over the seeds joined with the bootstrap."
)


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Cell(_Frozen):
    """A number, in percent unless the table says that its column is plain.

    Attributes:
        value: mean over the seeds.
        low, high: interval, see :func:`pooled`.
        sd: standard deviation over the seeds, where there are several.
        weak: it is of a model at chance, or not clearly better than a baseline that looks at no
            image (`pipeline.tables.weak`); such a number is never called the best.
    """

    value: float
    low: float | None = None
    high: float | None = None
    sd: float | None = None
    weak: bool = False


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
        sources: one per seed; none for published numbers.
    """

    kind: Literal["measured", "baseline", "published"]
    names: tuple[str, ...]
    cells: dict[str, Cell]
    trained: str | None = None
    sources: tuple[Source, ...] = ()

    @property
    def label(self) -> str:
        """The names in one line, each once."""
        return " · ".join(dict.fromkeys(filter(None, self.names)))


class Block(_Frozen):
    """Rows that may be compared with each other; ``keys`` say what they have in common.

    ``reference`` is what their paired differences are from.
    """

    heading: str
    keys: dict[str, str]
    rows: tuple[Row, ...]
    reference: str = "CAM"


class MainNumber(_Frozen):
    """How a main number of a table is called outside of it.

    Attributes:
        heading: of its column among the main results.
        words: in a sentence.
        delta: the column of its paired differences, if the table has one.
        meaning: what it measures, one sentence.
    """

    heading: str
    words: str
    delta: str = ""
    meaning: str = ""


class Table(_Frozen):
    """A table.

    Attributes:
        names and columns: key -> heading, in their order.
        main: the columns that the report's findings and main results are made of.
        lower: the columns in which lower is better.
        neither: the columns in which no number is better than another.
        plain: the columns whose numbers are not percent.
        notes: footnotes.
    """

    name: str
    title: str
    names: dict[str, str]
    columns: dict[str, str]
    blocks: tuple[Block, ...]
    main: dict[str, MainNumber] = {}
    lower: tuple[str, ...] = ()
    neither: tuple[str, ...] = ()
    plain: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _has_its_main_numbers(self) -> "Table":
        if missing := self.main.keys() - self.columns.keys():
            raise ValueError(f"table {self.name} has no columns {sorted(missing)}")
        return self


class Tables(_Frozen):
    """All tables of a study."""

    tables: tuple[Table, ...]

    def get(self, name: str) -> Table | None:
        """The table of that name, if the study has it."""
        return next((table for table in self.tables if table.name == name), None)


def save(path: str | Path, tables: Iterable[Table], texts: Iterable[Path] = ()) -> None:
    """Write tables as JSON, atomically.

    Args:
        path: where to.
        tables: in their order.
        texts: the files of the same tables for people, which this one vouches for.
    """
    content = Tables(tables=tuple(tables)).model_dump(mode="json")
    write_json(path, content, vouched=texts, indent=1, sort=False)  # a table's keys have an order


def load(path: str | Path) -> Tables:
    """Read what :func:`save` wrote; UserError if the file is missing or broken."""
    content = read_json(path)
    try:
        return Tables.model_validate(content)
    except ValidationError as error:
        raise UserError(f"{path} holds no tables. Delete it and run again.") from error

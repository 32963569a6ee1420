"""What the catalogue of evaluations says of each, and of each column of its tables."""

from dataclasses import dataclass
from typing import Literal

from pipeline.catalogue.methods import Entry


@dataclass(frozen=True)
class Column:
    """A value of an evaluation as a column of a table.

    Attributes:
        value: its name in the scores.
        heading: of the column.
        better: which values are good; neither: it does not say which map is better.
        percent: it is a rate, shown in percent.
        table: one of those in `pipeline.tables.metrics`.
        ranked: it is also a column of the table of ranks.
        words: its name in a sentence, if it is one of the main numbers, which the report's
            findings and first table are made of.
        short: its heading among these, if that of its own table needs the table around it.
        meaning: what it measures, one sentence, if it is one of the main numbers.
        compared: the table has a column of its paired differences, as that of a main number has;
            where there is none, the first one has.
        random: its value by definition if pixels are taken at random, where there is one.
    """

    value: str
    heading: str
    better: Literal["higher", "lower", "neither"] = "higher"
    percent: bool = True
    table: str = "faithfulness"
    ranked: bool = False
    words: str = ""
    short: str = ""
    meaning: str = ""
    compared: bool = False
    random: float | None = None


@dataclass(frozen=True)
class Evaluation:
    """One evaluation.

    Attributes:
        module: in ``pipeline.evaluation``.
        columns: what tables show of its values; the columns of a table stand in the order of the
            catalogue.
        targets: kinds of maps that it can measure, of `pipeline.artefacts.targets.KINDS`.
        explains: it computes further maps itself, or asks what function the maps explain, so that
            maps from elsewhere cannot be measured.
        base: the evaluation of the model without maps that it needs, if any: a module next to its
            own, with the same section.
        asks_model: False where it measures maps alone, so that they need to belong to no model.
        reads: which further files of the data set it reads.
        section: name of the class of its options, a section in its module, if it has any.
    """

    module: str
    columns: tuple[Column, ...]
    targets: tuple[str, ...] = ("class", "superset", "prior")
    explains: bool = False
    base: str | None = None
    reads: tuple[Literal["pairs", "fixations"], ...] = ()
    section: str = ""
    asks_model: bool = True

    @property
    def code(self) -> str:
        """The dotted name of its module."""
        return f"pipeline.evaluation.{self.module}"

    def measures(self, method: Entry | None) -> bool:
        """Whether it can measure a method; None: maps that were made elsewhere."""
        if method is None:
            return "class" in self.targets and not self.explains
        return method.targets in self.targets

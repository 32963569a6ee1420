"""Which evaluations of single maps there are: one line each, read by the config without PyTorch.

Each is ``pipeline/evaluation/<question>/<name>.py``, run by ``python -m`` with the command line of
`pipeline.evaluation.task`, and a section of the same name in `settings.Evaluation`;
a study runs those whose section its config has. (Classification, cue localisation and WSOL have
command lines of their own.)
"""

from dataclasses import dataclass

from pipeline.catalogue.methods import METHODS


@dataclass(frozen=True)
class Task:
    """One evaluation.

    Attributes:
        module: in ``pipeline.evaluation``.
        targets: kinds of maps that it can measure, of `pipeline.attribution.plan.KINDS`.
        explains: it computes further maps of its own, so that maps from elsewhere cannot be
            measured.
        base: the evaluation of the model without maps that it needs, if any.
    """

    module: str
    targets: tuple[str, ...] = ("class", "superset", "prior")
    explains: bool = False
    base: str | None = None

    @property
    def code(self) -> str:
        """The dotted name of its module."""
        return f"pipeline.evaluation.{self.module}"

    def measures(self, method: str) -> bool:
        """Whether it can measure a method; a name outside the catalogue is a user's own maps."""
        if method in METHODS:
            return METHODS[method].targets in self.targets
        return "class" in self.targets and not self.explains


TASKS: dict[str, Task] = {
    "erase": Task("erasing.erase", base="erase_random"),
    "insertion_deletion": Task("erasing.insertion_deletion"),
    "pointing_game": Task("pointing.pointing_game"),
    "grid_pointing": Task("pointing.grid_pointing", ("class",), explains=True),
    "sanity": Task("sanity.sanity", ("class",), explains=True),
    "infidelity": Task("robustness.infidelity", ("class",), explains=True),
    "axioms": Task("axioms.axioms", ("class",), explains=True),
}

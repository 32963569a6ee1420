"""Which evaluations of single maps there are: one line each, read by the config without PyTorch.

Each is ``pipeline/evaluation/<name>.py``, run as ``python -m pipeline.evaluation.<name>`` with the
command line of `pipeline.evaluation.task`, and a section of the same name in `settings.Evaluation`;
a study runs those whose section its config has. (Classification, cue localisation and WSOL have
command lines of their own.)
"""

from dataclasses import dataclass

from pipeline.attribution.catalogue import METHODS


@dataclass(frozen=True)
class Task:
    """One evaluation.

    Attributes:
        targets: kinds of maps that it can measure, of `pipeline.attribution.plan.KINDS`.
        explains: it computes further maps of its own, so that maps from elsewhere cannot be
            measured.
        base: the evaluation of the model without maps that it needs, if any.
    """

    targets: tuple[str, ...] = ("class", "superset", "prior")
    explains: bool = False
    base: str | None = None

    def measures(self, method: str) -> bool:
        """Whether it can measure a method; a name outside the catalogue is a user's own maps."""
        if method in METHODS:
            return METHODS[method].targets in self.targets
        return "class" in self.targets and not self.explains


TASKS: dict[str, Task] = {
    "erase": Task(base="erase_random"),
    "insertion_deletion": Task(),
    "pointing_game": Task(),
    "grid_pointing": Task(("class",), explains=True),
    "sanity": Task(("class",), explains=True),
    "infidelity": Task(("class",), explains=True),
    "axioms": Task(("class",), explains=True),
}

"""Score files grouped by what they measured: one group per method, one score per seed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.artefacts.scores import read_score
from pipeline.runtime.errors import UserError
from pipeline.settings import ModelNote, TablesJob


@dataclass(frozen=True)
class Group:
    """Scores that differ in their seed alone.

    Attributes:
        task, dataset, architecture, variant, method: as in the scores' identity; a baseline has
            neither architecture nor variant, and a measurement of a model itself no method.
        scores: ascending by seed, each with its ``path``.
    """

    task: str
    dataset: str
    architecture: str | None
    variant: str | None
    method: str | None
    scores: Sequence[Mapping[str, Any]]

    @property
    def name(self) -> str:
        """The variant, or "baseline"."""
        return self.variant or "baseline"

    @property
    def baseline(self) -> bool:
        """Whether it was measured without a model."""
        return self.variant is None

    def belongs_to(self, dataset: str, architecture: str) -> bool:
        """Whether it is of that data set and architecture; a baseline is of every one."""
        return self.dataset == dataset and self.architecture in (architecture, None)

    def note(self, job: TablesJob) -> ModelNote:
        """What the config says about the group's model; UserError if it lacks the model."""
        name = f"{self.dataset}/{self.architecture}/{self.variant}"
        if name not in job.models:
            raise UserError(
                f"{self.scores[0]['path']} is a score of the model {name}, which the study does "
                "not have. Give only the scores of this study."
            )
        return job.models[name]


# task, data set, architecture, variant, method
_Key = tuple[str, str, str | None, str | None, str | None]


def read_groups(paths: Iterable[str]) -> list[Group]:
    """Read score files and group them, models first and baselines last, else in given order.

    Raises:
        UserError: a file is missing or no score, or two are of the same model, seed and method.
    """
    found: dict[_Key, dict[int | None, dict[str, Any]]] = {}
    for path in paths:
        score = read_score(path) | {"path": str(path)}
        identity = score["identity"]
        key = (
            score["task"],
            identity["dataset"],
            identity["architecture"],
            identity["variant"],
            identity["method"],
        )
        of_seed = found.setdefault(key, {})
        if identity["seed"] in of_seed:
            raise UserError(
                f"{path} and {of_seed[identity['seed']]['path']} measure the same: give one."
            )
        of_seed[identity["seed"]] = score
    groups = [
        Group(
            *key,
            [of_seed[seed] for seed in sorted(of_seed, key=lambda s: (s is not None, s))],
        )
        for key, of_seed in found.items()
    ]
    return sorted(groups, key=lambda group: group.baseline)


def datasets_and_architectures(groups: Iterable[Group]) -> list[tuple[str, str]]:
    """The (data set, architecture) of the models, each once."""
    return list(
        dict.fromkeys(
            (g.dataset, g.architecture) for g in groups if not g.baseline and g.architecture
        )
    )

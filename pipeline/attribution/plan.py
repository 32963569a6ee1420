"""The attribution plan: every (image, target) that an evaluation will need, listed in advance.

One forward pass per image serves all of its targets.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from pipeline.artefacts.targets import (
    KINDS,
    PRIOR,
    class_target,
    counterfactual_target,
    superset_target,
)
from pipeline.runtime.errors import UserError


@dataclass(frozen=True)
class Plan:
    """What one method has to compute.

    Attributes:
        targets: image id -> its targets, without repeats; images and targets are ordered, images
            that need no map are absent.
    """

    targets: Mapping[str, tuple[str, ...]]

    @property
    def forwards(self) -> int:
        """Number of images that go through the network, each once."""
        return len(self.targets)

    @property
    def maps(self) -> int:
        """Number of maps."""
        return sum(map(len, self.targets.values()))

    def of(self, image_ids: Iterable[str]) -> "Plan":
        """The part of some images, in their order."""
        return Plan({image: self.targets[image] for image in image_ids if image in self.targets})

    def rows(self) -> list[tuple[str, str]]:
        """Every (image id, target), grouped by image."""
        return [(image, target) for image, targets in self.targets.items() for target in targets]


def make_plan(
    records: pd.DataFrame, kind: str, pairs: Iterable[tuple[int, int]] | None = None
) -> Plan:
    """List the maps of a method over the images of a split.

    Args:
        records: columns image_id and label; their order, which is that of the shards, is the
            plan's.
        kind: what the method explains. ``"class"``: each image's own label (localisation,
            galleries), and the other class of each of its class's pairs (cue localisation);
            ``"superset"``: its label's superset; ``"prior"``; ``"counterfactual"``: its own class
            against the other of each pair.
        pairs: unordered class pairs, as labels; needed for counterfactuals.

    Raises:
        UserError: counterfactuals without pairs, or nothing at all to compute.
        ValueError: an unknown kind.
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {KINDS}, not {kind!r}")
    if kind == "counterfactual" and pairs is None:
        raise UserError("Counterfactual maps need --pairs, the class pairs of the cues stage.")
    others: dict[int, list[int]] = {}
    for label, other in pairs or ():
        others.setdefault(int(label), []).append(int(other))
        others.setdefault(int(other), []).append(int(label))

    def targets_of(label: int) -> tuple[str, ...]:
        paired = sorted(set(others.get(label, ())))
        if kind == "superset":
            return (superset_target(label),)
        if kind == "prior":
            return (PRIOR,)
        if kind == "counterfactual":
            return tuple(counterfactual_target(label, other) for other in paired)
        return (class_target(label), *(class_target(other) for other in paired))

    of_label = {int(label): targets_of(int(label)) for label in records["label"].unique()}
    plan = Plan(
        {
            image_id: of_label[label]
            for image_id, label in zip(records["image_id"], records["label"], strict=True)
            if of_label[label]
        }
    )
    if not plan.maps:
        raise UserError(
            f"There is no {kind} map to compute: "
            + (
                "no image's class is in a class pair. Select more classes, or set "
                "`cue_localization: false` and drop the method."
                if len(records)
                else "the split has no images."
            )
        )
    return plan

"""Targets: what a stored map explains, as text.

- ``"12"``: class label 12;
- ``"superset:12"``: the set of classes that label 12 belongs to;
- ``"prior"``: the location of any cue, p(z|x);
- ``"12>15"``: why label 12 instead of label 15.
"""

from collections.abc import Mapping, Sequence

from pipeline.runtime.errors import UserError

KINDS = ("class", "superset", "prior", "counterfactual")

PRIOR = "prior"


def class_target(label: int) -> str:
    """The target of a class: ``"12"``."""
    return str(int(label))


def superset_target(label: int) -> str:
    """The target of the set of classes that a label belongs to: ``"superset:12"``."""
    return f"superset:{int(label)}"


def counterfactual_target(label: int, other: int) -> str:
    """The target of ``label`` instead of ``other``: ``"12>15"``."""
    return f"{int(label)}>{int(other)}"


def own_target(kind: str, label: int) -> str:
    """The target of an image's own label, for maps of a class, a superset or the prior.

    Raises:
        ValueError: another kind; a counterfactual needs a second class.
    """
    if kind == "class":
        return class_target(label)
    if kind == "superset":
        return superset_target(label)
    if kind == "prior":
        return PRIOR
    raise ValueError(f"maps of kind {kind!r} do not explain one label")


def target_classes(target: str, supersets: Mapping[int, Sequence[int]]) -> tuple[int, ...]:
    """The class labels that a target is computed from.

    Args:
        target: as planned.
        supersets: label -> labels of its superset; only looked at for superset targets.

    Returns:
        One label; the labels of a superset; none for the prior; two for a counterfactual.

    Raises:
        UserError: the supersets lack the label.
    """
    if target == PRIOR:
        return ()
    kind, _, label = target.rpartition(":")
    if kind == "superset":
        if int(label) not in supersets:
            raise UserError(
                f"The supersets have no entry for class label {label}. Run the supersets stage "
                "again: they belong to other classes than the images."
            )
        return tuple(supersets[int(label)])
    return tuple(int(part) for part in target.split(">"))

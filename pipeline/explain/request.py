"""What an explanation is asked for: classes by their names, and the methods that explain them."""

from collections.abc import Sequence

from pipeline.artefacts.targets import PRIOR, class_target, counterfactual_target
from pipeline.explain.model import ExplainedModel
from pipeline.models.given import GivenModel
from pipeline.runtime.errors import UserError

_DEFAULT = {"cam": "cam", "calm": "joint"}
_SUPERSET = {"cam": "cam_superset", "calm": "subset"}  # a model with logits alone has none


class Request:
    """The classes that a request names, as labels.

    Args:
        model: that explains.
        label: of the class y to explain.
        against: a second class y', if any, by name or label.
        superset: a set of classes, if any.

    Attributes:
        other_name: title of y', or empty.
        group: title of the set, or empty.
        members: labels of the set.

    Raises:
        UserError: a class or set is unknown, or cannot be explained with this model.
    """

    def __init__(
        self, model: ExplainedModel, label: int, against: str | int | None, superset: str | None
    ) -> None:
        self._kind = model.classifier.kind
        features = isinstance(model.classifier, GivenModel) and model.classifier.has_features
        self._default = _DEFAULT.get(self._kind, "gradcam" if features else "gradient")
        self._label = label
        self._other = None if against is None else model.classes.find(against)
        if self._other is not None and self._kind != "calm":
            raise UserError(
                "--against: only CALM has counterfactuals, as the scores of two classes of another "
                "model share no scale. Use the weights of a CALM model, or leave --against out."
            )
        if self._other == label:
            raise UserError(
                f"--against: {model.classes.titles[label]} is the explained class itself. Give "
                "another one, or --class with the class to explain."
            )
        self.other_name = "" if self._other is None else model.classes.titles[self._other]
        if superset and self._kind not in _SUPERSET:
            raise UserError(
                "--superset: this model has no class activation maps that could be added up. Leave "
                "it out, or use a CAM or CALM model."
            )
        self.group, self.members = model.classes.superset(superset) if superset else ("", ())

    def methods(self, chosen: Sequence[str]) -> list[str]:
        """The methods that are asked for, each once."""
        found = list(chosen or [self._default])
        if self._other is not None:
            found.append("counterfactual")
        if self.members:
            found.append(_SUPERSET[self._kind])
        return list(dict.fromkeys(found))

    def labels(self, targets: str) -> tuple[int, ...]:
        """The classes of a map; UserError if the request does not name them."""
        if targets == "counterfactual":
            if self._other is None:
                raise UserError("counterfactual needs a second class: --against CLASS.")
            return self._label, self._other
        if targets == "superset":
            if not self.members:
                raise UserError(f"{_SUPERSET[self._kind]} needs a set of classes: --superset NAME.")
            return self.members
        return () if targets == "prior" else (self._label,)

    def target(self, targets: str) -> str:
        """What a map explains, as text."""
        if targets == "counterfactual":
            assert self._other is not None  # `labels` refuses what has none
            return counterfactual_target(self._label, self._other)
        if targets == "superset":
            return f"superset:{self.group}"
        return PRIOR if targets == "prior" else class_target(self._label)

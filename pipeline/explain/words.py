"""What maps mean, in words: for CALM after the paper's section 4.1.3, else as plain scores."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pipeline.catalogue.methods import METHODS

_SMALL = 1e-4  # smaller fractions are shown as "less than"


@dataclass(frozen=True)
class Topic:
    """What a map is about.

    Attributes:
        values: the map (h, w).
        probability: p(y|x) of the class; the sum over a superset; 1 for the prior; p(y|x) - p(y'|x)
            for a counterfactual.
        label: name of the class y.
        other: name of the other class y', or "".
        group: name of the set of classes, or "".
        members: how many classes the set has.
        averaged: the mean of CAM's map is the score whose softmax is the prediction.
        units: what a value of the map is, in short.
    """

    values: np.ndarray
    probability: float
    label: str
    other: str = ""
    group: str = ""
    members: int = 0
    averaged: bool = False
    units: str = ""


def meaning(method: str, topic: Topic) -> str:
    """A paragraph that says what the values of a map are, and where it is highest."""
    return _MEANINGS.get(method, _other)(method, topic)


def heading(method: str, topic: Topic) -> str:
    """A line or two that stand above a map: its method, and the classes it is about."""
    targets = METHODS[method].targets
    about = {
        "class": topic.label,
        "counterfactual": f"{topic.label} instead of {topic.other}",
        "superset": f"{topic.group}, {topic.members} classes",
        "prior": "any class",
    }
    return f"{method.replace('_', ' ')}: {topic.units}\n{about[targets]}"


def percent(fraction: float) -> str:
    """A probability or a difference of two: ``83.2 %``, ``0.41 %``, ``less than 0.01 %``."""
    size = abs(fraction)
    if 0 < size < _SMALL:
        return "less than 0.01 %" if fraction > 0 else "about 0 %"
    if 0.9995 <= size < 1:
        return "more than 99.9 %" if fraction > 0 else "less than -99.9 %"
    return f"{100 * fraction:.{2 if 0 < size < 0.01 else 1}f} %"


def place(values: np.ndarray) -> str:
    """Where a map (h, w) is highest, in fractions of the image as the model sees it."""
    row, column = np.unravel_index(np.argmax(values), values.shape)
    x, y = (column + 0.5) / values.shape[1], (row + 0.5) / values.shape[0]
    return f"{100 * x:.0f} % from the left and {100 * y:.0f} % from the top"


def _joint(_: str, about: Topic) -> str:
    return (
        f"Each value is the probability that the cue for recognition is at place z and the class "
        f"is {about.label}. {_total(about, about.label)} {_likeliest(about)}"
    )


def _conditional(_: str, about: Topic) -> str:
    return (
        f"Each value is the probability that the class is {about.label} if the cue is at place z. "
        f"It says what the model would conclude from z alone, not whether it looks there: a place "
        f"that hardly counts can have a high value. It is highest, "
        f"{percent(about.values.max())}, at {place(about.values)}."
    )


def _posterior(_: str, about: Topic) -> str:
    return (
        f"Each value is the probability that the cue is at place z, given that the class is "
        f"{about.label}. The places add up to 100 %, however improbable the class is. "
        f"{_likeliest(about)}"
    )


def _saliency(_: str, about: Topic) -> str:
    return (
        "Each value is the probability that the cue is at place z, whatever class it speaks for. "
        f"The places add up to 100 %. {_likeliest(about)}"
    )


def _subset(_: str, about: Topic) -> str:
    return (
        f"Each value is the probability that the cue is at place z and the class is any of the "
        f"{about.members} classes of {about.group}. {_total(about, 'any of them')} "
        f"{_likeliest(about)} Such a sum "
        "tends to cover the whole object, where one class needs only what sets it apart."
    )


def _counterfactual(_: str, about: Topic) -> str:
    y, other = about.label, about.other
    return (
        f"Each value is the probability that the cue is at place z and the class is {y}, minus the "
        f"probability that the cue is there and the class is {other}. Red places (above 0) speak "
        f"for {y} rather than {other}, blue ones (below 0) the other way round. The places add up "
        f"to {percent(about.probability)}, the difference of the two classes' probabilities. "
        f"Most for {y}: {_extreme(about.values, 1)}. Most for {other}: "
        f"{_extreme(about.values, -1)}."
    )


def _extreme(values: np.ndarray, sign: int) -> str:
    highest = float((sign * values).max())
    if highest < _SMALL:
        return "practically no place"
    return f"{percent(sign * highest)}, at {place(sign * values)}"


def _cam(method: str, about: Topic) -> str:
    what = {
        "cam": "the score of {} at place z",
        "cam_max": "the positive part of the score of {} at place z, over the map's maximum",
        "cam_minmax": "the score of {} at place z, stretched so that the map runs from 0 to 1",
    }[method].format(about.label)
    text = f"Each value is {what}. {_NO_PROBABILITY} "
    if about.averaged:
        text += (
            f"The prediction is the softmax of all classes' mean scores, here "
            f"{percent(about.probability)} for {about.label}: a place that is high for this class "
            "may be as high for others, and then changes nothing. "
        )
    return f"{text}The map is highest at {place(about.values)}."


def _cam_superset(method: str, about: Topic) -> str:
    scaled = {
        "cam_superset": "each class's map stretched from 0 to 1 first",
        "cam_superset_positive": "negative ones left out",
    }
    return (
        f"Each value is a sum over the {about.members} classes of {about.group}: their scores at "
        f"place z, {scaled[method]}. {_NO_PROBABILITY} "
        f"It is highest at {place(about.values)}."
    )


def _other(method: str, about: Topic) -> str:
    of = f", for {about.label}" if METHODS[method].targets == "class" else ""
    return (
        f"The value at place z{of}: {about.units}. {_NO_PROBABILITY} It is highest at "
        f"{place(about.values)}."
    )


_NO_PROBABILITY = (
    "It is not a probability, and its scale means nothing by itself: compare locations of this map "
    "each other, not values of different classes, images or models."
)


def _total(about: Topic, what: str) -> str:
    height, width = about.values.shape
    return (
        f"The {width} x {height} places add up to {percent(about.probability)}, the model's "
        f"probability of {what}."
    )


def _likeliest(about: Topic) -> str:
    return f"The likeliest place has {percent(about.values.max())}, at {place(about.values)}."


_MEANINGS: dict[str, Callable[[str, Topic], str]] = {
    "joint": _joint,
    "conditional": _conditional,
    "posterior": _posterior,
    "saliency": _saliency,
    "subset": _subset,
    "counterfactual": _counterfactual,
    "cam": _cam,
    "cam_max": _cam,
    "cam_minmax": _cam,
    "cam_superset": _cam_superset,
    "cam_superset_positive": _cam_superset,
}

"""Models that have learnt nothing, in plain sentences for the top of the report."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

ERRORS = 2  # standard errors above the constant's accuracy that count as better


def no_better(models: Iterable[Mapping[str, Any]]) -> list[str]:
    """A sentence for each model that is no better on val than the best constant prediction.

    Args:
        models: of `pipeline.report.facts.model`. Those without training or val images have nothing
            to compare.
    """
    return [sentence for model in models for sentence in _of_model(model)]


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def _of_model(model: Mapping[str, Any]) -> Iterator[str]:
    last, constant = model["last_epoch"], model["best_constant"]
    if constant is None or "val_accuracy" not in last:
        return
    name = model["name"]
    accuracy, loss = last["val_accuracy"], last.get("val_loss", float("inf"))
    at_chance = accuracy <= constant["accuracy"] + ERRORS * constant["accuracy_error"]
    worse = loss >= constant["loss"]
    numbers = (
        f"On val it predicts {_percent(accuracy)} right with a loss of {loss:.4f}; the best "
        f"constant prediction, which looks at no image, has {_percent(constant['accuracy'])} and "
        f"{constant['loss']:.4f}."
    )
    if at_chance and worse:
        yield f"{name}, is no better than a constant prediction. {numbers}"
    elif at_chance:
        yield f"{name}, is not clearly above chance in accuracy. {numbers}"
    elif worse:
        yield f"{name}, has a higher loss than a constant prediction. {numbers}"

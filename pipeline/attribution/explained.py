"""The function of the features that a method explains: the class's logit, or log p(y|x).

Gradients, Grad-CAM and their families were published for the score before the softmax, and that is
what libraries differentiate. The logarithm of the probability also holds the scores of all other
classes, d log p(y|x) = d logit_y - sum over c of p(c|x) d logit_c, so its maps are different ones:
evidence that all classes share cancels. CALM mixes probabilities over locations and has no logits.
"""

from torch import Tensor

from pipeline.catalogue.methods import Entry
from pipeline.models.heads import Head
from pipeline.settings import Attribution, Target

_WORDS: dict[Target, str] = {"logit": "logit", "log_prob": "log p(y|x)"}


def target_of(head: Head, wanted: Target) -> Target:
    """The target that is explained: the wanted one if the model has it, else log p(y|x)."""
    return wanted if head.has_logits else "log_prob"


def explained(head: Head, maps: Tensor, target: Target) -> Tensor:
    """The explained function of all classes.

    It is computed in double precision. The gradient of CAM's log p(y|x) is a difference that is
    small where p(y|x) is near 1: in single precision its direction is lost from about
    1 - p(y|x) < 1e-7 on, which a trained model reaches on many images.

    Args:
        head: of the model.
        maps: (B, C, h, w), of the head.
        target: what is wanted; log p(y|x) where the head has no logits.

    Returns:
        (B, C) float64.
    """
    maps = maps.double()
    return head.logits(maps) if target_of(head, target) == "logit" else head.log_probs(maps)


def wanted_by(entry: Entry, options: Attribution) -> Target | None:
    """The score that a method explains; None for maps that stand on no score."""
    if "{score}" not in entry.units:
        return None
    return options.target if "target" in entry.options else "logit"


def units_of(entry: Entry, head: Head, options: Attribution) -> str:
    """What a value of a method's maps is, for a model: the entry's units with the score's name."""
    wanted = wanted_by(entry, options)
    return (
        entry.units.replace("{score}", _WORDS[target_of(head, wanted)]) if wanted else entry.units
    )

"""The names that a notebook imports, on one page (docs/api.md shows each at work).

A name is imported when it is first asked for, so that ``from pipeline.api import read_tree`` costs
no PyTorch. The names here stay; the modules behind them may move.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.artefacts.maps import MapStore as MapStore
    from pipeline.attribution.attribute import attribute as attribute
    from pipeline.calm import class_log_probs as class_log_probs
    from pipeline.calm import conditional as conditional
    from pipeline.calm import counterfactual as counterfactual
    from pipeline.calm import em_loss as em_loss
    from pipeline.calm import joint as joint
    from pipeline.calm import log_joint as log_joint
    from pipeline.calm import ml_loss as ml_loss
    from pipeline.calm import posterior as posterior
    from pipeline.calm import saliency as saliency
    from pipeline.calm import subset as subset
    from pipeline.cues.class_pairs import attribute_parts as attribute_parts
    from pipeline.cues.class_pairs import class_pairs as class_pairs
    from pipeline.cues.part_maps import cue_mask as cue_mask
    from pipeline.cues.part_maps import part_map as part_map
    from pipeline.evaluation.bootstrap import bootstrap as bootstrap
    from pipeline.evaluation.erasing.erase import erase_mask as erase_mask
    from pipeline.evaluation.erasing.erasers import blur_baseline as blur_baseline
    from pipeline.evaluation.localisation.boxes import MaxBoxAccuracy as MaxBoxAccuracy
    from pipeline.evaluation.pxap import PixelAveragePrecision as PixelAveragePrecision
    from pipeline.explain.explanation import Explanation as Explanation
    from pipeline.explain.explanation import explain as explain
    from pipeline.models.loading import load_model as load_model
    from pipeline.supersets.tree import read_tree as read_tree
    from pipeline.supersets.tree import supersets as supersets

_NAMES = {
    # the paper's equations
    "pipeline.calm": (
        "log_joint",
        "class_log_probs",
        "posterior",
        "ml_loss",
        "em_loss",
        "joint",
        "conditional",
        "saliency",
        "subset",
        "counterfactual",
    ),
    # cues
    "pipeline.cues.class_pairs": ("attribute_parts", "class_pairs"),
    "pipeline.cues.part_maps": ("part_map", "cue_mask"),
    # metrics
    "pipeline.evaluation.pxap": ("PixelAveragePrecision",),
    "pipeline.evaluation.localisation.boxes": ("MaxBoxAccuracy",),
    "pipeline.evaluation.erasing.erase": ("erase_mask",),
    "pipeline.evaluation.erasing.erasers": ("blur_baseline",),
    "pipeline.evaluation.bootstrap": ("bootstrap",),
    # supersets
    "pipeline.supersets.tree": ("read_tree", "supersets"),
    # models and maps
    "pipeline.models.loading": ("load_model",),
    "pipeline.attribution.attribute": ("attribute",),
    "pipeline.explain.explanation": ("explain", "Explanation"),
    "pipeline.artefacts.maps": ("MapStore",),
}
_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names}

__all__ = tuple(_MODULE_OF)


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_MODULE_OF[name]), name)
    globals()[name] = value  # the next time without a detour
    return value


def __dir__() -> list[str]:
    return sorted(__all__)

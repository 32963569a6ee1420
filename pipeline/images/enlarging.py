"""Attribution maps on the pixels of the image that they explain."""

from torch import Tensor
from torch.nn.functional import interpolate


def upsampled(maps: Tensor, size: int) -> Tensor:
    """Maps resized bilinearly to the image's size; those that have it are unchanged.

    Args:
        maps: (B, h, w), any real numbers.
        size: side of the image, pixels.

    Returns:
        (B, size, size) float64 on the CPU: probabilities of single locations can be near float32's
        smallest number.
    """
    maps = maps.detach().cpu().double()
    return interpolate(maps[:, None], (size, size), mode="bilinear", align_corners=False)[:, 0]

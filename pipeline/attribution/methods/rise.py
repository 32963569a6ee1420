"""RISE: which pixels are seen when the class is likely."""

from collections.abc import Iterator
from typing import Annotated

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from pipeline.attribution.input_gradients import POINTS, forward_of, image_by_image
from pipeline.attribution.query import Query
from pipeline.settings.base import Count, Section, Seed


class RiseOptions(Section):
    """RISE (Petsiuk et al., BMVC 2018)."""

    masks: Count = Field(
        4000,
        description="masked copies per image, each a forward pass; the publication's number for "
        "VGG16 (8000 for ResNet50)",
    )
    cells: Count = Field(7, description="cells on a side of the grid that a mask is drawn on")
    keep: Annotated[float, Field(gt=0, le=1)] = Field(
        0.5, description="probability that a cell is seen"
    )
    seed: Seed = Field(0, description="seed of the masks, which all images share")


def rise(query: Query) -> Tensor:
    """RISE (Petsiuk et al., BMVC 2018): (K, S, S), not negative.

    The mean over random masks of p(y|x) of the masked image times the mask, over the masks'
    expected mean (equation 6). What is masked fades to ImageNet's mean colour. All images get the
    same masks, and a masked image goes through the network once for all classes.
    """
    section, forward = query.options.own(RiseOptions), forward_of(query, "log_prob")

    def weighted_masks(row: int, image: Tensor, labels: list[int]) -> Tensor:
        total = image.new_zeros(len(labels), *image.shape[2:])
        for masks in random_masks(section, image.shape[-1]):
            masks = masks.to(image)
            probabilities = forward(masks * image)[:, labels].exp().to(image)  # (n, L)
            total += torch.einsum("nl,nhw->lhw", probabilities, masks[:, 0])
        return total / (section.masks * section.keep)

    with torch.no_grad():
        return image_by_image(query, weighted_masks)


def random_masks(section: RiseOptions, size: int) -> Iterator[Tensor]:
    """The masks (n, 1, size, size) in [0, 1], a few at a time, the same in every call.

    A grid of ``cells`` x ``cells`` cells, each kept with probability ``keep``, is enlarged
    bilinearly to one cell more than the image, of which a random part is cut out (section 3.2).
    """
    draws = torch.Generator().manual_seed(section.seed)
    cell = -(-size // section.cells)
    side = (section.cells + 1) * cell
    for start in range(0, section.masks, POINTS):
        masks = []
        for _ in range(min(POINTS, section.masks - start)):
            kept = torch.rand((1, 1, section.cells, section.cells), generator=draws) < section.keep
            top, left = torch.randint(cell, (2,), generator=draws).tolist()
            large = F.interpolate(kept.float(), (side, side), mode="bilinear", align_corners=False)
            masks.append(large[0, :, top : top + size, left : left + size])
        yield torch.stack(masks)

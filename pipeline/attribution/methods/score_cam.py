"""Score-CAM: class activation maps without gradients."""

import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.attribution.features import features_of
from pipeline.attribution.input_gradients import forward_of, image_by_image
from pipeline.attribution.query import Query
from pipeline.images.scaling import minmax

# Pixels of the masked images of a pass, 32 images of 224: without gradients a network keeps the
# activations of few layers, which are less than 2 GB.
PIXELS = 32 * 224 * 224


def score_cam(query: Query) -> Tensor:
    """Score-CAM (Wang et al., CVPR Workshops 2020): (K, h, w), not negative.

    Each channel of the features, enlarged to the image and stretched to [0, 1], masks the image; a
    channel's weight is the softmax over the channels of the class's score of the masked image
    (algorithm 1; the score of the baseline image, subtracted there, cancels in the softmax). One
    set of masked images serves all classes that are asked for.
    """
    features, forward = query.once(features_of), forward_of(query)
    size = query.inputs.shape[2:]
    at_once = max(1, PIXELS // size.numel())

    def weighted_channels(row: int, image: Tensor, labels: list[int]) -> Tensor:
        scores = []
        for channels in features[row].split(at_once):  # (n, h, w)
            masks = minmax(
                F.interpolate(channels[:, None], size, mode="bilinear", align_corners=False)
            )
            masked = (masks * image).contiguous(memory_format=torch.channels_last)
            scores.append(forward(masked)[:, labels])
        weights = torch.cat(scores).softmax(dim=0).to(features)  # (channels, L)
        return F.relu(torch.einsum("cl,chw->lhw", weights, features[row]))

    with torch.no_grad():
        return image_by_image(query, weighted_channels)

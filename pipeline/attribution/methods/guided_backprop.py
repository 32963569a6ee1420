"""Guided backpropagation, by Captum, on a trunk in which every ReLU call is a separate module."""

import warnings

from captum.attr import GuidedBackprop
from torch import Tensor, nn

from pipeline.attribution.explained import explained
from pipeline.attribution.input_gradients import (
    by_captum,
    finished,
    image_by_image,
    strongest_channel,
)
from pipeline.attribution.query import Query
from pipeline.attribution.relu_modules import in_place_off, with_relu_modules
from pipeline.models.classifier import Classifier
from pipeline.models.given import GivenModel
from pipeline.runtime.errors import UserError
from pipeline.settings import Target


def guided_backprop(query: Query) -> Tensor:
    """Guided backpropagation (Springenberg et al., ICLR Workshop 2015): (K, S, S).

    The gradient of the class's score, of which every ReLU of the trunk passes on the positive part
    only; the head is differentiated as it is. Channels are reduced as those of the gradient.

    Raises:
        UserError: the trunk has no ReLU, or is not a trunk of ours.
    """
    if isinstance(query.model, GivenModel):
        raise UserError(
            "guided_backprop: not for given networks, whose ReLUs cannot be told apart."
            " Take another method."
        )
    network = _WithReluModules(query.model, query.options.target)
    method = GuidedBackprop(network)
    with in_place_off(network), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Setting backward hooks")  # which is the method
        maps = image_by_image(
            query, lambda row, image, labels: strongest_channel(by_captum(method, image, labels))
        )
    return finished(maps, query.options.gradient_maps)


class _WithReluModules(nn.Module):
    """Images -> scores of a model, whose parameters it shares, as `forward_of` gives them."""

    def __init__(self, model: Classifier, target: Target) -> None:
        super().__init__()
        self.head = model.head
        self.target = target
        self.trunk, relus = with_relu_modules(model.trunk)
        if not relus:
            raise UserError(
                f"guided_backprop: the trunk {model.job.trunk!r} has no ReLU. Drop the method "
                "from `methods`, or the architecture."
            )

    def forward(self, images: Tensor) -> Tensor:
        return explained(self.head, self.head(self.trunk(images)["features"]), self.target)

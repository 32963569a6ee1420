"""Guided backpropagation, by Captum, on a trunk whose every ReLU is a module of its own."""

import copy
import warnings

import torch.nn.functional as F
from captum.attr import GuidedBackprop
from torch import Tensor, fx, nn

from pipeline.attribution.explained import explained
from pipeline.attribution.input_gradients import (
    by_captum,
    finished,
    image_by_image,
    strongest_channel,
)
from pipeline.attribution.query import Query
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
    method = GuidedBackprop(_WithReluModules(query.model, query.options.target))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Setting backward hooks")  # which is the method
        maps = image_by_image(
            query, lambda row, image, labels: strongest_channel(by_captum(method, image, labels))
        )
    return finished(maps, query.options.gradient_maps)


class _WithReluModules(nn.Module):
    """Images -> scores of a model, whose parameters it shares, as `forward_of` gives them.

    Captum hooks the ReLU modules. torchvision's trunks also call the function, which hooks miss,
    and one module several times; here every call has a module of its own.
    """

    def __init__(self, model: Classifier, target: Target) -> None:
        super().__init__()
        self.head = model.head
        self.target = target
        self.trunk = fx.GraphModule(model.trunk, copy.deepcopy(model.trunk.graph))
        calls = [node for node in self.trunk.graph.nodes if _is_relu(node, model.trunk)]
        if not calls:
            raise UserError(
                f"guided_backprop: the trunk {model.job.trunk!r} has no ReLU. Drop the method "
                "from `methods`, or the architecture."
            )
        for node in calls:
            name = f"own_{node.name}"
            self.trunk.add_module(name, nn.ReLU())
            with self.trunk.graph.inserting_after(node):
                own = self.trunk.graph.call_module(name, node.args[:1])
            node.replace_all_uses_with(own)
            self.trunk.graph.erase_node(node)
        self.trunk.recompile()

    def forward(self, images: Tensor) -> Tensor:
        return explained(self.head, self.head(self.trunk(images)["features"]), self.target)


def _is_relu(node: fx.Node, trunk: nn.Module) -> bool:
    if node.op == "call_module":
        return isinstance(trunk.get_submodule(str(node.target)), nn.ReLU)
    return node.op == "call_function" and node.target is F.relu

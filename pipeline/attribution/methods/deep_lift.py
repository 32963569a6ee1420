"""DeepLIFT by Captum, on networks whose every nonlinear function is a module of its own."""

import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest import mock

import torch
import torch.nn.functional as F
from captum.attr import DeepLift
from captum.attr._core import deep_lift as captums
from torch import Tensor, fx, nn
from torch.nn.modules import activation

from pipeline.attribution.input_gradients import finished, image_by_image
from pipeline.attribution.query import Query
from pipeline.attribution.relu_modules import in_place_off, with_relu_modules
from pipeline.models.classifier import Classifier
from pipeline.models.given import GivenModel
from pipeline.runtime.errors import UserError

# functions of each value alone, for which the rescale rule holds as it does for Captum's ReLU
ELEMENTWISE = (nn.ReLU6, nn.SiLU, nn.GELU, nn.Hardswish, nn.Hardsigmoid, nn.Mish, nn.SELU, nn.CELU)
_NORMS = (nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.LocalResponseNorm)
_OF_ACTIVATION = tuple(getattr(activation, name) for name in activation.__all__)
GAP = 0.01  # of the sum of |contributions|, by which they may miss the score's difference


def _summed(
    values: Tensor,
    indices: Tensor,
    kernel: object,
    stride: object,
    padding: object,
    size: list[int],
) -> Tensor:
    """Values at the places that a pooling took them from, added where windows overlap."""
    empty = values.new_zeros(size).flatten(2)
    return empty.scatter_add(2, indices.flatten(2), values.flatten(2)).view(size)


def _max_pool(module: nn.Module, *given: Tensor, eps: float) -> Tensor:
    """Captum's rule, which of several windows with one maximum would keep the last."""
    return captums.maxpool(module, F.max_pool2d, _summed, *given, eps=eps)


RULES = {
    **captums.SUPPORTED_NON_LINEAR,
    **dict.fromkeys(ELEMENTWISE, captums.nonlinear),
    nn.MaxPool2d: _max_pool,
}


def deep_lift(query: Query) -> Tensor:
    """DeepLIFT with the rescale rule (Shrikumar et al., ICML 2017): (K, S, S), signed.

    Contributions to the class's logit, as published, compared with the image of zeros, ImageNet's
    mean colour; a pixel has the sum of its channels'. Before blur and stretch a map sums to the
    difference of the two images' logits.

    Raises:
        UserError: a module is used more than once, or a nonlinear function has no rule or no
            module, so that the contributions would miss the difference.
    """
    network = _Logits(query.model)
    check_modules(network, query.inputs)
    method = DeepLift(network)

    def contributions(row: int, image: Tensor, labels: list[int]) -> Tensor:
        with torch.no_grad():
            ends = network(torch.cat([image, torch.zeros_like(image)])).double()
        maps = []
        for label in labels:
            found = method.attribute(image.detach().requires_grad_(), target=label)[0].detach()
            wanted, summed = ends[0, label] - ends[1, label], found.double().sum()
            if (wanted - summed).abs() > GAP * found.double().abs().sum():
                raise UserError(
                    f"deep_lift: the contributions sum to {summed:.4g} where the logit differs by "
                    f"{wanted:.4g}: the network computes something nonlinear outside of modules. "
                    "Take another method, such as integrated_gradients."
                )
            maps.append(found.sum(dim=0))
        return torch.stack(maps)

    with _rules(network):
        maps = image_by_image(query, contributions)
    return finished(maps, query.options.gradient_maps)


class _Logits(nn.Module):
    """Images -> logits of a model, whose ReLUs are told apart where its trunk is a graph."""

    def __init__(self, model: Classifier | GivenModel) -> None:
        super().__init__()
        self.trunk, self.model = None, None
        if isinstance(model, Classifier) and isinstance(model.trunk, fx.GraphModule):
            self.trunk, self.head = with_relu_modules(model.trunk)[0], model.head
        else:
            self.model = model

    def forward(self, images: Tensor) -> Tensor:
        if self.model is not None:
            return self.model.logits(images)
        assert self.trunk is not None  # the other case
        return self.head.logits(self.head(self.trunk(images)["features"]))


@torch.no_grad()
def check_modules(network: nn.Module, images: Tensor) -> None:
    """Raise UserError where Captum's rules do not cover a network's modules, which are named."""
    names = {module: name for name, module in network.named_modules()}
    calls: Counter[nn.Module] = Counter()
    with ExitStack() as hooks:
        for module in names:
            if type(module) in RULES or isinstance(module, (*_OF_ACTIVATION, *_NORMS)):
                hook = module.register_forward_hook(lambda *call: calls.update([call[0]]))
                hooks.enter_context(hook)
        network(images[:1])
    without = {
        type(module).__name__: names[module] for module in calls if type(module) not in RULES
    }
    if without:
        kind, name = next(iter(without.items()))
        raise UserError(
            f"deep_lift: there is no rule for {', '.join(sorted(without))} (such as {_short(name)},"
            f" a {kind}). Take another method, such as integrated_gradients."
        )
    if reused := [names[module] for module, count in calls.items() if count > 1]:
        raise UserError(
            f"deep_lift: {len(reused)} modules are used more than once (such as "
            f"{_short(reused[0])}). Give each call a module of its own, or take another method, "
            "such as integrated_gradients."
        )


def _short(name: str) -> str:
    return name.removeprefix("model.").removeprefix("network.")


@contextmanager
def _rules(network: nn.Module) -> Iterator[None]:
    """While it lasts, Captum has all rules and no function writes over its input."""
    rules = mock.patch.dict(captums.SUPPORTED_NON_LINEAR, RULES)
    with in_place_off(network), rules, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Setting forward, backward hooks")
        yield

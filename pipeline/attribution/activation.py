"""Attribution maps read off a classifier's last maps: CAM and CALM, one registry of methods.

A method turns the output of one forward pass over B images, (B, C, h, w), into K maps (K, h, w),
one for each requested (image, target). The classes of a request come from
:func:`pipeline.attribution.plan.target_classes`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline import calm
from pipeline.errors import UserError

Classes = Sequence[tuple[int, ...]]


@dataclass(frozen=True)
class Method:
    """An attribution method.

    Attributes:
        model: the kind of model that it reads, ``"cam"`` or ``"calm"``.
        targets: what it explains, one of :data:`pipeline.attribution.plan.KINDS`.
        units: what a value of its maps is.
        compute: (output (B, C, h, w), images (K,) int64 rows of the output, classes of each of the
            K requests) -> maps (K, h, w). Methods of supersets and of the prior take one request
            an image, in order.
    """

    model: str
    targets: str
    units: str
    compute: Callable[[Tensor, Tensor, Classes], Tensor]


def normalise_cam(maps: Tensor, how: str = "max") -> Tensor:
    """Scale each map to [0, 1] (Eq. 2).

    Args:
        maps: (..., h, w), any real numbers.
        how: ``"max"``: drop what is negative, divide by the maximum; ``"minmax"``: subtract the
            minimum, divide by the range.

    Returns:
        (..., h, w) in [0, 1]. Where Eq. 2 divides by zero (no positive value; a constant map) the
        map is zero.

    Raises:
        ValueError: an unknown ``how``.
    """
    if how == "max":
        above = maps.clamp_min(0)
    elif how == "minmax":
        above = maps - maps.amin(dim=(-2, -1), keepdim=True)
    else:
        raise ValueError(f"how must be 'max' or 'minmax', not {how!r}")
    scale = above.amax(dim=(-2, -1), keepdim=True)
    return above / torch.where(scale > 0, scale, 1)


def method_named(name: str, model: str) -> Method:
    """The method ``name`` for a kind of model.

    Raises:
        UserError: there is none of that name for this kind; the message lists those there are.
    """
    method = METHODS.get(name)
    if method is None or method.model != model:
        valid = [each for each, method in METHODS.items() if method.model == model]
        names = ", ".join(valid) or "none"
        raise UserError(f"--method: a {model} model has no method {name!r}; valid: {names}.")
    return method


def probabilities(log_probs: Tensor, targets: str, images: Tensor, classes: Classes) -> Tensor:
    """The probability that belongs to each requested map.

    Args:
        log_probs: (B, C), log p(y|x).
        targets: what the method explains, one of :data:`pipeline.attribution.plan.KINDS`.
        images: (K,) int64 rows of ``log_probs``.
        classes: the classes of each of the K requests.

    Returns:
        (K,): p(y|x) of a class, the sum over a superset, 1 for the prior, and p(y|x) - p(y'|x) for
        a counterfactual.
    """
    if targets == "counterfactual":
        label, other = _columns(classes, log_probs.device)
        return log_probs[images, label].exp() - log_probs[images, other].exp()
    if targets == "class":
        (label,) = _columns(classes, log_probs.device)
        return log_probs[images, label].exp()
    if targets == "prior":
        return log_probs.new_ones(len(images))
    return torch.stack(
        [
            log_probs[image, list(members)].exp().sum()
            for image, members in zip(images, classes, strict=True)
        ]
    )


def _cam(output: Tensor, images: Tensor, classes: Classes) -> Tensor:
    """The activation f_y before the pooling mean, signed (section 3); scaling comes later."""
    (label,) = _columns(classes, output.device)
    return output[images, label]


def _cam_superset(output: Tensor, images: Tensor, classes: Classes) -> Tensor:
    """The sum of the min-max scaled activations of a set of classes (CAM + Y, section 5.4)."""
    return torch.stack(
        [
            normalise_cam(output[image, list(members)], "minmax").sum(dim=0)
            for image, members in zip(images, classes, strict=True)
        ]
    )


def _joint(output: Tensor, images: Tensor, classes: Classes) -> Tensor:
    log_joint, first = _asked(output, images, classes)
    return calm.joint(log_joint, first)


def _posterior(output: Tensor, images: Tensor, classes: Classes) -> Tensor:
    log_joint, first = _asked(output, images, classes)
    return calm.posterior(log_joint, first)


def _counterfactual(output: Tensor, images: Tensor, classes: Classes) -> Tensor:
    log_joint, first = _asked(output, images, classes)
    return calm.counterfactual(log_joint, first, first + 1)


def _conditional(output: Tensor, images: Tensor, classes: Classes) -> Tensor:
    """p(y|x, z) (4.1.3): p(z|x) needs all classes, but once an image, not once a request."""
    (label,) = _columns(classes, output.device)
    log_saliency = torch.logsumexp(output, dim=1)  # (B, h, w)
    return (output[images, label] - log_saliency[images]).exp()


def _saliency(output: Tensor, images: Tensor, classes: Classes) -> Tensor:
    return calm.saliency(output)


def _subset(output: Tensor, images: Tensor, classes: Classes) -> Tensor:
    return calm.subset(output, classes)


def _asked(output: Tensor, images: Tensor, classes: Classes) -> tuple[Tensor, Tensor]:
    """Only the maps that are asked for, so that the other classes' cost nothing.

    Returns:
        (K, n, h, w), the n classes of each request in their order, and zeros (K,), the index of
        the first of them.
    """
    labels = torch.stack(_columns(classes, output.device), dim=1)  # (K, n)
    asked = output[images[:, None], labels]  # (K, n, h, w)
    return asked, torch.zeros_like(images)


def _columns(classes: Classes, device: torch.device) -> tuple[Tensor, ...]:
    """The first classes of all requests, the second ones, ...: each (K,) int64."""
    return torch.tensor(classes, dtype=torch.long, device=device).unbind(dim=1)


METHODS: dict[str, Method] = {
    "cam": Method("cam", "class", "activation f_y before pooling (real)", _cam),
    "cam_superset": Method(
        "cam", "superset", "sum of min-max scaled activations (>= 0)", _cam_superset
    ),
    "joint": Method("calm", "class", "p(y, z|x)", _joint),
    "conditional": Method("calm", "class", "p(y|x, z)", _conditional),
    "posterior": Method("calm", "class", "p(z|x, y)", _posterior),
    "saliency": Method("calm", "prior", "p(z|x)", _saliency),
    "subset": Method("calm", "superset", "sum of p(y, z|x) over the superset", _subset),
    "counterfactual": Method(
        "calm", "counterfactual", "p(y, z|x) - p(y', z|x) (in [-1, 1])", _counterfactual
    ),
}

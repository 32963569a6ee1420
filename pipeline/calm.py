"""CALM's probabilistic model as pure functions on tensors.

Image x, class y in {1..C}, cue location z in {1..HW}: p(y, z|x) = p(y|x, z) p(z|x), with
p(y|x, z) a softmax over classes at each location and p(z|x) an L1-normalised positive map
(paper, section 4.1.1). Everything is computed in log space, so that no image, not even one
whose location map is zero everywhere, gives a NaN.

Shapes: B images, C classes, an H x W map. All results are float tensors on the inputs' device;
probabilities lie in [0, 1].

Maps of several classes of one image come from one (B, C, H, W): ``images`` (K,) then names the
image of each of K maps, and what does not depend on the class is computed once per image. Without
``images`` there is one map for each image, in order.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def log_prior(
    location_logits: Tensor, *, location: str = "softplus", detach_normaliser: bool = False
) -> Tensor:
    """log p(z|x): L1-normalised ``softplus`` (or ``relu``) of the location branch (4.1.1, App. C).

    Args:
        location_logits: (B, 1, H, W), any real numbers.
        location: ``"softplus"`` (section 4.1.1) or ``"relu"`` (Appendix C and the released code).
        detach_normaliser: block the gradient through the normalising sum (the released code).

    Returns:
        (B, 1, H, W). With ``relu`` a location of zero activation has p(z|x) = 0, its logarithm
        being about -1500; where all locations are zero the prior is uniform.

    Raises:
        ValueError: ``location`` is neither of the two, or the shape is not (B, 1, H, W).
    """
    if location_logits.ndim != 4 or location_logits.shape[1] != 1:
        raise ValueError(f"location_logits: expected (B, 1, H, W), got {_shape(location_logits)}")
    if location == "softplus":
        # log softplus(a) = log log(1 + e^a); for very negative a it tends to a itself
        activation = F.softplus(location_logits)
        log_activation = torch.where(
            location_logits < _SOFTPLUS_IS_EXP,
            location_logits,
            activation.clamp_min(torch.finfo(activation.dtype).tiny).log(),
        )
    elif location == "relu":
        activation = F.relu(location_logits)
        dead = (activation > 0).flatten(1).sum(1) == 0  # (B,) no location is active
        activation = torch.where(dead[:, None, None, None], torch.ones_like(activation), activation)
        tiny = torch.finfo(activation.dtype).tiny
        log_activation = torch.where(activation > 0, activation.clamp_min(tiny).log(), _LOG_ZERO)
    else:
        raise ValueError(f"location must be 'softplus' or 'relu', not {location!r}")
    log_total = torch.logsumexp(log_activation.flatten(1), dim=1)[:, None, None, None]
    return log_activation - (log_total.detach() if detach_normaliser else log_total)


_SOFTPLUS_IS_EXP = -15.0  # below, log softplus(a) - a = -e^a / 2 + ... < 2e-7
# log of a zero of the prior: so low that its exponential is 0 even in float64, and so near that
# log p(y|x, z), which is added to it, keeps four digits in float32 (see `conditional`)
_LOG_ZERO = -1500.0


def log_joint(
    class_logits: Tensor,
    location_logits: Tensor,
    *,
    location: str = "softplus",
    detach_normaliser: bool = False,
) -> Tensor:
    """log p(y, z|x) = log p(y|x, z) + log p(z|x) (section 4.1.1, Figure 2a).

    Args:
        class_logits: (B, C, H, W), the branch g before its softmax over classes.
        location_logits: (B, 1, H, W), the branch h before its activation.
        location: activation of h, see :func:`log_prior`.
        detach_normaliser: see :func:`log_prior`.

    Returns:
        (B, C, H, W); its exponential sums to 1 over classes and locations.

    Raises:
        ValueError: the shapes do not fit together, or ``location`` is unknown.
    """
    if class_logits.ndim != 4 or class_logits.shape[2:] != location_logits.shape[2:]:
        raise ValueError(
            f"class_logits {_shape(class_logits)} and location_logits {_shape(location_logits)} "
            "must be (B, C, H, W) and (B, 1, H, W) with the same H and W"
        )
    prior = log_prior(location_logits, location=location, detach_normaliser=detach_normaliser)
    return F.log_softmax(class_logits, dim=1) + prior


def class_log_probs(log_joint: Tensor) -> Tensor:
    """log p(y|x) = log sum_z p(y, z|x) (section 4.1): (B, C, H, W) -> (B, C)."""
    return torch.logsumexp(log_joint.flatten(2), dim=2)


def posterior(log_joint: Tensor, labels: Tensor, *, images: Tensor | None = None) -> Tensor:
    """p(z|x, y) (Eq. 17): (B, C, H, W), labels (K,) -> (K, H, W), summing to 1 over locations."""
    target = _of_class(log_joint, labels, images)  # (K, H, W)
    return F.softmax(target.flatten(1), dim=1).view_as(target)


def ml_loss(log_joint: Tensor, labels: Tensor) -> Tensor:
    """Marginal likelihood loss, -log sum_z p(y, z|x) (Eq. 4): scalar, mean over the batch, nats."""
    target = _of_class(log_joint, labels)  # (B, H, W)
    return -torch.logsumexp(target.flatten(1), dim=1).mean()


def em_loss(log_joint: Tensor, labels: Tensor, *, posterior_guard: float = 0.0) -> Tensor:
    """EM loss, -sum_z p'(z|x, y) log p(y, z|x) (Eq. 6): scalar, mean over the batch, nats.

    The pseudo-target p'(z|x, y) comes from the same parameters without gradient (theta' = theta,
    section 4.1.2). Only the target class is touched, so it needs 1/C of the memory of Eq. 6
    written for all classes.

    Args:
        log_joint: (B, C, H, W).
        labels: (B,) integers.
        posterior_guard: g in the posterior p(y, z|x) / (p(y|x) + g); the released code has 1e-10.
    """
    target = _of_class(log_joint, labels).flatten(1)  # (B, HW)
    pseudo_target = F.softmax(target.detach(), dim=1)
    if posterior_guard:  # p / (p + g) = sigmoid(log p - log g)
        log_prob = torch.logsumexp(target.detach(), dim=1, keepdim=True)  # (B, 1)
        pseudo_target = pseudo_target * torch.sigmoid(log_prob - math.log(posterior_guard))
    return -(pseudo_target * target).sum(dim=1).mean()


def joint(log_joint: Tensor, labels: Tensor, *, images: Tensor | None = None) -> Tensor:
    """Attribution map p(y, z|x) of a class (Eq. 7): (K, H, W); its sum is p(y|x)."""
    return _of_class(log_joint, labels, images).exp()


def conditional(log_joint: Tensor, labels: Tensor, *, images: Tensor | None = None) -> Tensor:
    """Conditional attribution p(y|x, z) (4.1.3): (K, H, W), each location by itself in [0, 1]."""
    target = _of_class(log_joint, labels, images)
    log_saliency = torch.logsumexp(log_joint, dim=1)  # (B, H, W), of all classes
    return (target - (log_saliency if images is None else log_saliency[images])).exp()


def saliency(log_joint: Tensor) -> Tensor:
    """Saliency p(z|x) = sum_y p(y, z|x) (4.1.3): (B, H, W), summing to 1 over locations."""
    return torch.logsumexp(log_joint, dim=1).exp()


def subset(
    log_joint: Tensor, classes: Sequence[Sequence[int]], *, images: Tensor | None = None
) -> Tensor:
    """Subset attribution, the sum of p(y, z|x) over a set of classes for each map (4.1.3).

    Args:
        log_joint: (B, C, H, W).
        classes: K sequences of class indices; each index counts once.
        images: (K,), the image of each map; by default the B images in order.

    Returns:
        (K, H, W).

    Raises:
        ValueError: not one set for each map, or a class outside 0..C-1.
    """
    rows = range(len(log_joint)) if images is None else images.tolist()
    if len(classes) != len(rows):
        raise ValueError(f"classes: expected {len(rows)} sets of classes, got {len(classes)}")
    maps = []
    for image, chosen in zip(rows, classes, strict=True):  # no copy of all classes is made
        indices = sorted({int(index) for index in chosen})
        if indices and not 0 <= indices[0] <= indices[-1] < log_joint.shape[1]:
            raise ValueError(f"classes of image {image}: outside 0..{log_joint.shape[1] - 1}")
        maps.append(log_joint[image, indices].exp().sum(dim=0))
    return torch.stack(maps)


def counterfactual(
    log_joint: Tensor, labels: Tensor, others: Tensor, *, images: Tensor | None = None
) -> Tensor:
    """Why ``labels`` instead of ``others``: p(y, z|x) - p(y', z|x) (4.1.3): (K, H, W), signed."""
    return joint(log_joint, labels, images=images) - joint(log_joint, others, images=images)


def _of_class(log_joint: Tensor, labels: Tensor, images: Tensor | None = None) -> Tensor:
    """The map of one class for each of K images: labels (K,) integers -> (K, H, W)."""
    if log_joint.ndim == 4 and images is None:
        images = torch.arange(len(log_joint), device=log_joint.device)
    if images is None or labels.shape != images.shape:
        raise ValueError(
            f"expected log_joint (B, C, H, W) and labels (B,), or one label for each of `images`; "
            f"got {_shape(log_joint)} and {_shape(labels)}"
        )
    return log_joint[images, labels.long()]


def _shape(tensor: Tensor) -> tuple[int, ...]:
    return tuple(tensor.shape)

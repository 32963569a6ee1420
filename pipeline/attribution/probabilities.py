"""The probability that is stored with each map: what the map explains, as one number."""

import torch

from pipeline.attribution.query import Query


def probabilities(query: Query, targets: str) -> torch.Tensor:
    """The probability that belongs to each map of a query.

    Args:
        query: images and classes.
        targets: what the maps explain, one of :data:`pipeline.artefacts.targets.KINDS`.

    Returns:
        (K,): p(y|x) of a class, the sum over a superset, 1 for the prior, and p(y|x) - p(y'|x) for
        a counterfactual.
    """
    log_probs, images = query.log_probs, query.images
    if targets == "counterfactual":
        return log_probs[images, query.label(0)].exp() - log_probs[images, query.label(1)].exp()
    if targets == "class":
        return log_probs[images, query.label()].exp()
    if targets == "prior":
        return log_probs.new_ones(len(images))
    return torch.stack(
        [
            log_probs[image, list(members)].exp().sum()
            for image, members in zip(images, query.classes, strict=True)
        ]
    )

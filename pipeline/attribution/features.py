"""A model's features, and the gradients of a class's score at them, for Grad-CAM and its family.

A trunk's features are computed once; gradients of the score (`pipeline.attribution.explained`) go
through the head alone. The features of a given vision transformer are its patch tokens
(`pipeline.models.tokens`), and the gradients go through the last block.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from pipeline.attribution.explained import explained
from pipeline.attribution.query import Query
from pipeline.models.attention import Blocks, find_blocks
from pipeline.models.given import GivenModel
from pipeline.models.tokens import Tokens, find_tokens
from pipeline.runtime.errors import UserError

MAPS = 16  # that are computed at once; a map of ResNet50 has 6 MB of features and of gradients

# features A and gradients G (n, channels, h, w), probabilities p(y|x) (n,) -> maps (n, h, w)
Rule = Callable[[Tensor, Tensor, Tensor], Tensor]


def features_of(query: Query) -> Tensor:
    """The features (B, channels, h, w) of a query's images, without gradient.

    Raises:
        UserError: the model has none.
    """
    tokens = query.once(tokens_of)
    with torch.no_grad():
        if tokens is None:
            return query.model.trunk(query.inputs)["features"]
        with tokens.cut() as found:
            query.model(query.inputs)
        return tokens.as_map(found[-1].detach())


def tokens_of(query: Query) -> Tokens | None:
    """Where the features of a query's model are read; None: its trunk gives them.

    Raises:
        UserError: it has none.
    """
    model = query.model
    if not isinstance(model, GivenModel) or model.has_features:
        return None
    try:
        return find_tokens(model, query.inputs)
    except UserError as error:
        raise UserError(
            "This network has no features that a method could look at: no layer with a map before "
            f"its end, and {error}. Use a method that needs logits alone, such as gradient."
        ) from error


def blocks_of(query: Query) -> Blocks:
    """The blocks of a query's model, a vision transformer.

    Raises:
        UserError: it is none.
    """
    try:
        return find_blocks(query.model, query.inputs)
    except UserError as error:
        raise UserError(
            f"This method reads the attention of a vision transformer, but {error}. Take another "
            "method, such as gradient."
        ) from error


def maps_by_gradients(query: Query, rule: Rule) -> Tensor:
    """The maps (K, h, w) of a query by a function of features and gradients, some at a time.

    Raises:
        UserError: the model has no features.
    """
    parts = zip(query.images.split(MAPS), query.label().split(MAPS), strict=True)
    return torch.cat([rule(*_with_gradients(query, *part)) for part in parts])


def _with_gradients(query: Query, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Features, gradients and probabilities of some maps, see `Rule`."""
    model, target, tokens = query.model, query.options.target, query.once(tokens_of)
    if tokens is not None:
        return _of_tokens(query, tokens, images, labels)
    with torch.enable_grad():
        leaf = query.once(features_of)[images].requires_grad_()
        maps = model.head(leaf)
        scores = explained(model.head, maps, target).gather(1, labels[:, None])
        (gradients,) = torch.autograd.grad(scores.sum(), leaf)
        log_probs = explained(model.head, maps.detach(), "log_prob").gather(1, labels[:, None])
    features = leaf.detach()
    return features, gradients, log_probs[:, 0].exp().to(features)


def _of_tokens(
    query: Query, tokens: Tokens, images: Tensor, labels: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The same of a vision transformer, whose maps of one image share its forward pass.

    Backward passes go through the last block alone: one for the first map of every image, one for
    the second, and so on.
    """
    head, target = query.model.head, query.options.target
    rows, places = images.unique(return_inverse=True)  # (n,) which of the rows is a map's
    turns = (images[:, None] == images).tril(-1).sum(dim=1)  # (n,) earlier maps of its image
    with torch.enable_grad():
        with tokens.cut() as found:
            maps = query.model(query.inputs[rows])
        leaf = found[-1]
        scores = explained(head, maps, target)[places, labels]  # (n,)
        gradients = torch.empty_like(leaf[places])
        last = int(turns.max())
        for turn in range(last + 1):
            now = turns == turn
            (of_rows,) = torch.autograd.grad(scores[now].sum(), leaf, retain_graph=turn < last)
            gradients[now] = of_rows[places[now]]
    log_probs = explained(head, maps.detach(), "log_prob")[places, labels]
    features = tokens.as_map(leaf.detach()[places])
    return features, tokens.as_map(gradients.detach()), log_probs.exp().to(features)

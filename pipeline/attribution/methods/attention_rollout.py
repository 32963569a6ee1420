"""Attention rollout: how much of each patch reaches the tokens that the classifier reads."""

import torch
from torch import Tensor

from pipeline.attribution.explained import explained
from pipeline.attribution.features import blocks_of
from pipeline.attribution.query import Query
from pipeline.models.attention import Blocks, fusing, recorded

IMAGES = 8  # that go through the network at once


def attention_rollout(query: Query) -> Tensor:
    """Attention rollout (Abnar and Zuidema, ACL 2020): (K, h, w), not negative, at most 1.

    A block passes on the mean of its heads' attention and, through the residual connection, each
    token itself, half and half; the blocks' matrices are multiplied. The map is the row of the
    class token, or the mean over the tokens that the network pools. It explains no class.

    Raises:
        UserError: the model is no vision transformer with attention of all patches to all.
    """
    model = query.model
    blocks = blocks_of(query)
    with fusing(model):
        readers = _readers(query, blocks)
        parts = []
        for images in query.inputs.split(IMAGES):
            attentions: list[Tensor] = []  # (n, N, N) of each block
            with torch.no_grad(), recorded(lambda w: attentions.append(w.mean(dim=1))):  # noqa: B023
                model(images)
            joint = torch.eye(attentions[0].shape[-1]).to(attentions[0])
            for attention in attentions:
                joint = (attention @ joint + joint) / 2
            parts.append(blocks.as_map(joint[:, readers].mean(dim=1)))
    return torch.cat(parts)[query.images]


def _readers(query: Query, blocks: Blocks) -> Tensor:
    """(N,) bool: the tokens of the last block that the scores depend on."""
    image = query.inputs[:1]
    tokens: list[Tensor] = []
    seen = blocks.modules[-1].register_forward_hook(lambda *call: tokens.append(call[2]))
    with seen, torch.no_grad():
        query.model(image)
    leaf = tokens[-1].detach().requires_grad_()
    with torch.enable_grad(), blocks.skipped(leaf):
        scores = explained(query.model.head, query.model(image), "log_prob")
        (gradient,) = torch.autograd.grad(scores.square().sum(), leaf)
    read = gradient[0].abs().sum(dim=-1) > 0
    return read if read.any() else torch.ones_like(read)

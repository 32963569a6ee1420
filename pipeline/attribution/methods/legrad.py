"""LeGrad: how sensitive what each block says of the class is to its attention."""

from contextlib import ExitStack

import torch
from torch import Tensor

from pipeline.attribution.explained import explained
from pipeline.attribution.features import blocks_of
from pipeline.attribution.input_gradients import image_by_image
from pipeline.attribution.query import Query
from pipeline.models.attention import fusing, recorded


def legrad(query: Query) -> Tensor:
    """LeGrad (Bousselham et al., ICCV 2025, arXiv 2404.03214): (K, h, w), not negative.

    Each block's tokens are read by the network's own end as if they were the last, which gives the
    class's score at that block; the positive part of its gradient with respect to the block's
    attention weights is averaged over heads, rows and blocks. The map is not stretched.

    Raises:
        UserError: the model is no vision transformer with attention of all patches to all.
    """
    model, target = query.model, query.options.target
    blocks = blocks_of(query)

    def block_gradients(row: int, image: Tensor, labels: list[int]) -> Tensor:
        attentions: list[Tensor] = []  # (1, heads, N, N) of each block
        tokens: list[Tensor] = []  # (1, N, D)
        with ExitStack() as hooks, recorded(attentions.append):
            for block in blocks.modules:
                hook = block.register_forward_hook(lambda *call: tokens.append(call[2]))
                hooks.enter_context(hook)
            model(image.detach().requires_grad_())
        total = torch.zeros(len(labels), attentions[0].shape[-1]).to(attentions[0])
        for attention, after in zip(attentions, tokens, strict=True):
            with blocks.skipped(after):
                scores = explained(model.head, model(image), target)[0, labels]
            for number, score in enumerate(scores.unbind()):
                (gradient,) = torch.autograd.grad(score, attention, retain_graph=True)
                total[number] += gradient[0].clamp_min(0).mean(dim=(0, 1))
        return blocks.as_map(total / len(attentions))

    with torch.enable_grad(), fusing(model):
        return image_by_image(query, block_gradients)

import numpy as np
import pytest
import torch
from given_networks import IMAGES, LABELS, dinov2, given, torchvisions_vit, vit

from pipeline.attribution.attribute import attribute


def attentions(network, images):
    """Mean attention (B, N, N) of each block of a timm ViT, from its own linear layers."""
    tokens = []
    hooks = [
        block.attn.register_forward_hook(
            lambda module, given, found: tokens.append((module, given))
        )
        for block in network.blocks
    ]
    with torch.no_grad():
        network(images)
    for hook in hooks:
        hook.remove()
    found = []
    for module, (given_tokens, *_) in tokens:
        heads, width = module.num_heads, given_tokens.shape[-1]
        qkv = module.qkv(given_tokens).detach().double().numpy()
        q, k = (
            qkv[..., start : start + width].reshape(*qkv.shape[:2], heads, -1)
            for start in (0, width)
        )
        scores = np.einsum("bihd,bjhd->bhij", q, k) / np.sqrt(width / heads)
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        found.append((weights / weights.sum(-1, keepdims=True)).mean(1))
    return found


@pytest.mark.parametrize(
    ("build", "rows", "prefix", "side", "size"),
    [
        (vit, [0], 1, 4, 64),
        (lambda: vit(global_pool="avg", class_token=False), range(16), 0, 4, 64),
        (lambda: vit(global_pool="avg"), range(1, 17), 1, 4, 64),  # pools its patches alone
        (lambda: vit(depth=4), [0], 1, 4, 64),
        (dinov2, [0], 5, 5, 70),
    ],
)
def test_rollout_is_the_product_of_half_attention_half_identity(build, rows, prefix, side, size):
    model = given(build, side=size)
    images = torch.nn.functional.interpolate(IMAGES, (size, size))
    found = attribute(model, images, LABELS, "attention_rollout")
    parts = attentions(model.network, images)
    for map_, image in zip(found, range(3), strict=True):
        joint = np.eye(parts[0].shape[-1])
        for part in parts:
            mixed = part[image] + np.eye(len(joint))
            joint = (mixed / mixed.sum(-1, keepdims=True)) @ joint
        expected = joint[list(rows)].mean(0)[prefix:].reshape(side, side)
        np.testing.assert_allclose(map_, expected, rtol=1e-4)


def test_rollout_of_torchvisions_vit_is_that_of_its_own_weights():
    model = given(torchvisions_vit)
    found = attribute(model, IMAGES, LABELS, "attention_rollout")
    joint = torch.eye(17)
    tokens = model.network._process_input(IMAGES)
    encoder = model.network.encoder
    tokens = torch.cat([model.network.class_token.expand(3, -1, -1), tokens], dim=1)
    tokens = tokens + encoder.pos_embedding
    for layer in encoder.layers:
        normed = layer.ln_1(tokens)
        _, weights = layer.self_attention(normed, normed, normed, need_weights=True)
        joint = (weights @ joint + joint) / 2
        tokens = layer(tokens)
    torch.testing.assert_close(found, joint[:, 0, 1:].unflatten(1, (4, 4)).detach())


def test_a_map_does_not_depend_on_the_other_images_or_on_the_class():
    model = given(vit)
    found = attribute(model, IMAGES, LABELS, "attention_rollout")
    alone = attribute(model, IMAGES[1:2], [5], "attention_rollout")
    torch.testing.assert_close(found[1:2], alone)

import pytest
import torch
from given_networks import IMAGES, LABELS, dinov2, given, torchvisions_vit, vit
from torchcam.methods import LeGrad

from pipeline.attribution.attribute import attribute


def test_legrad_is_torchcams_with_the_networks_own_end():
    model = given(torchvisions_vit)
    network = model.network
    found = attribute(model, IMAGES, LABELS, "legrad")
    extractor = LeGrad(
        network,
        list(network.encoder.layers),
        score_projection=lambda tokens: network.heads(network.encoder.ln(tokens)[:, 0]),
    )
    with extractor:
        scores = network(IMAGES.clone().requires_grad_())
        (expected,) = extractor(LABELS, scores, normalized=False)
    torch.testing.assert_close(found, expected.detach(), rtol=1e-4, atol=1e-7)
    assert found.max() > 0


@pytest.mark.parametrize(
    ("build", "prefix", "side", "size"),
    [
        (vit, 1, 4, 64),
        (lambda: vit(global_pool="avg", class_token=False), 0, 4, 64),
        (dinov2, 5, 5, 70),
    ],
)
def test_legrad_is_the_gradient_at_each_block_of_what_its_tokens_say(build, prefix, side, size):
    """timm's own functions: its unfused attention, its norm and its head on each block's tokens."""
    model = given(build, side=size)
    network = model.network
    images = torch.nn.functional.interpolate(IMAGES, (size, size))
    found = attribute(model, images, LABELS, "legrad")
    weights = []
    for block in network.blocks:
        block.attn.fused_attn = False
        block.attn.attn_drop.register_forward_hook(lambda _, given, found: weights.append(found))
    for row, label in enumerate(LABELS):
        weights.clear()
        tokens = network.forward_intermediates(
            images[row : row + 1].clone().requires_grad_(),
            intermediates_only=True, output_fmt="NLC", return_prefix_tokens=True,
        )  # fmt: skip
        total = 0
        for each, attention in zip(tokens, weights, strict=True):
            after = torch.cat([each[1], each[0]], dim=1) if prefix else each
            score = network.forward_head(network.norm(after))[0, label]
            (gradient,) = torch.autograd.grad(score, attention, retain_graph=True)
            total = total + gradient.clamp_min(0).mean(dim=(0, 1, 2))
        expected = (total / len(weights))[prefix:].reshape(side, side)
        torch.testing.assert_close(found[row], expected, rtol=1e-3, atol=1e-9)
        assert expected.max() > 0

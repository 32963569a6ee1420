import pytest
import timm
import torch
import torch.nn.functional as F
from given_networks import IMAGES, dinov2, torchvisions_vit, vit
from torch import nn
from torchvision import models

from pipeline.models.attention import find_blocks, fusing, recorded
from pipeline.models.tokens import find_tokens
from pipeline.runtime.errors import UserError


@pytest.mark.parametrize("build", [vit, torchvisions_vit])
def test_recording_changes_no_output_and_undoes_itself(build):
    network = build().eval()
    fused = F.scaled_dot_product_attention
    with torch.no_grad():
        expected = network(IMAGES)
        kept = []
        with recorded(kept.append):
            found = network(IMAGES)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)
    assert F.scaled_dot_product_attention is fused
    assert len(kept) == 2
    heads = 3 if build is vit else 2
    for weights in kept:
        assert weights.shape == (3, heads, 17, 17)
        torch.testing.assert_close(weights.sum(-1), torch.ones(3, heads, 17))


@pytest.mark.parametrize("mask", ["none", "bool", "float"])
def test_three_steps_are_the_fused_function(mask):
    draws = torch.Generator().manual_seed(0)
    query, key, value = torch.randn((3, 2, 4, 5, 8), generator=draws).unbind()
    allowed = torch.rand((5, 5), generator=draws) < 0.7
    allowed.fill_diagonal_(True)
    given = {"none": None, "bool": allowed, "float": torch.randn((5, 5), generator=draws)}[mask]
    expected = F.scaled_dot_product_attention(query, key, value, attn_mask=given, scale=0.2)
    with recorded(lambda _: None):
        found = F.scaled_dot_product_attention(query, key, value, attn_mask=given, scale=0.2)
    torch.testing.assert_close(found, expected)


def test_blocks_prefix_and_grid_are_found():
    network = vit().eval()
    blocks = find_blocks(network, IMAGES)
    assert blocks.modules == tuple(network.blocks)
    assert (blocks.prefix, blocks.grid) == (1, (4, 4))
    network = dinov2().eval()
    blocks = find_blocks(network, torch.zeros(1, 3, 70, 70))
    assert (len(blocks.modules), blocks.prefix, blocks.grid) == (2, 5, (5, 5))
    network = torchvisions_vit().eval()
    assert find_blocks(network, IMAGES).modules == tuple(network.encoder.layers)
    # 8x8 patches of a width that a head has too: queries are no map
    network = timm.create_model(
        "vit_tiny_patch16_224", img_size=128, depth=2, class_token=False, global_pool="avg"
    )
    assert find_blocks(network.eval(), torch.zeros(1, 3, 128, 128)).grid == (8, 8)


def test_unfused_attention_of_timm_is_found_too_and_switched_back():
    network = vit().eval()
    for block in network.blocks:
        block.attn.fused_attn = False
    assert len(find_blocks(network, IMAGES).modules) == 2
    assert not any(block.attn.fused_attn for block in network.blocks)
    with fusing(network):
        assert all(block.attn.fused_attn for block in network.blocks)


def test_skipped_blocks_leave_the_networks_own_end():
    network = vit().eval()
    blocks = find_blocks(network, IMAGES)
    tokens = torch.randn(3, 17, 192)
    with torch.no_grad():
        whole = network(IMAGES)
        with blocks.skipped(tokens):
            found = network(IMAGES)
        expected = network.forward_head(network.norm(tokens))
        torch.testing.assert_close(found, expected)
        assert torch.equal(network(IMAGES), whole)


@pytest.mark.parametrize(
    ("build", "match"),
    [
        (lambda: models.squeezenet1_1(num_classes=7), "no attention"),
        (lambda: timm.create_model("swin_tiny_patch4_window7_224", img_size=64, window_size=4),
         "windows"),
        (lambda: vit(global_pool="map", class_token=False), "pools by attention"),
        (lambda: timm.create_model("cait_xxs24_224", img_size=64), "attention"),
    ],
)  # fmt: skip
def test_other_attention_is_refused(build, match):
    with pytest.raises(UserError, match=match):
        find_blocks(build().eval(), IMAGES)


def test_tokens_are_those_that_the_last_block_attends_to():
    network = vit().eval()
    assert find_tokens(network, IMAGES).layer is network.blocks[1].norm1
    network = torchvisions_vit().eval()
    assert find_tokens(network, IMAGES).layer is network.encoder.layers[1].ln_1


class AfterNorm(nn.Module):
    """A block that normalises after its attention."""

    def __init__(self):
        super().__init__()
        self.attention, self.norm = nn.MultiheadAttention(32, 2, batch_first=True), nn.LayerNorm(32)

    def forward(self, tokens):
        return self.norm(tokens + self.attention(tokens, tokens, tokens, need_weights=False)[0])


class OfBlocks(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Conv2d(3, 32, 16, stride=16)
        self.blocks, self.head = nn.Sequential(AfterNorm(), AfterNorm()), nn.Linear(32, 7)

    def forward(self, images):
        return self.head(self.blocks(self.embedding(images).flatten(2).mT).mean(1))


def test_where_a_block_starts_otherwise_the_block_before_gives_the_tokens():
    network = OfBlocks().eval()
    tokens = find_tokens(network, IMAGES)
    assert tokens.layer is network.blocks[0]
    assert (tokens.blocks.prefix, tokens.blocks.grid) == (0, (4, 4))

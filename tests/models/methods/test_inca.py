import pytest
import torch
import torch.nn.functional as F

from pipeline.models import build_classifier
from pipeline.models.methods.inca import (
    Inca,
    IncaOptions,
    NonLocalAttention,
    consistency_loss,
    contrastive_loss,
    pooled,
)
from pipeline.settings import Training, TrainJob


def test_attention_is_the_value_plus_the_mean_of_like_locations():
    torch.manual_seed(0)
    layer = NonLocalAttention(16)
    x = torch.randn(2, 16, 3, 4)
    flat = x.flatten(2)  # (B, 16, 12)
    query, key = (conv.weight[:, :, 0, 0] @ flat for conv in (layer.query, layer.key))
    value = flat.mean(dim=1)  # (B, 12), the initial value
    likeness = torch.softmax(query.transpose(1, 2) @ key / 2**0.5, dim=2)  # 2 inner channels
    expected = value + (likeness @ value[:, :, None])[..., 0]
    assert torch.allclose(layer(x).flatten(1), expected, atol=1e-5)


def test_background_and_the_most_discriminative_region_are_dropped():
    attention = torch.tensor([0.0, 0.19, 0.2, 0.5, 0.89, 0.9, 1.0]).view(1, 1, 1, 7)
    features, raw = torch.ones(1, 2, 1, 7), torch.randn(1, 1, 1, 7)
    masking, weighting = (
        Inca(2, 3, Training(method="inca", inca={"drop_rate": rate}), {}) for rate in (1.0, 0.0)
    )
    kept = masking.dropped(features, raw, attention)
    assert kept[0, 0, 0].tolist() == [0, 0, 1, 1, 1, 0, 0]
    assert torch.equal(
        weighting.dropped(features, raw, attention), raw.sigmoid().expand(1, 2, 1, 7)
    )


def test_pooling_is_a_weighted_mean():
    features = torch.tensor([[[[1.0, 5.0]], [[2.0, 0.0]]]])  # (1, 2, 1, 2)
    assert pooled(features, torch.tensor([[[[1.0, 3.0]]]])).tolist() == [[4.0, 0.5]]
    assert pooled(features, torch.zeros(1, 1, 1, 2)).tolist() == [[0.0, 0.0]]


def contrast(background, rest, peak):
    """Three locations: background, the object's rest, its most discriminative region."""
    features = torch.tensor([background, rest, peak]).T.view(1, 2, 1, 3)
    return contrastive_loss(features, torch.tensor([0.0, 0.5, 1.0]).view(1, 1, 1, 3), 0.2, 0.9)


def test_the_contrast_wants_the_rest_near_the_object_and_far_from_the_background():
    along, across = [1.0, 0.0], [0.0, 1.0]
    assert contrast(across, along, along) == 0  # distances 0 and 1, the margin is 0.5
    assert contrast(along, along, along) == pytest.approx(0.5)
    # the whole object is (0.5 rest + 1 peak) / 1.5, at a cosine of 1 / sqrt(5) to the rest
    expected = (1 - 5**-0.5) - 0 + 0.5
    assert contrast(along, along, across) == pytest.approx(expected)


def test_earlier_attention_is_drawn_to_the_last():
    first = torch.rand(2, 1, 4, 4, requires_grad=True)
    last = torch.rand(2, 1, 2, 2, requires_grad=True)
    target = F.interpolate(last, (4, 4), mode="bilinear", align_corners=False)
    loss = consistency_loss([first, last])
    assert torch.allclose(loss, ((first - target) ** 2).mean())
    loss.backward()
    assert first.grad.abs().sum() > 0
    assert last.grad is None


def test_the_weights_of_the_losses_count():
    images, labels = torch.randn(2, 3, 64, 64), torch.tensor([1, 0])
    losses = {}
    for contrast, consistency in ((0, 0), (1, 0), (0, 1), (2, 3)):
        options = {"contrast": contrast, "consistency": consistency, "drop_rate": 1.0}
        training = Training(method="inca", inca=options)
        job = TrainJob(trunk="resnet_small", weights="none", seed=0, training=training)
        model = build_classifier(job, 3)
        maps, loss = model.training_step(images, labels)
        losses[contrast, consistency] = loss
        if not contrast and not consistency:
            assert torch.equal(loss, model.loss(maps, labels))
    plain = losses[0, 0]
    expected = plain + 2 * (losses[1, 0] - plain) + 3 * (losses[0, 1] - plain)
    assert losses[1, 0] > plain
    assert losses[0, 1] > plain
    assert torch.allclose(losses[2, 3], expected, atol=1e-5)


def test_regions_must_be_ordered():
    with pytest.raises(ValueError, match="low is above high"):
        IncaOptions(low=0.95)

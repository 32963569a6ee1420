import pytest
import torch
import torch.nn.functional as F

from pipeline.models import build_classifier
from pipeline.models.methods.spg import SpgOptions, guided_loss, sure
from pipeline.settings import Training, TrainJob

IMAGES = torch.randn(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([1, 0, 2])


def guide(high_pixels, high=0.9, middle_pixels=10, middle=0.3):
    """A 10x10 guide of some high and some middling pixels, in this order, and zeros."""
    values = torch.zeros(100)
    values[:high_pixels] = high
    values[high_pixels : high_pixels + middle_pixels] = middle
    return values.view(1, 10, 10)


def test_what_is_between_the_bars_is_neither():
    foreground, background = sure(guide(40), 0.1, 0.7)
    assert foreground.flatten().nonzero().flatten().tolist() == list(range(40))
    assert background.flatten().nonzero().flatten().tolist() == list(range(50, 100))


@pytest.mark.parametrize(("pixels", "foreground"), [(30, 30), (29, 39)])
def test_the_bar_is_lowered_below_thirty_pixels(pixels, foreground):
    # 0.7 of the maximum 0.9 is 0.63, which 0.65 is above and the bar 0.7 is not
    found, _ = sure(guide(pixels, middle=0.65), 0.1, 0.7)
    assert found.sum() == foreground


def test_each_image_has_its_own_bar():
    guides = torch.cat(
        [guide(40, middle=0.65), guide(5, middle=0.65), guide(5, high=0.2, middle=0.65)]
    )
    foreground, _ = sure(guides, 0.1, 0.7)
    assert foreground.sum(dim=(1, 2)).tolist() == [40, 15, 10]  # the last: 0.65, not 0.2


def test_background_wins_where_the_lowered_bar_is_below_it():
    guides = torch.tensor([[[0.12, 0.09, 0.05], [0.11, 0.0, 0.1]]])
    # the bar is 0.7 of 0.12, 0.084: 0.09 is above it, and below 0.1 as well
    foreground, background = sure(guides, 0.1, 0.7)
    assert foreground.tolist() == [[[True, False, False], [True, False, True]]]
    assert background.tolist() == [[[False, True, True], [False, True, False]]]


def test_the_loss_is_the_mean_over_sure_pixels():
    logits = torch.randn(1, 10, 10)
    p = logits.flatten().sigmoid()
    expected = -(p[:40].log().sum() + (1 - p[50:]).log().sum()) / 90
    assert torch.allclose(guided_loss(logits, guide(40), 0.1, 0.7), expected, atol=1e-6)


def test_a_guide_that_is_sure_of_nothing_gives_no_loss():
    assert guided_loss(torch.randn(1, 10, 10), torch.zeros(1, 10, 10), 0.0, 0.7) == 0


@pytest.fixture(scope="module")
def model():
    training = Training(method="spg", spg={"b1_low": 0.2, "b2_low": 0.3, "c_low": 0.4})
    job = TrainJob(trunk="resnet_small", weights="none", seed=0, training=training)
    return build_classifier(job, 3).eval()


def test_each_side_head_has_its_guide(model):
    head = model.head
    maps, loss = model.training_step(IMAGES, LABELS)
    outputs = model.trunk(IMAGES)

    def large(maps):
        return F.interpolate(maps, (64, 64), mode="bilinear", align_corners=False)[:, 0]

    b1 = large(head.shared(head.b1(outputs["layer1"])))
    b2 = large(head.shared(head.b2(outputs["layer2"])))
    c = large(head.c(outputs["features"]))
    attention = large(torch.stack([maps[i, label] for i, label in enumerate(LABELS)])[:, None])
    low, high = attention.amin((1, 2), keepdim=True), attention.amax((1, 2), keepdim=True)
    expected = (
        model.loss(maps, LABELS)
        + guided_loss(b2, (attention - low) / (high - low), 0.3, 0.7)
        + guided_loss(b1, b2.sigmoid(), 0.2, 0.5)
        + guided_loss(c, (b1.sigmoid() + b2.sigmoid()) / 2, 0.4, 0.7)
    )
    assert torch.allclose(loss, expected, atol=1e-5)


def test_bars_must_be_ordered():
    with pytest.raises(ValueError, match="c_low is above c_high"):
        SpgOptions(c_low=0.8)

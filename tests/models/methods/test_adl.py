import torch
from torch import nn

from pipeline.models import build_classifier
from pipeline.models.methods.adl import Adl
from pipeline.settings import Training, TrainJob

IMAGES = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([1, 0])


def head(**keys):
    return Adl(2, 3, Training(method="adl", adl=keys), {})


# two images of two channels; channel means [[1, 2], [9.5, 10]] and [[0, 1], [2, 1.9]]
FEATURES = torch.tensor(
    [
        [[[0.0, 4.0], [9.0, 12.0]], [[2.0, 0.0], [10.0, 8.0]]],
        [[[0.0, 1.0], [4.0, 1.9]], [[0.0, 1.0], [0.0, 1.9]]],
    ]
)


def test_the_mask_drops_what_is_near_each_images_own_maximum():
    kept = head(drop_rate=1.0, threshold=0.9).dropped(FEATURES)
    expected = FEATURES.clone()
    expected[0, :, 1] = 0  # 9.5 and 10 of a bar of 9
    expected[1, :, 1] = 0  # 2 and 1.9 of a bar of 1.8
    assert torch.equal(kept, expected)
    lower = head(drop_rate=1.0, threshold=0.5).dropped(FEATURES)  # bars of 5 and of 1
    expected[1, :, 0, 1] = 0
    assert torch.equal(lower, expected)


def test_the_importance_map_is_the_sigmoid_of_the_mean():
    weighted = head(drop_rate=0.0).dropped(FEATURES)
    importance = 1 / (1 + torch.exp(-(FEATURES[:, :1] + FEATURES[:, 1:]) / 2))
    assert torch.allclose(weighted, FEATURES * importance)


def test_one_coin_a_mini_batch():
    torch.manual_seed(0)
    layer = head(drop_rate=0.75)
    masked = torch.stack(
        [(layer.dropped(FEATURES)[:, :, 1, 1] == 0).all(dim=1) for _ in range(400)]
    )
    assert torch.equal(masked[:, 0], masked[:, 1])
    assert abs(masked[:, 0].double().mean() - 0.75) < 0.08


def build(trunk, **keys):
    training = Training(method="adl", adl=keys)
    return build_classifier(TrainJob(trunk=trunk, weights="none", seed=0, training=training), 3)


def test_features_are_dropped_at_the_places_of_the_trunk():
    model = build("resnet_small", drop_rate=1.0, threshold=0.0)  # nothing is below zero
    maps, _ = model.training_step(IMAGES, LABELS)
    assert torch.equal(maps, model.head.classes.bias[None, :, None, None].expand_as(maps))
    assert not torch.equal(model(IMAGES), maps)


def test_inceptions_own_dropout_is_gone():
    model = build("inception_v3", drop_rate=0.0).train()
    assert {layer.p for layer in model.trunk.modules() if isinstance(layer, nn.Dropout)} == {0.0}
    with torch.no_grad():
        model.trunk.Conv2d_7b_3x3.weight.zero_()
        model.trunk.Conv2d_7b_3x3.bias.fill_(1)  # so that only dropout gives zeros
        assert (model.trunk(IMAGES)["features"] == 1).all()

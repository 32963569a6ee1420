import pytest
import torch
import torch.nn.functional as F
from torch import nn

from pipeline.attribution.query import Query
from pipeline.models import build_classifier
from pipeline.models.methods import acol
from pipeline.models.methods.acol import Acol
from pipeline.settings import Training, TrainJob

FEATURES = torch.tensor([[[[0.0, 1.0], [7.0, 10.0]], [[5.0, 3.0], [2.0, 1.0]]]])  # (1, 2, 2, 2)
LABELS = torch.tensor([0])


def trunk(images):
    return {"features": images}


@pytest.fixture
def head():
    """Two heads of two classes, each of which shows one channel."""
    head = Acol(2, 2, Training(method="acol"), {})
    head.first = nn.Identity()
    head.classes, head.second = nn.Conv2d(2, 2, 1), nn.Conv2d(2, 2, 1)
    for layer in (head.classes, head.second):
        layer.weight.data = torch.eye(2)[:, :, None, None]
        layer.bias.data.zero_()
    return head


def test_the_second_head_sees_no_features_where_the_first_is_high(head):
    maps, loss = head.training_step(trunk, FEATURES, LABELS)
    assert torch.equal(maps, FEATURES)
    # class 0 spans [0, 10]: 7 and 10 are at least 0.7 of the range, in both channels
    erased = torch.tensor([[[[0.0, 1.0], [0.0, 0.0]], [[5.0, 3.0], [0.0, 0.0]]]])
    expected = F.cross_entropy(torch.tensor([[4.5, 2.75]]), LABELS) + F.cross_entropy(
        torch.tensor([[0.25, 2.0]]), LABELS
    )
    assert torch.equal(head.complement(FEATURES, FEATURES[:, 0]), erased)
    assert torch.allclose(loss, expected)


def test_the_map_is_the_larger_of_both_stretched_maps(head):
    rows, labels = torch.tensor([0, 0, 0]), torch.tensor([0, 1, 0])
    maps = head.class_maps(trunk, FEATURES, FEATURES, rows, labels)
    # class 0: A gives [0, .1, .7, 1], B [0, 1, 0, 0]
    first = torch.tensor([[0.0, 1.0], [0.7, 1.0]])
    # class 1: A gives [1, .5, .25, 0], and B, without its location 0, [0, 1, 2/3, 1/3]
    second = torch.tensor([[1.0, 1.0], [2 / 3, 1 / 3]])
    assert torch.allclose(maps, torch.stack([first, second, first]))


def test_a_model_shows_the_fused_map_and_predicts_by_its_first_head(monkeypatch):
    monkeypatch.setattr(acol, "WIDTH", 32)
    job = TrainJob(trunk="resnet_small", weights="none", seed=0, training=Training(method="acol"))
    model = build_classifier(job, 4).eval().requires_grad_(False)
    images = torch.randn(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    classes = [(3,), (1,), (0,), (2,), (2,)]  # five requests of three images
    rows = torch.tensor([0, 0, 1, 2, 0])
    query = Query(model, images, rows, classes, list("abc"))
    features = model.trunk(images)["features"]
    a = model.head.classes(model.head.first(features))
    assert torch.equal(query.output, a)
    assert torch.equal(query.log_probs, a.mean(dim=(2, 3)).log_softmax(dim=1))
    for found, row, (label,) in zip(query.maps("cam"), rows, classes, strict=True):
        own = a[row, label]
        own = (own - own.min()) / (own.max() - own.min())
        kept = features[row] * (own < 0.7)
        rest = model.head.second(kept[None])[0, label]
        rest = (rest - rest.min()) / (rest.max() - rest.min())
        assert torch.allclose(found, torch.maximum(own, rest), atol=1e-5)

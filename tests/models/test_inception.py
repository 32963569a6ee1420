import pytest
import torch
import torchvision
from torch import nn

from pipeline.models.classifier import Classifier
from pipeline.models.inception import inception_v3
from pipeline.models.normalisation import TO_ONE, FromImageNet
from pipeline.models.trunks import build_trunk
from pipeline.settings import Training, TrainJob

IMAGES = torch.randn(2, 3, 75, 75, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def network():
    """torchvision's, as it is built for its own weights, with other batch-norm statistics."""
    torch.manual_seed(0)
    network = torchvision.models.inception_v3(transform_input=True, init_weights=True).eval()
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_(std=0.1)
            layer.running_var.uniform_(0.5, 2)
    return network


@pytest.fixture(scope="module")
def trunk(network):
    """The trunk with the network's values."""
    trunk = inception_v3(28).eval()
    own = trunk.state_dict()
    trunk.load_state_dict({key: network.state_dict().get(key, own[key]) for key in own})
    return trunk


def named(sequential, first, last):
    """The layers from name to name."""
    names = [name for name, _ in sequential.named_children()]
    return sequential[names.index(first) : names.index(last) + 1]


@torch.no_grad()
def test_the_input_is_transformed_as_torchvision_does(network):
    assert torch.equal(FromImageNet(TO_ONE, TO_ONE)(IMAGES), network._transform_input(IMAGES))
    white = (1 - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor([0.229, 0.224, 0.225])
    range_end = FromImageNet(TO_ONE, TO_ONE)(white.view(1, 3, 1, 1))
    assert torch.allclose(range_end, torch.ones(1, 3, 1, 1))


@torch.no_grad()
def test_without_the_added_padding_the_stem_is_torchvisions(network):
    stem = named(inception_v3(28).eval(), "transform_input", "Mixed_5d")
    stem.load_state_dict(
        {key: value for key, value in network.state_dict().items() if key in stem.state_dict()}
    )
    stem.Conv2d_1a_3x3.conv.padding = (0, 0)
    for pool in (stem.maxpool1, stem.maxpool2):
        pool.padding, pool.ceil_mode = 0, False
    x = network._transform_input(IMAGES)
    for name, layer in network.named_children():
        x = layer(x)
        if name == "Mixed_5d":
            break
    assert torch.equal(stem(IMAGES), x)


@torch.no_grad()
def test_mixed_6a_is_torchvisions_at_every_other_location(network, trunk):
    x = torch.rand(1, 288, 9, 9)
    dense = trunk.Mixed_6a(x)
    assert dense.shape == (1, 768, 9, 9)
    assert torch.allclose(dense[..., 1:-1:2, 1:-1:2], network.Mixed_6a(x), atol=1e-5)


@torch.no_grad()
def test_the_features_come_from_mixed_6e_and_both_added_convolutions(network, trunk):
    x = torch.rand(1, 768, 5, 5)
    expected = network.Mixed_6e(network.Mixed_6d(network.Mixed_6c(network.Mixed_6b(x))))
    for layer in (trunk.Conv2d_7a_3x3, trunk.Conv2d_7b_3x3):
        weight, bias = layer.weight, layer.bias
        assert weight.shape[0] == 1024
        expected = nn.functional.conv2d(expected, weight, bias, padding=1).relu()
    assert torch.allclose(named(trunk, "Mixed_6b", "dropout3")(x), expected, atol=1e-5)


def test_dropout_stands_before_between_and_after_the_added_convolutions(trunk):
    names = [name for name, _ in trunk.named_children()]
    assert names[names.index("Mixed_6e") + 1 :] == [
        "dropout1", "Conv2d_7a_3x3", "relu1", "dropout2", "Conv2d_7b_3x3", "relu2", "dropout3",
    ]  # fmt: skip
    assert [layer.p for layer in trunk if isinstance(layer, nn.Dropout)] == [0.5, 0.5, 0.5]


@torch.no_grad()
def test_images_are_left_as_they_are_where_the_key_says_so(trunk):
    plain = inception_v3(28, convert_input=False).eval()
    plain.load_state_dict(trunk.state_dict())
    assert torch.allclose(plain(FromImageNet(TO_ONE, TO_ONE)(IMAGES)), trunk(IMAGES), atol=1e-5)
    assert not torch.allclose(plain(IMAGES), trunk(IMAGES), atol=1e-3)


@torch.no_grad()
def test_batch_norm_stands_between_each_added_convolution_and_its_relu():
    torch.manual_seed(0)
    network = inception_v3(28, added_batch_norm=True).eval()
    x = torch.rand(1, 768, 5, 5)
    expected = x
    for name in ("7a", "7b"):
        norm = network.get_submodule(f"bn_{name}")
        norm.running_mean.normal_(std=0.1)
        norm.running_var.uniform_(0.5, 2)
        norm.weight.uniform_(0.5, 2)
        expected = network.get_submodule(f"Conv2d_{name}_3x3")(expected)
        mean, deviation = norm.running_mean, (norm.running_var + norm.eps).sqrt()
        scaled = (expected - mean.view(-1, 1, 1)) / deviation.view(-1, 1, 1)
        expected = (scaled * norm.weight.view(-1, 1, 1) + norm.bias.view(-1, 1, 1)).relu()
    assert torch.allclose(named(network, "dropout1", "dropout3")(x), expected, atol=1e-4)


def test_a_model_has_its_trunks_dropout_unless_the_key_says_otherwise():
    for dropout in (True, False):
        training = Training(method="cam", dropout=dropout)
        job = TrainJob(trunk="inception_v3", weights="none", seed=0, training=training)
        with torch.device("meta"):
            model = Classifier(job, 2)
        rates = [layer.p for layer in model.trunk.modules() if isinstance(layer, nn.Dropout)]
        assert rates == [0.5 * dropout] * 3


def test_features_are_dropped_in_training_only():
    torch.manual_seed(0)
    trunk = build_trunk("inception_v3")
    with torch.no_grad():
        trunk.Conv2d_7b_3x3.weight.zero_()
        trunk.Conv2d_7b_3x3.bias.fill_(1)  # so that only dropout gives zeros
        kept = trunk.train()(IMAGES)["features"]
        assert float((kept == 0).float().mean()) == pytest.approx(0.5, abs=0.03)
        assert (trunk.eval()(IMAGES)["features"] == 1).all()

"""What is no classifier of single images is refused with what it gives and the cure."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from pipeline.models.given import GivenModel
from pipeline.models.intake import Wanted
from pipeline.models.loading import load_model
from pipeline.runtime.errors import UserError


class Network(nn.Module):
    """Seven logits of mean colours, given on as a function says."""

    def __init__(self, end):
        super().__init__()
        self.norm, self.linear, self.end = nn.BatchNorm2d(3), nn.Linear(3, 7), end

    def forward(self, images):
        return self.end(self.linear(images.mean(dim=(2, 3)) * 3))


@pytest.mark.parametrize(
    ("end", "message"),
    [
        (lambda logits: (logits, logits), "gives tuple of 2 for 2 images"),
        (lambda logits: {"logits": logits, "aux": 0}, "gives dict with logits, aux for 2 images"),
        (lambda logits: logits[:, 0], r"gives \(2,\) for 2 images"),
        (lambda logits: logits.softmax(dim=1), "gives probabilities"),
        (lambda logits: logits * torch.nan, "gives NaN"),
        (lambda logits: F.dropout(logits, 0.5, True), "draws at random"),
        (lambda logits: logits - logits.mean(dim=0), "an image alone than in a batch"),
    ],
)
def test_what_it_gives_is_named(end, message):
    with pytest.raises(UserError, match=message):
        load_model(Network(end))


def test_a_batch_norm_that_never_stops_learning():
    class Stubborn(Network):
        def train(self, mode=True):
            return super().train(True)

        def forward(self, images):
            return self.linear(self.norm(F.adaptive_avg_pool2d(images, 2))[:, :, 0, 0])

    with pytest.raises(UserError, match="an image alone than in a batch"):
        load_model(Stubborn(None))


@pytest.mark.parametrize("end", [lambda logits: logits.log_softmax(dim=1), lambda logits: logits])
def test_logits_and_logarithms_of_probabilities_are_taken(end):
    torch.manual_seed(0)
    images = torch.rand(2, 3, 8, 8)
    network = Network(end)
    expected = network.eval()(images).log_softmax(dim=1)
    torch.testing.assert_close(load_model(network).log_probs(images), expected)


def test_images_of_pixels_can_be_asked_for():
    """A network that normalises images itself may insist on their range."""

    class Strict(Network):
        def forward(self, images):
            assert images.min() >= 0, "pixels, please"
            return super().forward(images)

    network = Strict(lambda logits: logits)
    with pytest.raises(UserError, match=r"(?s)AssertionError: pixels, please.* `mean` and"):
        GivenModel(network)
    pixels = Wanted((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    GivenModel(network, pixels).check_alone()


def test_images_are_not_written_into():
    class Writes(Network):
        def forward(self, images):
            return super().forward(images.sub_(0.5))

    model = load_model(Writes(lambda logits: logits))
    images = torch.rand(2, 3, 8, 8)
    before = images.clone()
    model.logits(images.requires_grad_()).sum().backward()
    assert torch.equal(images, before)
    assert images.grad.abs().sum() > 0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_are_computed_in_float32(dtype):
    network = Network(lambda logits: logits).to(dtype)
    weight = network.linear.weight.clone()
    model = load_model(network)
    assert model.logits(torch.rand(2, 3, 8, 8)).dtype == torch.float32
    assert torch.equal(model.network.linear.weight, weight.float())


def test_torchscript_is_refused():
    scripted = torch.jit.script(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()))
    with pytest.raises(UserError, match="is a TorchScript module"):
        load_model(scripted)

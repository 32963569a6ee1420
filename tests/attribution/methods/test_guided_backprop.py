import pytest
import torch
import torch.nn.functional as F
from asked import IMAGES, LABELS, asked, log_probs_of
from tiny_model import tiny_model
from torch.overrides import TorchFunctionMode

from pipeline.runtime.errors import UserError


class GuidedRelu(torch.autograd.Function):
    @staticmethod
    def forward(context, values):
        context.save_for_backward(values)
        return values.clamp_min(0)

    @staticmethod
    def backward(context, gradient):
        (values,) = context.saved_tensors
        return gradient * (values > 0) * (gradient > 0)


class EveryRelu(TorchFunctionMode):
    """Puts GuidedRelu in the place of every call of F.relu, which nn.ReLU calls too."""

    calls = 0

    def __torch_function__(self, function, types, arguments=(), keywords=None):
        if function is F.relu:
            self.calls += 1
            return GuidedRelu.apply(arguments[0])
        return function(*arguments, **(keywords or {}))


def guided(model, image, label, target="logit"):
    """Guided backpropagation by another way: (3, S, S), and how many ReLUs were met."""
    point = image.clone().requires_grad_()
    with EveryRelu() as mode:
        features = model.trunk(point)["features"]
    maps = model.head(features)
    logit = target == "logit" and model.head.kind == "cam"
    (maps.mean((2, 3)) if logit else model.head.log_probs(maps))[0, label].backward()
    return point.grad[0], mode.calls


def test_every_relu_passes_on_the_positive_part(model, inputs, target):
    # ResNet's blocks call one module twice, SqueezeNet's modules work in place
    relus = 7 if model.job.trunk == "resnet_small" else 25
    maps = asked(model, inputs, target=target).maps("guided_backprop")
    for row, (image, label) in enumerate(zip(IMAGES, LABELS, strict=True)):
        gradient, calls = guided(model, inputs[image : image + 1], label, target)
        assert calls == relus
        assert torch.allclose(maps[row], gradient.abs().amax(0), rtol=1e-8, atol=1e-15)
    assert not torch.allclose(maps, asked(model, inputs, target=target).maps("gradient"), rtol=0.1)


def test_relu_functions_count_too(inputs):
    # Inception-v3 calls the function after each convolution but the last two
    model = tiny_model("inception_v3", "cam")
    convolutions = [m for m in model.trunk.modules() if isinstance(m, torch.nn.Conv2d)]
    query = asked(model, inputs[:1])
    query.images, query.classes = torch.tensor([0]), [(3,)]
    gradient, calls = guided(model, inputs[:1], 3)
    assert calls == len(convolutions)
    found = query.maps("guided_backprop")[0]
    assert torch.allclose(found, gradient.abs().amax(0), rtol=1e-8, atol=1e-15)


def test_the_model_stays_as_it_is(model, inputs):
    before = log_probs_of(model)(inputs)
    asked(model, inputs).maps("guided_backprop")
    assert torch.equal(log_probs_of(model)(inputs), before)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_a_trunk_without_relu_is_refused(cam_model, inputs, monkeypatch):
    identity = torch.fx.symbolic_trace(torch.nn.Sequential(torch.nn.Identity()))
    monkeypatch.setitem(cam_model._modules, "trunk", identity)
    with pytest.raises(UserError, match=r"resnet_small.*no ReLU"):
        asked(cam_model, inputs).maps("guided_backprop")

import copy

import numpy as np
import pytest
import torch
from asked import Counting, asked, scores_of
from scipy.ndimage import gaussian_filter
from tiny_model import tiny_model

from pipeline.attribution import input_gradients
from pipeline.attribution.input_gradients import (
    class_gradients,
    finished,
    forward_of,
    image_by_image,
    strongest_channel,
)
from pipeline.settings import GradientMaps


def test_class_gradients_are_finite_differences(model, inputs, target):
    labels, step = [3, 0], 1e-6
    gradients = class_gradients(forward_of(asked(model, inputs, target=target)), inputs, labels)
    assert gradients.shape == (3, 2, 3, 24, 24)
    draws = torch.Generator().manual_seed(0)
    direction = torch.randn(inputs.shape, generator=draws, dtype=inputs.dtype)
    along = (gradients * direction[:, None]).sum((2, 3, 4))  # (n, L)
    after, before = (scores_of(model, target)(inputs + s * direction) for s in (step, -step))
    expected = (after - before)[:, labels] / (2 * step)
    assert torch.allclose(along, expected, rtol=1e-4, atol=1e-7)
    assert along.abs().max() > 1e-3


def test_a_log_probability_loses_what_speaks_for_every_class(cam_model, inputs):
    """d log p(y|x) = d logit_y - sum_c p(c|x) d logit_c, so that the two differ by one map."""
    labels = [0, 1, 2, 3, 4]
    logit, log_prob = (
        class_gradients(forward_of(asked(cam_model, inputs), target), inputs, labels)
        for target in ("logit", "log_prob")
    )  # (n, 5, 3, S, S)
    p = cam_model.log_probs(inputs).exp()
    expected = logit - torch.einsum("nc,nc...->n...", p, logit)[:, None]
    assert torch.allclose(log_prob, expected, rtol=1e-9, atol=1e-14)


def test_a_point_goes_forward_once_for_all_its_classes(cam_model, inputs):
    counting = Counting(cam_model)
    class_gradients(scores_of(counting), inputs, [0, 1, 2, 3])
    assert counting.images == 3
    assert all(parameter.grad is None for parameter in cam_model.parameters())


def test_images_come_one_by_one_and_maps_in_the_order_of_the_query(cam_model, inputs):
    seen = []

    def explain(row, image, labels):
        assert torch.equal(image, inputs[row : row + 1])
        seen.append((row, labels))
        return torch.tensor([[10.0 * row + label] for label in labels])

    found = image_by_image(asked(cam_model, inputs), explain)
    assert seen == [(0, [0, 2]), (1, [3]), (2, [4, 1])]
    assert found[:, 0].tolist() == [24, 0, 13, 21, 2]


def test_the_strongest_channel_has_the_largest_absolute_value():
    gradients = torch.tensor([[[[1.0]], [[-4.0]], [[2.0]]], [[[0.0]], [[0.5]], [[-0.25]]]])
    assert strongest_channel(gradients).tolist() == [[[4]], [[0.5]]]


@pytest.mark.parametrize("sigma", [0.7, 4])
def test_maps_are_blurred_then_stretched(sigma):
    maps = np.random.default_rng(0).standard_normal((2, 20, 20))
    found = finished(torch.from_numpy(maps), GradientMaps(blur_sigma=sigma, minmax=False))
    reach = min(int(np.ceil(3 * sigma)), 19)
    expected = np.stack([gaussian_filter(m, sigma, mode="mirror", radius=reach) for m in maps])
    assert np.allclose(found, expected, atol=1e-6)
    stretched = finished(torch.from_numpy(maps), GradientMaps(blur_sigma=sigma)).numpy()
    low, high = expected.min((1, 2), keepdims=True), expected.max((1, 2), keepdims=True)
    assert np.allclose(stretched, (expected - low) / (high - low), atol=1e-5)


def test_no_blur_and_no_stretch_leave_maps_alone_and_a_wide_blur_fits_small_maps():
    maps = torch.randn(2, 6, 6)
    assert finished(maps, GradientMaps(blur_sigma=0, minmax=False)) is maps
    wide = finished(maps, GradientMaps(blur_sigma=30, minmax=False))
    assert wide.std() < 0.2 * maps.std()


@pytest.mark.parametrize("method", ["gradient", "input_x_gradient", "guided_backprop", "layercam"])
def test_a_class_that_is_almost_certain_has_its_map_in_single_precision_too(
    method, inputs, monkeypatch
):
    sure = tiny_model("resnet_small", "cam")
    sure.head.classes.weight *= 150
    query = asked(sure, inputs, target="log_prob")
    query.images, query.classes = torch.arange(3), [(int(y),) for y in query.log_probs.argmax(1)]
    assert (-torch.expm1(query.log_probs.double().amax(1)) < 1e-8).any()
    single = asked(copy.deepcopy(sure).float().eval(), inputs.float(), target="log_prob")
    single.images, single.classes = query.images, query.classes
    found = single.maps(method)
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)
    exact = query.maps(method)
    largest = exact.abs().amax((1, 2), keepdim=True)
    assert ((found - exact).abs() <= 1e-3 * largest).all()
    assert (largest > 0).all()


METHODS = ["gradient", "input_x_gradient", "guided_backprop", "integrated_gradients",
           "integrated_gradients_released", "smoothgrad", "smoothgrad_squared", "vargrad",
           "smoothgrad_released", "vargrad_released", "occlusion"]  # fmt: skip
FEW = {
    "integrated_gradients": {"steps": 5},
    "noise": {"samples": 5},
    "occlusion": {"window": 16, "stride": 8},
}


@pytest.mark.parametrize("method", METHODS)
def test_maps_depend_on_no_other_image_and_not_on_how_many_points_go_at_once(
    method, models, inputs, monkeypatch
):
    model = models["squeezenet1_0", "calm_ml"]
    maps = asked(model, inputs, **FEW).maps(method)
    assert maps.shape == (5, 24, 24)
    assert maps.dtype == inputs.dtype
    assert not maps.requires_grad

    alone = asked(model, inputs[1:2], **FEW)  # the third request, of the second image
    alone.images, alone.classes, alone.image_ids = torch.tensor([0]), [(3,)], ["b"]
    assert torch.equal(alone.maps(method)[0], maps[2])

    for module in ("input_gradients", *(f"methods.{m}" for m in MODULES_WITH_POINTS)):
        monkeypatch.setattr(f"pipeline.attribution.{module}.POINTS", 2)
    fewer = asked(model, inputs, **FEW).maps(method)
    assert torch.allclose(fewer, maps, rtol=1e-5, atol=1e-10)
    assert input_gradients.POINTS == 2


MODULES_WITH_POINTS = ("integrated_gradients", "noise", "occlusion")


@pytest.mark.parametrize(
    "method",
    ["gradient", "input_x_gradient", "guided_backprop", "integrated_gradients", "smoothgrad",
     "smoothgrad_squared", "vargrad"],
)  # fmt: skip
def test_by_default_maps_are_blurred_and_fill_0_to_1(method, cam_model, inputs):
    query = asked(cam_model, inputs, **FEW)
    raw = query.maps(method)
    query = asked(cam_model, inputs, **FEW, gradient_maps={})
    assert torch.equal(query.maps(method), finished(raw, GradientMaps()))
    assert GradientMaps().blur_sigma > 0
    assert GradientMaps().minmax

import pytest
import torch
from asked import IMAGES, LABELS, Counting, asked, scores_of
from captum.attr import NoiseTunnel, Saliency

from pipeline.attribution.methods.noise import noisy_copies
from pipeline.settings import Noise

SAMPLES = 11  # more than go through the network at once
NOISE = {"samples": SAMPLES, "spread": 0.3, "seed": 4}
IDS = ["a", "b", "c"]


def copies(image, name, **changes):
    return torch.cat(list(noisy_copies(image, name, Noise(**{**NOISE, **changes}))))


@pytest.mark.parametrize(
    ("method", "kind"),
    [("smoothgrad", "smoothgrad"), ("smoothgrad_squared", "smoothgrad_sq"), ("vargrad", "vargrad")],
)
def test_they_are_captums_noise_tunnel_over_the_same_draws(
    method, kind, model, inputs, target, monkeypatch
):
    maps = asked(model, inputs, noise=NOISE, target=target).maps(method)
    captum = NoiseTunnel(Saliency(scores_of(model, target)))
    for row, (image, label) in enumerate(zip(IMAGES.tolist(), LABELS, strict=True)):
        noisy = copies(inputs[image : image + 1], IDS[image])
        monkeypatch.setattr(captum, "_add_noise_to_input", lambda *_, noisy=noisy: noisy.clone())
        found = captum.attribute(
            inputs[image : image + 1], nt_type=kind, nt_samples=SAMPLES, target=label, abs=False
        )
        expected = found[0].abs().amax(0)
        assert torch.allclose(maps[row], expected, rtol=1e-6, atol=1e-6 * expected.max())


def test_the_released_variants_reduce_channels_first_and_take_the_logit(model, inputs, target):
    query = asked(model, inputs, noise=NOISE, target=target)
    mean, variance = query.maps("smoothgrad_released"), query.maps("vargrad_released")
    for row, (image, label) in enumerate(zip(IMAGES.tolist(), LABELS, strict=True)):
        sizes = []
        for noisy in copies(inputs[image : image + 1], IDS[image]):
            point = noisy[None].clone().requires_grad_()
            scores_of(model)(point)[0, label].backward()
            sizes.append(point.grad[0].abs().max(dim=0).values)
        sizes = torch.stack(sizes)
        assert torch.allclose(mean[row], sizes.mean(0), rtol=1e-9, atol=1e-15)
        expected = sizes.var(0, correction=0)
        assert torch.allclose(variance[row], expected, rtol=1e-6, atol=1e-9 * expected.max())


def test_one_pass_serves_all_methods_and_all_classes_of_an_image(cam_model, inputs):
    counting = Counting(cam_model)
    query = asked(counting, inputs, noise=NOISE)
    for method in ("vargrad", "smoothgrad", "smoothgrad_released", "vargrad_released",
                   "smoothgrad_squared"):  # fmt: skip
        query.maps(method)
    assert counting.images == 3 * SAMPLES  # of 25 maps


@pytest.mark.parametrize(("names", "passes"), [("cam", 2), ("calm_em", 1)])
def test_a_second_target_costs_a_pass_where_the_model_has_two(names, passes, models, inputs):
    counting = Counting(models["resnet_small", names])
    query = asked(counting, inputs, noise=NOISE, target="log_prob")
    query.maps("smoothgrad")
    query.maps("smoothgrad_released")
    assert counting.images == passes * 3 * SAMPLES


def test_the_noise_has_the_asked_spread_relative_to_the_range():
    image = torch.rand(1, 3, 40, 40, dtype=torch.float64) * 5 - 2
    noise = copies(image, "a", samples=40) - image
    scale = image.max() - image.min()
    assert noise.std() / scale == pytest.approx(0.3, rel=0.01)
    assert noise.mean().abs() / scale < 0.002
    flat = noise.flatten(1)[:20]
    assert (torch.corrcoef(flat) - torch.eye(20)).abs().max() < 0.1  # all are different


def test_draws_depend_on_seed_name_and_number_alone():
    image = torch.rand(1, 3, 8, 8)
    first = copies(image, "a")
    assert torch.equal(copies(image, "a", samples=3), first[:3])
    assert not torch.equal(copies(image, "b"), first)
    assert not torch.equal(copies(image, "a", seed=5), first)
    assert torch.allclose(copies(image + 1, "a") - 1, first, atol=1e-5)

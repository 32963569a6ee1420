import numpy as np
import torch
from asked import IMAGES, LABELS, asked, scores_of
from captum.attr import GradientShap

from pipeline.runtime.seeds import image_seed

SAMPLES = {"samples": 12, "seed": 3}


def drawn(image_id, like):
    """The baselines (12, 3, S, S) and places (12,) of an image, as the method draws them."""
    draws = torch.Generator().manual_seed(image_seed(3, image_id))
    pairs = [
        (torch.randn(like.shape, generator=draws, dtype=like.dtype),
         torch.rand((), generator=draws, dtype=like.dtype))
        for _ in range(12)
    ]  # fmt: skip
    return torch.stack([noise for noise, _ in pairs]), torch.stack([place for _, place in pairs])


def test_gradient_shap_is_captums_of_the_same_draws(model, inputs, target, monkeypatch):
    maps = asked(model, inputs, gradient_shap=SAMPLES, target=target).maps("gradient_shap")
    method = GradientShap(scores_of(model, target))
    for found, image, label in zip(maps, IMAGES.tolist(), LABELS, strict=True):
        baselines, places = drawn("abc"[image], inputs[image])
        # Captum draws baselines and places from numpy's global generator
        monkeypatch.setattr(np.random, "choice", lambda count, n, **_: np.arange(n))
        monkeypatch.setattr(np.random, "uniform", lambda low, high, n, p=places: p.numpy()[:n])
        (expected,) = method.attribute(
            inputs[image : image + 1], baselines, n_samples=12, stdevs=0.0, target=label
        )
        torch.testing.assert_close(found, expected.sum(0), rtol=1e-7, atol=1e-12)


def test_draws_depend_on_the_seed_and_the_name_alone(cam_model, inputs):
    same = [asked(cam_model, inputs, gradient_shap=SAMPLES).maps("gradient_shap") for _ in range(2)]
    other = asked(cam_model, inputs, gradient_shap={"samples": 12}).maps("gradient_shap")
    assert torch.equal(*same)
    assert not torch.allclose(same[0], other)

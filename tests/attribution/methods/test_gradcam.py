import numpy as np
import torch
from asked import IMAGES, LABELS, Counting, asked, log_probs_of

METHODS = ("gradcam", "gradcam_pp", "layercam")


def features_and_gradients(model, image, label):
    """A and d log p(y|x) / dA of one image: (channels, h, w) float64 each, and p(y|x)."""
    features = model.trunk(image)["features"].detach().requires_grad_()
    log_prob = model.log_probs(model.head(features))[0, label]
    log_prob.backward()
    return features[0].detach().numpy(), features.grad[0].numpy(), log_prob.exp().item()


def each(model, inputs, method):
    maps = asked(model, inputs).maps(method)
    for row, (image, label) in enumerate(zip(IMAGES, LABELS, strict=True)):
        yield maps[row].numpy(), *features_and_gradients(model, inputs[image : image + 1], label)


def test_gradcam_weights_channels_by_their_mean_gradient(model, inputs):
    some = 0
    for found, a, g, _ in each(model, inputs, "gradcam"):
        expected = np.maximum((g.mean((1, 2), keepdims=True) * a).sum(0), 0)
        assert found.shape == a.shape[1:]
        assert np.allclose(found, expected, rtol=1e-9, atol=1e-15)
        some += (expected > 0).sum()
    assert some


def test_gradcam_of_a_cam_model_is_its_activation_less_that_expected(cam_model, inputs):
    """With g_k = sum_c (1[c = y] - p_c) w_ck / hw, the map is linear in the activations."""
    activations = cam_model(inputs) - cam_model.head.classes.bias[:, None, None]  # (B, C, h, w)
    p = log_probs_of(cam_model)(inputs).exp()
    mean = (p[:, :, None, None] * activations).sum(1, keepdim=True)
    size = activations[0, 0].numel()
    expected = ((activations - mean) / size).clamp_min(0)[IMAGES, LABELS]
    assert torch.allclose(asked(cam_model, inputs).maps("gradcam"), expected, atol=1e-14)


def test_gradcam_pp_is_the_publications_formula(model, inputs):
    for found, a, g, p in each(model, inputs, "gradcam_pp"):
        divisor = 2 * g**2 + a.sum((1, 2), keepdims=True) * g**3
        alpha = np.where(g != 0, g**2 / np.where(g != 0, divisor, 1), 0)
        weights = (alpha * np.maximum(p * g, 0)).sum((1, 2), keepdims=True)
        expected = np.maximum((weights * a).sum(0), 0)
        assert np.allclose(found, expected, rtol=1e-9, atol=1e-15)
        assert expected.max() > 0


def test_layercam_weights_each_feature_by_its_own_positive_gradient(model, inputs):
    for found, a, g, _ in each(model, inputs, "layercam"):
        assert np.allclose(found, np.maximum((np.maximum(g, 0) * a).sum(0), 0), atol=1e-15)
        assert found.max() > 0


def test_the_trunk_runs_once_an_image_and_parts_of_the_maps_change_nothing(
    cam_model, inputs, monkeypatch
):
    counting = Counting(cam_model)
    query = asked(counting, inputs)
    maps = [query.maps(method) for method in METHODS]
    assert counting.images == 3
    assert not any(found.requires_grad for found in maps)
    monkeypatch.setattr("pipeline.attribution.methods.gradcam.MAPS", 2)
    for method, found in zip(METHODS, maps, strict=True):
        assert torch.allclose(asked(cam_model, inputs).maps(method), found, rtol=1e-12, atol=0)

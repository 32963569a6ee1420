import numpy as np
import torch
from asked import IMAGES, LABELS, Counting, asked, log_probs_of
from captum.attr import LayerGradCam
from feature_gradients import each

METHODS = ("gradcam", "gradcam_pp", "layercam")


def test_gradcam_weights_channels_by_their_mean_gradient(model, inputs, target):
    some = 0
    for found, a, g, _ in each(model, inputs, "gradcam", target):
        expected = np.maximum((g.mean((1, 2), keepdims=True) * a).sum(0), 0)
        assert found.shape == a.shape[1:]
        assert np.allclose(found, expected, rtol=1e-9, atol=1e-15)
        some += (expected > 0).sum()
    assert some


def test_gradcam_is_captums_on_the_whole_network(cam_model, inputs):
    class Features(torch.nn.Module):
        """The trunk as one layer with a tensor for an output."""

        def forward(self, images):
            return cam_model.trunk(images)["features"]

    features = Features()
    network = torch.nn.Sequential(features, cam_model.head, torch.nn.AdaptiveAvgPool2d(1))
    network.append(torch.nn.Flatten())
    captum = LayerGradCam(network, features)
    expected = captum.attribute(
        inputs[IMAGES].requires_grad_(), target=LABELS, relu_attributions=True
    )
    found = asked(cam_model, inputs).maps("gradcam")
    assert torch.allclose(found, expected[:, 0], rtol=1e-9, atol=1e-15)
    assert found.max() > 0


def test_gradcam_of_a_cam_model_is_cam_without_bias_and_negative_part(cam_model, inputs):
    activations = cam_model(inputs) - cam_model.head.classes.bias[:, None, None]  # (B, C, h, w)
    expected = (activations / activations[0, 0].numel()).clamp_min(0)[IMAGES, LABELS]
    assert torch.allclose(asked(cam_model, inputs).maps("gradcam"), expected, atol=1e-14)


def test_gradcam_of_log_p_is_the_activation_less_that_expected(cam_model, inputs):
    """With g_k = sum_c (1[c = y] - p_c) w_ck / hw, the map is linear in the activations."""
    activations = cam_model(inputs) - cam_model.head.classes.bias[:, None, None]  # (B, C, h, w)
    p = log_probs_of(cam_model)(inputs).exp()
    mean = (p[:, :, None, None] * activations).sum(1, keepdim=True)
    size = activations[0, 0].numel()
    expected = ((activations - mean) / size).clamp_min(0)[IMAGES, LABELS]
    found = asked(cam_model, inputs, target="log_prob").maps("gradcam")
    assert torch.allclose(found, expected, atol=1e-14)


def test_gradcam_pp_is_the_publications_formula(model, inputs, target):
    for found, a, g, p in each(model, inputs, "gradcam_pp", target):
        divisor = 2 * g**2 + a.sum((1, 2), keepdims=True) * g**3
        alpha = np.where(g != 0, g**2 / np.where(g != 0, divisor, 1), 0)
        weights = (alpha * np.maximum(p * g, 0)).sum((1, 2), keepdims=True)
        expected = np.maximum((weights * a).sum(0), 0)
        assert np.allclose(found, expected, rtol=1e-9, atol=1e-15)
        assert expected.max() > 0


def test_layercam_weights_each_feature_by_its_own_positive_gradient(model, inputs, target):
    for found, a, g, _ in each(model, inputs, "layercam", target):
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
    monkeypatch.setattr("pipeline.attribution.features.MAPS", 2)
    for method, found in zip(METHODS, maps, strict=True):
        assert torch.allclose(asked(cam_model, inputs).maps(method), found, rtol=1e-12, atol=0)

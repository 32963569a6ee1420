import numpy as np
import torch
from asked import asked
from feature_gradients import each


def test_xgradcam_weights_channels_by_their_gradients_where_they_are(model, inputs, target):
    largest = 0
    for found, a, g, _ in each(model, inputs, "xgradcam", target):
        total = a.sum((1, 2))
        weights = np.divide((g * a).sum((1, 2)), total, out=np.zeros_like(total), where=total != 0)
        expected = np.maximum((weights[:, None, None] * a).sum(0), 0)
        assert np.allclose(found, expected, rtol=1e-9, atol=1e-14)
        largest = max(largest, expected.max())
    assert largest > 0


def test_a_channel_without_activation_counts_nothing(cam_model, inputs):
    with cam_model.trunk.register_forward_hook(half_empty):
        assert torch.isfinite(asked(cam_model, inputs).maps("xgradcam")).all()


def half_empty(trunk, images, found):
    features = found["features"].clone()
    features[:, ::2] = 0
    return {"features": features}

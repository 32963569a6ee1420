import torch
from asked import IMAGES, LABELS, asked
from feature_gradients import each


def test_hirescam_is_the_sum_of_features_times_their_own_gradients(model, inputs, target):
    for found, a, g, _ in each(model, inputs, "hirescam", target):
        assert abs(found - (g * a).sum(0)).max() < 1e-13
        assert found.any()


def test_hirescam_of_a_cam_model_sums_to_the_logit_less_its_bias(cam_model, inputs):
    found = asked(cam_model, inputs).maps("hirescam")
    logits = cam_model.logits(inputs) - cam_model.head.classes.bias
    assert (found < 0).any()
    torch.testing.assert_close(found.sum((1, 2)), logits[IMAGES, LABELS])

import torch
from asked import IMAGES, LABELS, asked, scores_of
from captum.attr import InputXGradient, Saliency


def test_gradient_is_captums_saliency_of_each_map_by_itself(model, inputs, target):
    maps = asked(model, inputs, target=target).maps("gradient")
    images = inputs[IMAGES].requires_grad_()
    expected = Saliency(scores_of(model, target)).attribute(images, target=LABELS)
    assert torch.allclose(maps, expected.amax(1), rtol=1e-9, atol=1e-15)
    assert maps.min() >= 0


def test_input_x_gradient_is_captums_summed_over_the_channels(model, inputs, target):
    maps = asked(model, inputs, target=target).maps("input_x_gradient")
    images = inputs[IMAGES].requires_grad_()
    expected = InputXGradient(scores_of(model, target)).attribute(images, target=LABELS)
    assert torch.allclose(maps, expected.sum(1), rtol=1e-9, atol=1e-12)
    assert (maps < 0).any()


def test_gradients_work_where_a_caller_turned_them_off(cam_model, inputs):
    expected = asked(cam_model, inputs).maps("gradient")
    with torch.no_grad():
        assert torch.equal(asked(cam_model, inputs).maps("gradient"), expected)

import pytest
import torch
from asked import IMAGES, LABELS, Counting, asked, scores_of
from captum.attr import IntegratedGradients


def test_it_is_captums_of_each_map_by_itself(model, inputs, target):
    query = asked(model, inputs, integrated_gradients={"steps": 11}, target=target)
    maps = query.maps("integrated_gradients")
    captum = IntegratedGradients(scores_of(model, target))
    expected = captum.attribute(inputs[IMAGES], target=LABELS, n_steps=11)
    assert torch.allclose(maps, expected.sum(1), rtol=1e-5, atol=1e-10)


@pytest.mark.parametrize("names", [("resnet_small", "calm_em"), ("squeezenet1_0", "cam")])
def test_a_map_sums_to_what_the_image_adds_to_the_score(names, models, inputs, target):
    model = models[names]
    query = asked(model, inputs, integrated_gradients={"steps": 60}, target=target)
    maps = query.maps("integrated_gradients")
    scores = scores_of(model, target)
    added = (scores(inputs) - scores(torch.zeros_like(inputs)))[IMAGES, LABELS]
    assert maps.sum((1, 2)).tolist() == pytest.approx(added.tolist(), abs=2e-3)
    assert added.abs().max() > 0.02


def test_the_released_variant_is_the_logits_mean_gradient_size_on_the_path(model, inputs, target):
    steps = 10  # more points than go through the network at once
    query = asked(model, inputs, integrated_gradients={"steps": steps}, target=target)
    maps = query.maps("integrated_gradients_released")
    for row, (image, label) in enumerate(zip(IMAGES, LABELS, strict=True)):
        expected = 0
        for step in range(steps + 1):
            point = (inputs[image : image + 1] * step / steps).requires_grad_()
            scores_of(model)(point)[0, label].backward()
            expected = expected + point.grad[0].abs().max(dim=0).values / steps
        assert torch.allclose(maps[row], expected, rtol=1e-8, atol=1e-14)


def test_a_point_serves_all_classes_of_its_image(cam_model, inputs):
    for method, points in (("integrated_gradients", 4), ("integrated_gradients_released", 5)):
        counting = Counting(cam_model)
        asked(counting, inputs, integrated_gradients={"steps": 4}).maps(method)
        assert counting.images == 3 * points  # of five maps

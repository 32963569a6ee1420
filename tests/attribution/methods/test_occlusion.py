import numpy as np
import pytest
import torch
from asked import IMAGES, LABELS, Counting, asked, scores_of
from captum.attr import Occlusion

from pipeline.runtime.errors import UserError
from pipeline.settings import Attribution

SQUARE = {"window": 12, "stride": 8}  # the last squares stand out by 4 pixels and are cut


def test_a_pixel_has_the_mean_fall_of_the_squares_that_cover_it(model, inputs, target):
    maps = asked(model, inputs, occlusion=SQUARE, target=target).maps("occlusion")
    scores = scores_of(model, target)
    for row, (image, label) in enumerate(zip(IMAGES, LABELS, strict=True)):
        whole = scores(inputs[image : image + 1])[0, label].item()
        fall, covered = np.zeros((24, 24)), np.zeros((24, 24))
        for top in (0, 8, 16):
            for left in (0, 8, 16):
                occluded = inputs[image : image + 1].clone()
                occluded[..., top : top + 12, left : left + 12] = 0
                with_square = scores(occluded)[0, label].item()
                fall[top : top + 12, left : left + 12] += whole - with_square
                covered[top : top + 12, left : left + 12] += 1
        assert np.allclose(maps[row], fall / covered, atol=1e-6 * np.abs(fall).max())


def test_it_is_captums_of_each_map_by_itself(cam_model, inputs):
    maps = asked(cam_model, inputs, occlusion=SQUARE).maps("occlusion")
    expected = Occlusion(scores_of(cam_model)).attribute(
        inputs[IMAGES], sliding_window_shapes=(3, 12, 12), strides=(3, 8, 8), target=LABELS
    )
    assert torch.allclose(maps, expected[:, 0].double(), rtol=1e-5, atol=1e-9)


def test_an_occluded_image_serves_all_classes(cam_model, inputs):
    counting = Counting(cam_model)
    asked(counting, inputs, occlusion={"window": 12, "stride": 12}).maps("occlusion")
    assert counting.images == 3 * (1 + 4)  # of five maps


def test_squares_that_do_not_fit_are_refused(cam_model, inputs):
    with pytest.raises(UserError, match=r"occlusion\.window: 25.*24"):
        asked(cam_model, inputs, occlusion={"window": 25}).maps("occlusion")
    with pytest.raises(ValueError, match="between the squares"):
        Attribution.model_validate({"occlusion": {"window": 8, "stride": 9}})

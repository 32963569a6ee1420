import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from hand_made import Subject

from pipeline.evaluation.pointing.object_pixels import ObjectPixels
from pipeline.evaluation.pointing.pointing_game import energy, is_hit, maximum, measure
from pipeline.runtime.errors import UserError
from pipeline.settings import Bootstrap, PointingGame

SIDE = 28
SECTION = PointingGame(tolerance=3 / SIDE, bootstrap=Bootstrap(replicates=20))


def case(maps, boxes):
    records = pd.DataFrame(
        {
            "image_id": [f"{number}.jpg" for number in range(len(maps))],
            "label": 0,
            "width": SIDE,
            "height": SIDE,
            "boxes": boxes,
        }
    )
    images = torch.zeros(len(maps), 3, SIDE, SIDE)
    return Subject(images, [0] * len(maps), maps=maps, records=records)


def peaked(row, column, height=1.0):
    score_map = torch.zeros(SIDE, SIDE)
    score_map[row, column] = height
    return score_map


def test_a_maximum_within_the_tolerance_of_the_box_is_a_hit():
    boxes = [[10.0, 10.0, 14.0, 14.0]] * 6  # pixels 10..13
    maps = [peaked(12, 12), peaked(12, 16), peaked(12, 17), peaked(15, 15), peaked(16, 16)]
    # distances 0, 3, 4, sqrt(8), sqrt(18); the last image's box is missing
    result = measure(case([*maps, peaked(0, 0)], [*boxes[:5], []]), SECTION)
    assert result.arrays["hit_rate"].tolist() == [1, 1, 0, 1, 0]
    assert result.values["hit_rate"] == 3 / 5
    assert result.arrays["image_id"].tolist() == [f"{number}.jpg" for number in range(5)]
    assert result.details["images_without_object"] == 1
    assert result.details["tolerance_pixels"] == pytest.approx(3)
    assert result.details["hit_rate_of_middle"] == 1.0
    assert result.details["energy_of_constant"] == 16 / SIDE**2


def test_energy_is_the_share_of_the_positive_part_inside():
    score_map = torch.full((SIDE, SIDE), -5.0)
    score_map[10, 10], score_map[0, 0] = 3.0, 1.0
    nothing = torch.full((SIDE, SIDE), -1.0)
    result = measure(case([score_map, nothing], [[8.0, 8.0, 20.0, 20.0]] * 2), SECTION)
    assert result.arrays["energy"].tolist() == [0.75, 0.0]
    assert result.details["maps_without_positive_value"] == 1


def test_maps_are_resized_bilinearly():
    coarse = np.random.default_rng(0).standard_normal((7, 7)).astype(np.float32)
    result = measure(case([torch.tensor(coarse)], [[4.0, 4.0, 12.0, 9.0]]), SECTION)
    positive = np.clip(cv2.resize(coarse.astype(np.float64), (SIDE, SIDE)), 0, None)
    expected = positive[4:9, 4:12].sum() / positive.sum()
    assert result.values["energy"] == pytest.approx(expected, rel=1e-5)


def test_equal_pixels_are_drawn_by_the_seed_alone():
    plateau, counted = np.zeros((6, 6)), np.ones((6, 6), bool)
    plateau[2, 1:5] = 1.0
    found = {maximum(plateau, counted, seed) for seed in range(60)}
    assert found == {(2, 1), (2, 2), (2, 3), (2, 4)}
    assert maximum(plateau, counted, 7) == maximum(plateau, counted, 7)
    constant = {maximum(np.full((6, 6), 1 / 3), counted, seed) for seed in range(300)}
    assert len(constant) == 36


def test_pixels_that_do_not_count_are_neither_pointed_at_nor_energy():
    score_map = np.array([[9.0, 1.0], [2.0, 1.0]])
    counted = np.array([[False, True], [True, True]])
    assert maximum(score_map, counted, 0) == (1, 0)
    inside = np.array([[False, False], [True, False]])
    assert energy(score_map, ObjectPixels(inside, counted)) == 0.5


def test_distance_is_between_pixel_centres():
    inside = np.zeros((9, 9), bool)
    inside[4, 4] = True
    assert is_hit((1, 0), inside, 5.0)
    assert not is_hit((1, 0), inside, 4.99)


def test_no_object_or_no_map_is_an_error():
    with pytest.raises(UserError, match=r"no image has a box.*region: mask"):
        measure(case([peaked(0, 0)], [[]]), SECTION)
    subject = case([peaked(0, 0)], [[0.0, 0.0, 9.0, 9.0]])
    subject._maps = {"0.jpg": None}
    with pytest.raises(UserError, match="--maps"):
        measure(subject, SECTION)

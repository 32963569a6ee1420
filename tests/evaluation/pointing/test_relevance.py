import numpy as np
import pandas as pd
import pytest
import torch
from hand_made import Subject

from pipeline.evaluation.erasing.relevance import rank_accuracy, relevance_ranks
from pipeline.evaluation.pointing.relevance import Relevance, measure
from pipeline.runtime.errors import UserError
from pipeline.settings import Bootstrap

SIDE = 20
SECTION = Relevance(bootstrap=Bootstrap(replicates=20))
BOX = [4.0, 6.0, 10.0, 16.0]  # 60 pixels of 400


def measured(maps, boxes=None):
    records = pd.DataFrame(
        {
            "image_id": [f"{number}.jpg" for number in range(len(maps))],
            "label": 0,
            "width": SIDE,
            "height": SIDE,
            "boxes": boxes or [BOX] * len(maps),
        }
    )
    images = torch.zeros(len(maps), 3, SIDE, SIDE)
    return measure(Subject(images, [0] * len(maps), maps=maps, records=records), SECTION)


def test_mass_and_rank_written_out():
    score_map = torch.randn(SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    result = measured([score_map])
    values = score_map.double().numpy()
    inside = np.zeros((SIDE, SIDE), bool)
    inside[6:16, 4:10] = True
    positive = np.maximum(values, 0)
    assert result.values["mass"] == pytest.approx(positive[inside].sum() / positive.sum())
    top = set(np.argsort(-values, axis=None)[:60].tolist())
    expected = len(top & set(np.flatnonzero(inside).tolist())) / 60
    assert result.values["rank"] == pytest.approx(expected)
    assert result.details["share_of_constant"] == 60 / 400


def test_a_map_of_the_object_has_one_and_one_of_the_rest_none():
    of_object = torch.zeros(SIDE, SIDE)
    of_object[6:16, 4:10] = 1
    result = measured([of_object, 1 - of_object])
    assert result.arrays["mass"].tolist() == [1, 0]
    assert result.arrays["rank"].tolist() == [1, 0]


def test_constant_and_random_maps_have_the_objects_share_of_pixels():
    draws = torch.Generator().manual_seed(1)
    for maps in (
        [torch.ones(SIDE, SIDE)] * 150,
        [torch.rand(SIDE, SIDE, generator=draws) for _ in range(150)],
    ):
        result = measured(maps)
        for name in ("mass", "rank"):
            found = result.arrays[name]
            error = found.std() / np.sqrt(len(found)) + 1e-9
            assert abs(found.mean() - 60 / 400) < 4 * error, name
    # of 60 drawn among 400 pixels, 60 of which are the object's: hypergeometric
    variance = 60 / 400 * (340 / 400) * (340 / 399) / 60
    assert found.std() == pytest.approx(np.sqrt(variance), rel=0.25)


def test_pixels_that_do_not_count_are_no_top_pixels():
    score_map = np.array([[9.0, 1.0], [5.0, 4.0]])
    counted = np.array([[False, True], [True, True]])
    inside = np.array([[False, False], [True, True]])
    assert rank_accuracy(score_map[counted], inside[counted], 0) == 1
    assert rank_accuracy(score_map, inside, 0) == 0.5


@pytest.mark.parametrize("values", [1, 3, 50, 10**6])
def test_rank_accuracy_counts_the_pixels_of_the_first_ranks(values):
    """The definition, by ranks; with few different values chance decides which count."""
    rng = np.random.default_rng(values)
    for seed in range(10):
        score_map = rng.integers(values, size=(30, 30)).astype(np.float32) - 1
        inside = rng.random((30, 30)) < rng.uniform(0.01, 0.9)
        expected = (relevance_ranks(score_map, seed)[inside] < inside.sum()).mean()
        assert rank_accuracy(score_map, inside, seed) == expected
    score_map[0, 0] = np.nan
    with pytest.raises(UserError, match="NaN or infinite"):
        rank_accuracy(score_map, inside, 0)


def test_images_without_an_object_are_left_out():
    result = measured([torch.ones(SIDE, SIDE)] * 2, [BOX, []])
    assert result.details["images_without_object"] == 1
    with pytest.raises(UserError, match=r"evaluation\.relevance: no image has a box"):
        measured([torch.ones(SIDE, SIDE)], [[]])


def test_a_constant_map_stays_constant_when_it_is_enlarged():
    # 3 to 20 cells: bilinear weights that leave rounding
    maps = [torch.full((3, 3), 0.1)] * 150
    found = measured(maps).arrays["rank"]
    assert abs(found.mean() - 60 / 400) < 4 * found.std() / np.sqrt(len(found))

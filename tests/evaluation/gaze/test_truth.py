from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from pipeline.evaluation.gaze.truth import Viewing, regions, together, viewings


def record(boxes=(10.0, 20.0, 50.0, 60.0), width=100, height=80):
    return SimpleNamespace(image_id="a", width=width, height=height, boxes=list(boxes))


def looks(*rows):
    return pd.DataFrame(rows, columns=["viewer", "x", "y", "duration"])


def test_fixations_lie_on_the_stored_pixels_each_persons_by_themselves():
    fixations = looks(
        ("b", 0.0, 0.0, 100), ("a", 99.9, 79.9, 300), ("a", 50.0, 40.0, 100), ("a", 100.5, 80, 50)
    )
    first, second = viewings(fixations, record(), 20, "square", "count")
    assert first.columns.tolist() == [19, 10, 19]  # at the border, and a little beyond it
    assert first.rows.tolist() == [19, 10, 19]
    assert first.weights.tolist() == [1, 1, 1]
    assert second.rows.tolist() == second.columns.tolist() == [0]
    by_duration = viewings(fixations, record(), 20, "square", "duration")[0]
    assert by_duration.weights.tolist() == [300, 100, 50]


def test_of_a_cut_image_only_what_is_stored_counts():
    """The middle 80 of 100 columns are stored."""
    fixations = looks(("a", 5.0, 40.0, 100), ("a", 10.0, 40.0, 100), ("b", 95.0, 3.0, 100))
    (only,) = viewings(fixations, record(), 40, "short_side", "count")
    assert only.columns.tolist() == [0]
    assert only.rows.tolist() == [20]


def test_the_box_has_a_prior_of_its_own():
    found = regions(record(), 20, "square")
    assert list(found) == ["box", "image"]
    box, image = found["box"], found["image"]
    assert box.inside.sum() == 8 * 10  # columns 2 to 9, rows 5 to 14
    assert box.inside[5:15, 2:10].all()
    assert image.inside.all()
    for region, middle, deviation in ((box, (10, 6), (2.5, 2)), (image, (10, 10), (5, 5))):
        places = np.argwhere(region.inside) + 0.5
        expected = np.exp(-(((places - middle) / deviation) ** 2).sum(axis=1) / 2)
        np.testing.assert_allclose(region.prior, expected / expected.sum())
    assert list(regions(record(boxes=()), 20, "square")) == ["image"]


@pytest.mark.parametrize("region", ["box", "image"])
def test_the_density_is_a_sum_of_gaussians_within_the_region(region):
    viewing = Viewing(np.array([7, 8, 0]), np.array([4, 8, 19]), np.array([1.0, 3.0, 2.0]))
    area = regions(record(), 20, "square")[region]
    fixated = viewing.within(area, 1.5)
    places = np.argwhere(area.inside)
    used = [0, 1] if region == "box" else [0, 1, 2]
    expected = sum(
        viewing.weights[each]
        * np.exp(-((places - [viewing.rows[each], viewing.columns[each]]) ** 2).sum(axis=1) / 4.5)
        for each in used
    )
    np.testing.assert_allclose(fixated.density, expected / expected.sum(), atol=2e-4)
    assert places[fixated.places].tolist() == [[7, 4], [8, 8], [0, 19]][: len(used)]
    np.testing.assert_allclose(fixated.weights, viewing.weights[used] / viewing.weights[used].sum())


def test_who_never_looked_into_the_region_has_no_fixation_there():
    outside = Viewing(np.array([0]), np.array([0]), np.array([1.0]))
    assert outside.within(regions(record(), 20, "square")["box"], 1.0) is None


def test_several_people_count_alike_however_often_they_looked():
    one = Viewing(np.array([1]), np.array([2]), np.array([1.0]))
    three = Viewing(np.array([4, 5, 6]), np.array([7, 8, 9]), np.array([1.0, 1.0, 2.0]))
    both = together([one, three])
    assert both.rows.tolist() == [1, 4, 5, 6]
    assert both.columns.tolist() == [2, 7, 8, 9]
    assert both.weights.tolist() == [1, 0.25, 0.25, 0.5]
    assert together([]) is None

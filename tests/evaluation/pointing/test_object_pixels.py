from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from pipeline.evaluation.pointing.object_pixels import object_pixels
from pipeline.runtime.errors import UserError


def record(**keys):
    empty = {"boxes": [], "masks": [], "segmentation": "", "ignore": "", "width": 40, "height": 20}
    return SimpleNamespace(**(empty | keys))


def mask(path, rows, columns, shape=(20, 40)):
    pixels = np.zeros(shape, np.uint8)
    pixels[rows, columns] = 255
    Image.fromarray(pixels).save(path)
    return str(path)


def test_boxes_are_scaled_to_the_square_and_joined():
    boxes = [4.0, 4.0, 12.0, 8.0, 20.0, 0.0, 24.0, 20.0]
    inside, counted = object_pixels(record(boxes=boxes), 20, "square", "box")
    expected = np.zeros((20, 20), bool)
    expected[4:8, 2:6] = True  # x is halved, y is not
    expected[:, 10:12] = True
    assert np.array_equal(inside, expected)
    assert counted.all()


def test_boxes_are_moved_and_cut_where_the_centre_is_stored():
    inside, _ = object_pixels(record(boxes=[0.0, 0.0, 15.0, 20.0]), 20, "short_side", "box")
    expected = np.zeros((20, 20), bool)
    expected[:, :5] = True  # the square starts at x = 10
    assert np.array_equal(inside, expected)


def test_masks_are_joined_and_ignored_pixels_outside_them_do_not_count(tmp_path):
    paths = [
        mask(tmp_path / "a.png", slice(0, 10), slice(0, 20)),
        mask(tmp_path / "b.png", slice(10, 20), slice(0, 4)),
    ]
    ignore = mask(tmp_path / "i.png", slice(0, 2), slice(0, 40))
    both = record(masks=paths, ignore=ignore, segmentation="unused.png")
    inside, counted = object_pixels(both, 20, "square", "mask")
    expected = np.zeros((20, 20), bool)
    expected[:10, :10] = True
    expected[10:, :2] = True
    assert np.array_equal(inside, expected)
    ignored = np.zeros((20, 20), bool)
    ignored[:2, 10:] = True
    assert np.array_equal(counted, ~ignored)


def test_the_segmentation_stands_in_for_masks_and_without_either_there_is_no_object(tmp_path):
    path = mask(tmp_path / "s.png", slice(0, 20), slice(0, 20))
    inside, _ = object_pixels(record(segmentation=path), 20, "square", "mask")
    assert np.array_equal(inside, np.arange(20) < np.full((20, 1), 10))
    nothing = record(boxes=[0.0, 0.0, 40.0, 20.0])
    assert not object_pixels(nothing, 20, "square", "mask").inside.any()
    assert not object_pixels(record(segmentation=path), 20, "square", "box").inside.any()


def test_a_missing_mask_is_named():
    with pytest.raises(UserError, match=r"gone\.png"):
        object_pixels(record(masks=["gone.png"]), 20, "square", "mask")

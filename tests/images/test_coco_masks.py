import json
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools.coco import COCO

from pipeline.images.coco_masks import (
    _annotations,
    area,
    file_digest,
    is_mask_name,
    mask_name,
    pixels,
    read_mask,
)
from pipeline.runtime.errors import UserError

# Written by pycocotools 2.0.11 (mask.encode) for the pixels below.
COMPRESSED = "031N10O113ON0O40L21NO"
PICTURE = [
    [1, 0, 0, 0, 1, 1, 1],
    [1, 1, 1, 1, 0, 1, 0],
    [1, 0, 1, 1, 0, 0, 0],
    [0, 1, 1, 1, 0, 1, 1],
    [1, 1, 1, 0, 0, 1, 1],
    [0, 0, 1, 1, 0, 1, 0],
]


def test_compressed_run_lengths_are_those_of_pycocotools():
    mask = pixels({"size": [6, 7], "counts": COMPRESSED}, 7, 6)
    assert mask.dtype == np.uint8
    assert mask.tolist() == PICTURE


def test_run_lengths_go_down_the_columns_and_begin_with_background():
    mask = pixels({"size": [2, 3], "counts": [1, 2, 3]}, 3, 2)
    assert mask.tolist() == [[0, 1, 0], [1, 0, 0]]


def test_a_polygon_holds_the_pixels_whose_centres_it_holds():
    mask = pixels([[1, 1, 4, 1, 4, 3, 1, 3], [5.4, 0, 6.6, 0, 6.6, 0.6, 5.4, 0.6]], 8, 5)
    expected = np.zeros((5, 8), int)
    expected[1:3, 1:4] = 1
    expected[0, 5] = expected[0, 6] = 1  # centres 5.5 and 6.5
    assert mask.tolist() == expected.tolist()


def test_a_triangle_has_its_area_and_parts_outside_are_cut():
    mask = pixels([[-50, 0, 100, 0, 100, 300]], 100, 200)  # left edge: y = 2 (x + 50)
    y, x = np.mgrid[:200, :100] + 0.5
    assert (mask == (y < 2 * (x + 50))).all()


@given(
    st.lists(
        st.lists(st.floats(-1, 41), min_size=6, max_size=16).filter(lambda p: len(p) % 2 == 0),
        min_size=1,
        max_size=3,
    )
)
def test_polygons_are_those_of_the_field_s_own_reader(polygons):
    """pycocotools' COCO.annToMask, without our checks between."""
    coco = COCO()
    coco.imgs = {1: {"id": 1, "width": 40, "height": 30}}
    expected = coco.annToMask({"image_id": 1, "segmentation": polygons})
    assert (pixels(polygons, 40, 30) == expected).all()
    assert area(polygons, 40, 30) == expected.sum()


@given(st.lists(st.integers(0, 9), max_size=12))
def test_run_lengths_are_those_of_numpy(runs):
    total = sum(runs)
    size = {"size": [1, total], "counts": runs}
    if not total:
        return
    expected = np.repeat(np.arange(len(runs)) % 2, runs)
    assert pixels(size, total, 1)[0].tolist() == expected.tolist()


@given(st.text(st.characters(min_codepoint=40, max_codepoint=120), max_size=60))
def test_hostile_run_lengths_are_refused_or_drawn(text):
    try:
        mask = pixels({"size": [6, 7], "counts": text}, 7, 6)
    except ValueError:
        return
    assert mask.shape == (6, 7)
    assert mask.max() <= 1


def test_what_would_take_for_ever_is_refused_at_once():
    start = time.perf_counter()
    with pytest.raises(ValueError, match="damaged"):  # one number of a million groups
        pixels({"size": [6, 7], "counts": "o" * 1_000_000}, 7, 6)
    with pytest.raises(ValueError, match="60000 x 60000"):
        pixels({"size": [60_000, 60_000], "counts": [3_600_000_000]}, 60_000, 60_000)
    with pytest.raises(ValueError, match="longer than"):
        pixels([[0, 0, 1e9, 1e9, 0, 1e9]], 7, 6)
    with pytest.raises(ValueError, match="longer than"):
        pixels([[0, 0, 15_000, 15_000] * 2000], 15_000, 15_000)
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        ({"size": [7, 6], "counts": COMPRESSED}, "not of size"),
        ({"size": [6, 7], "counts": [41]}, "do not add up to 7 x 6"),
        ({"size": [6, 7], "counts": [50, -8]}, "do not add up"),
        ([[1, 1, 2, 2]], "three corners"),
        ([[1, 1, 2, 2, 3]], "neither polygons"),
        ([[1, 1, 2, 2, 3, float("nan")]], "not finite"),
        ([], "three corners"),
        ({"size": [6, 7], "counts": ["42"]}, "not whole numbers"),
        ({"size": [6, 7], "counts": "0"}, "do not add up"),
        ({"size": [6, 7], "counts": "o"}, "cut short"),
        ({"size": [6, 7], "counts": "\u4e00"}, "damaged"),
        (None, "neither polygons"),
    ],
)
def test_malformed_segmentations(segmentation, message):
    with pytest.raises(ValueError, match=message):
        pixels(segmentation, 7, 6)


def test_a_mask_is_read_by_name_until_its_file_changes(tmp_path):
    path = tmp_path / "a.json"
    content = {
        "images": [{"id": 3, "file_name": "x.jpg", "width": 3, "height": 2}],
        "annotations": [
            {"id": 7, "image_id": 3},
            {"id": "8", "image_id": 3.0, "segmentation": {"size": [2, 3], "counts": [1, 2, 3]}},
            {"id": 9, "image_id": 3},
        ],
    }
    path.write_text(json.dumps(content))
    name = mask_name(path, file_digest(path), 1)
    assert is_mask_name(name)
    assert not is_mask_name("masks/bird#1.png")
    assert not is_mask_name("masks/birds.json#1/2.png")  # a class may be called so
    assert read_mask(name).tolist() == [[0, 1, 0], [1, 0, 0]]
    content["annotations"][1]["segmentation"]["counts"] = [0, 6]
    path.write_text(json.dumps(content))
    assert read_mask(mask_name(path, file_digest(path), 1)).all()
    _annotations.cache_clear()  # as in the next job
    with pytest.raises(UserError, match="changed since the records were read"):
        read_mask(name)
    path.unlink()
    with pytest.raises(UserError, match="Put the file back"):
        read_mask(name)

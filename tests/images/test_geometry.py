import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.images import geometry
from pipeline.images.label_maps import read_label_map
from pipeline.settings import Images
from pipeline.sharding import writing as shards

SIZES = [(500, 375), (333, 500), (61, 40), (40, 61), (50, 50)]


def test_resizes_are_those_of_the_settings():
    assert Images.model_fields["resize"].annotation.__args__ == geometry.RESIZES
    with pytest.raises(ValueError, match="resize"):
        geometry.stored_part((4, 4), "long_side")


@pytest.mark.parametrize("size", SIZES)
def test_square_changes_nothing(size):
    part = geometry.stored_part(size, "square")
    assert part.box == (0, 0, *size)
    boxes = [-3.0, 2.0, 1000.0, 5.0, 7.0, 7.0, 7.0, 7.0]
    assert part.boxes(boxes).tolist() == boxes
    keypoints = np.array([[-2.0, 0.0, 1.0], [1000.0, 3.0, 1.0], [1.0, 1.0, 0.0]])
    np.testing.assert_array_equal(part.keypoints(keypoints), keypoints)


@pytest.mark.parametrize("size", SIZES)
def test_short_side_is_the_centred_square(size):
    x0, y0, x1, y1 = geometry.stored_part(size, "short_side").box
    assert x1 - x0 == y1 - y0 == min(size)
    assert 0 <= size[0] - x1 - x0 <= 1
    assert 0 <= size[1] - y1 - y0 <= 1


@pytest.mark.parametrize("how", geometry.RESIZES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("side", [37, 96])
def test_a_dot_of_the_stored_image_is_where_its_keypoint_and_box_are(size, how, side):
    part = geometry.stored_part(size, how)
    for across, down in ((0.2, 0.3), (0.5, 0.5), (0.75, 0.9)):
        x, y = (int(size[0] * across), int(size[1] * down))
        dot = np.zeros((size[1], size[0], 3), np.uint8)
        dot[y - 1 : y + 2, x - 1 : x + 2] = 255
        stored = np.asarray(shards.resize(Image.fromarray(dot), side, how))[..., 0].astype(float)
        keypoints = part.keypoints([[x + 0.5, y + 0.5, 1.0]])
        box = part.stored_boxes([x - 1, y - 1, x + 2, y + 2], side)
        if not stored.any():
            assert keypoints[0, 2] == 0
            assert len(box) == 0
            continue
        centres = np.arange(side) + 0.5
        mass = stored.sum()
        found = (stored.sum(axis=0) @ centres / mass, stored.sum(axis=1) @ centres / mass)
        if stored[:, [0, -1]].any() or stored[[0, -1]].any():
            continue  # partly cut away: its centre of mass is not its middle
        np.testing.assert_allclose(keypoints[0, :2] * side / part.size, found, atol=0.5)
        np.testing.assert_allclose((box[0, :2] + box[0, 2:]) / 2, found, atol=0.5)
        assert keypoints[0, 2] == 1


@pytest.mark.parametrize("size", SIZES)
def test_the_stored_image_is_the_cut_resized(size):
    noise = np.random.default_rng(0).integers(0, 256, (7, 7, 3), np.uint8)
    image = Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)
    stored = np.asarray(shards.resize(image, 32, "short_side")).astype(int)
    box = geometry.stored_part(size, "short_side").box
    cut = np.asarray(image.crop(box).resize((32, 32), Image.Resampling.BILINEAR)).astype(int)
    # only the outermost pixels may see what lies beyond the cut
    np.testing.assert_allclose(stored[1:-1, 1:-1], cut[1:-1, 1:-1], atol=1)


@pytest.mark.parametrize("size", [(80, 40), (40, 80)])
def test_cutting_first_equals_cutting_last(size):
    noise = np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), np.uint8)
    stored = np.asarray(shards.resize(Image.fromarray(noise), 20, "short_side")).astype(int)
    half = Image.fromarray(noise).resize((size[0] // 2, size[1] // 2), Image.Resampling.BILINEAR)
    left, top = (half.width - 20) // 2, (half.height - 20) // 2
    expected = np.asarray(half.crop((left, top, left + 20, top + 20))).astype(int)
    np.testing.assert_allclose(stored, expected, atol=1)  # Pillow rounds after each direction


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_boxes_are_those_of_the_cut_mask(data):
    width, height = data.draw(st.tuples(st.integers(2, 12), st.integers(2, 12)))
    x0, y0 = data.draw(st.tuples(st.integers(0, width - 1), st.integers(0, height - 1)))
    x1, y1 = data.draw(st.integers(x0 + 1, width)), data.draw(st.integers(y0 + 1, height))
    mask = np.zeros((height, width), np.uint8)
    mask[y0:y1, x0:x1] = 1
    part = geometry.stored_part((width, height), "short_side")
    rows, columns = np.nonzero(np.asarray(Image.fromarray(mask).crop(part.box)))
    found = part.boxes([x0, y0, x1, y1]).tolist()
    if rows.size:
        assert found == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    else:
        assert found == []


def test_keypoints_outside_become_invisible_and_others_move():
    part = geometry.stored_part((20, 10), "short_side")  # columns 5 to 15
    keypoints = np.array([[4.9, 5, 1], [5, 5, 1], [15, 10, 1], [15.1, 5, 1], [9, 5, 0]])
    found = part.keypoints(keypoints)
    assert found[:, 2].tolist() == [0, 1, 1, 0, 0]
    np.testing.assert_allclose(found[1:3, :2], [[0, 5], [10, 10]])
    assert keypoints[0, 2] == 1  # the argument is left as it is


@pytest.mark.parametrize("size", SIZES)
def test_masks_are_cut_as_pillow_does(tmp_path, size):
    mask = np.random.default_rng(1).integers(0, 8, size[::-1], np.uint8)
    Image.fromarray(mask).save(tmp_path / "mask.png")
    for how in geometry.RESIZES:
        part = Image.fromarray(mask).crop(geometry.stored_part(size, how).box)
        expected = np.asarray(part.resize((24, 24), Image.Resampling.NEAREST))
        found = read_label_map(tmp_path / "mask.png", (24, 24), how)
        np.testing.assert_array_equal(found, expected)

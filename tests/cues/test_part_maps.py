import cv2
import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.artefacts.part_maps import PartMaps
from pipeline.cues.part_maps import cue_mask, part_map, visible_parts
from pipeline.images.label_maps import box_foreground, read_label_map
from pipeline.runtime.errors import UserError

# parts/parts.txt of CUB-200-2011, and the part of each
NAMES = ["back", "beak", "belly", "breast", "crown", "forehead", "left_eye", "left_leg"]
NAMES += ["left_wing", "nape", "right_eye", "right_leg", "right_wing", "tail", "throat"]
HEAD = {"beak", "crown", "forehead", "left_eye", "nape", "right_eye", "throat"}
OTHERS = {"back": 2, "belly": 3, "breast": 4, "tail": 5, "left_leg": 6, "right_leg": 6}
OTHERS |= {"left_wing": 7, "right_wing": 7}


def _keypoints(**points):
    """(15, 3) with the named points visible; hidden ones have misleading coordinates."""
    return np.array([[*points[name], 1] if name in points else [3, 3, 0] for name in NAMES], float)


def _brute_force(keypoints, image_size, size, truncate=False):
    points, head = [], []
    for name, (x, y, visible) in zip(NAMES, keypoints, strict=True):
        if not visible:
            continue
        x, y = x * size[0] / image_size[0], y * size[1] / image_size[1]
        if name in HEAD:
            head.append((x, y))
        else:
            points.append((OTHERS[name], x, y))
    if head:
        points.append((1, *np.mean(head, axis=0)))
    if truncate:
        points = [(part, int(x), int(y)) for part, x, y in points]
    result = np.zeros((size[1], size[0]), np.uint8)
    margin = np.full(result.shape, np.inf)
    for row in range(size[1]):
        for column in range(size[0]):
            ranked = sorted(((column - x) ** 2 + (row - y) ** 2, part) for part, x, y in points)
            if ranked:
                result[row, column] = ranked[0][1]
                different = [d for d, part in ranked if part != ranked[0][1]]
                margin[row, column] = min(different, default=np.inf) - ranked[0][0]
    return result, margin


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans(), st.floats(0, 1))
def test_every_pixel_goes_to_its_nearest_visible_part(seed, truncate, shown):
    rng = np.random.default_rng(seed)
    image_size, size = (50, 31), (14, 9)
    keypoints = np.c_[rng.random((15, 2)) * image_size, rng.random(15) < shown]
    expected, margin = _brute_force(keypoints, image_size, size, truncate)
    found = part_map(keypoints, image_size, size, truncate=truncate)
    assert found.dtype == np.uint8
    assert found.shape == (9, 14)
    clear = margin > 1e-9
    np.testing.assert_array_equal(found[clear], expected[clear])
    assert set(np.unique(found)) - {0} <= set(np.flatnonzero(visible_parts(keypoints)) + 1)


def test_the_default_size_is_224_and_no_visible_keypoint_leaves_the_map_empty():
    found = part_map(_keypoints(), (500, 300))
    assert found.shape == (224, 224)
    assert not found.any()


def test_of_equally_near_points_the_lowest_part_wins():
    found = part_map(_keypoints(tail=(0, 0), back=(4, 0)), (5, 1), (5, 1))
    np.testing.assert_array_equal(found, [[5, 5, 2, 2, 2]])


def test_head_points_are_averaged_and_legs_and_wings_are_not():
    keypoints = _keypoints(beak=(0, 0), nape=(4, 0), left_wing=(0, 0), right_wing=(8, 0))
    np.testing.assert_array_equal(
        part_map(keypoints, (9, 1), (9, 1)), [[7, 1, 1, 1, 1, 1, 7, 7, 7]]
    )


def test_truncation_is_a_choice():
    keypoints = _keypoints(back=(0, 0), tail=(3.9, 0))
    np.testing.assert_array_equal(part_map(keypoints, (4, 1), (4, 1)), [[2, 2, 5, 5]])
    keypoints[NAMES.index("tail"), 0] = 1.9
    np.testing.assert_array_equal(part_map(keypoints, (4, 1), (4, 1)), [[2, 5, 5, 5]])
    keypoints[NAMES.index("back"), 0] = 0.99
    np.testing.assert_array_equal(part_map(keypoints, (4, 1), (4, 1)), [[2, 2, 5, 5]])
    found = part_map(keypoints, (4, 1), (4, 1), truncate=True)
    np.testing.assert_array_equal(found, [[2, 5, 5, 5]])


def test_truncation_comes_after_the_head_is_averaged():
    keypoints = _keypoints(beak=(1.9, 0), crown=(2.9, 0), tail=(5, 0))
    # the head lies at 2.4, cut to 2; of its points cut to 1 and 2 the mean would be 1.5
    found = part_map(keypoints, (7, 1), (7, 1), truncate=True)
    np.testing.assert_array_equal(found, [[1, 1, 1, 1, 5, 5, 5]])


@pytest.mark.real_data
def test_truncated_maps_are_those_of_the_released_code_on_real_birds(calm_data):
    """The released assignment, in words: scale to 224, average the head, cut, nearest of all."""
    root = calm_data / "CUB_200_2011"
    files = dict(line.split() for line in (root / "images.txt").read_text().splitlines())
    table = np.loadtxt(root / "parts" / "part_locs.txt")
    numbers = [number for number, file in files.items() if (root / "images" / file).exists()][::60]
    assert len(numbers) > 40
    pixels = np.stack(np.meshgrid(np.arange(224), np.arange(224)), axis=-1)  # (224, 224, 2) x, y
    moved = 0
    for number in numbers:
        size = Image.open(root / "images" / files[number]).size
        keypoints = table[table[:, 0] == int(number)][:, 2:]  # (15, 3)
        at = {
            name: np.array([x, y]) / size * 224
            for name, (x, y, shown) in zip(NAMES, keypoints, strict=True)
            if shown
        }
        head = [at[name] for name in NAMES if name in HEAD & at.keys()]
        points = [(1, np.mean(head, axis=0))] if head else []
        order = ["back", "belly", "breast", "tail", "left_leg", "right_leg"]
        order += ["left_wing", "right_wing"]
        points += [(OTHERS[name], at[name]) for name in order if name in at]
        cut = np.array([point for _, point in points]).astype(int)
        distances = ((pixels[:, :, None] - cut) ** 2).sum(axis=-1)  # (224, 224, K)
        expected = np.array([part for part, _ in points])[distances.argmin(axis=-1)]
        found = part_map(keypoints, size, truncate=True)
        np.testing.assert_array_equal(found, expected, files[number])
        moved += (part_map(keypoints, size) != found).any()
    assert moved > len(numbers) / 2


@pytest.mark.parametrize("kind", [bool, np.uint8])
def test_foreground_at_the_images_size_is_resized_to_the_nearest_pixel(kind):
    rng = np.random.default_rng(0)
    mask = (rng.random((31, 50)) < 0.5).astype(kind) * kind(3 if kind is np.uint8 else 1)
    keypoints = _keypoints(belly=(10, 10))
    found = part_map(keypoints, (50, 31), (20, 10), mask)
    resized = cv2.resize(mask.astype(np.uint8), (20, 10), interpolation=cv2.INTER_NEAREST_EXACT)
    np.testing.assert_array_equal(found, np.where(resized > 0, 3, 0))


def test_foreground_at_the_maps_size_is_taken_as_it_is_and_another_size_is_refused():
    keypoints = _keypoints(belly=(10, 10))
    inside = np.random.default_rng(1).random((10, 20)) < 0.5
    found = part_map(keypoints, (50, 31), (20, 10), inside)
    np.testing.assert_array_equal(found, np.where(inside, 3, 0))
    with pytest.raises(ValueError, match="foreground"):
        part_map(keypoints, (50, 31), (20, 10), np.ones((20, 10), bool))
    with pytest.raises(ValueError, match="keypoints"):
        part_map(keypoints[:14], (50, 31))


def test_visible_parts_follow_the_keypoints():
    assert not visible_parts(_keypoints()).any()
    np.testing.assert_array_equal(
        np.flatnonzero(visible_parts(_keypoints(throat=(1, 1), right_leg=(1, 1)))) + 1, [1, 6]
    )


def test_cue_mask_is_the_differing_parts_or_none_if_none_is_visible():
    parts = np.array([[0, 1, 7], [2, 7, 1]], np.uint8)
    mask = cue_mask(parts, (1, 5), {1, 2, 7})
    assert mask.dtype == bool
    np.testing.assert_array_equal(mask, [[False, True, False], [False, False, True]])
    assert cue_mask(parts, (3, 5), [1, 2, 7]) is None
    shown = np.array([1, 1, 0, 0, 0, 0, 1], bool)
    np.testing.assert_array_equal(cue_mask(parts, [7], shown), parts == 7)
    assert cue_mask(parts, [3], shown) is None


def test_box_foreground_holds_the_pixels_whose_centres_are_in_a_box():
    found = box_foreground([2, 0, 6, 4, 8, 2, 10, 4], (10, 4), (5, 4))
    expected = np.zeros((4, 5), bool)
    expected[:, 1:3] = True
    expected[2:, 4] = True
    np.testing.assert_array_equal(found, expected)
    # a centre on the right edge of a box is outside it, one on the left edge inside
    np.testing.assert_array_equal(
        box_foreground([0.5, 0, 2.5, 1], (4, 1), (4, 1)), [[True, True, False, False]]
    )


def test_label_maps_keep_their_labels_when_resized(tmp_path):
    labels = np.random.default_rng(2).integers(0, 8, (30, 45)).astype(np.uint8)
    path = tmp_path / "parts.png"
    Image.fromarray(labels).save(path)
    np.testing.assert_array_equal(read_label_map(path), labels)
    resized = cv2.resize(labels, (20, 16), interpolation=cv2.INTER_NEAREST_EXACT)
    np.testing.assert_array_equal(read_label_map(path, (20, 16)), resized)
    with pytest.raises(UserError, match=r"none\.png"):
        read_label_map(tmp_path / "none.png")


@pytest.mark.parametrize("with_truth", [False, True])
def test_part_maps_are_written_with_equal_bytes_and_read_back(tmp_path, with_truth):
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 8, (3, 6, 6)).astype(np.uint8)
    maps = PartMaps(
        ["a/1.jpg", "b/2.jpg", "ü.jpg"],
        labels,
        rng.random((3, 7)) < 0.5,
        labels[::-1] if with_truth else None,
        {"box": 3},
    )
    maps.save(tmp_path / "x.h5")
    maps.save(tmp_path / "y.h5")
    assert (tmp_path / "x.h5").read_bytes() == (tmp_path / "y.h5").read_bytes()
    found = PartMaps.load(tmp_path / "x.h5")
    assert found.image_ids == maps.image_ids
    assert found.foreground == {"box": 3}
    np.testing.assert_array_equal(found.labels, labels)
    np.testing.assert_array_equal(found.visible, maps.visible)
    if with_truth:
        np.testing.assert_array_equal(found.truth, labels[::-1])
    else:
        assert found.truth is None


def test_part_maps_are_read_row_by_row_and_damage_is_named_then(tmp_path):
    labels = np.random.default_rng(3).integers(0, 8, (9, 6, 6)).astype(np.uint8)
    path = tmp_path / "x.h5"
    ids = [f"{n}.jpg" for n in range(9)]
    PartMaps(ids, labels, np.ones((9, 7), bool), labels[::-1], {"box": 9}).save(path)
    with PartMaps.open(path) as maps:
        assert maps.labels.shape == labels.shape
        for index in (4, slice(2, 5), np.array([0, 3, 8]), np.array([], int)):
            np.testing.assert_array_equal(maps.labels[index], labels[index])
        np.testing.assert_array_equal(list(maps.truth), labels[::-1])
        with h5py.File(path, locking=False) as file:
            chunk = file["part_maps"].id.get_chunk_info(5)
        with path.open("r+b") as stream:  # damage while it is in use
            stream.seek(chunk.byte_offset)
            stream.write(bytes(chunk.size))
        np.testing.assert_array_equal(maps.labels[4], labels[4])
        with pytest.raises(UserError, match=r"x\.h5 .*cues stage"):
            maps.labels[5]


def test_a_missing_or_broken_part_map_file_is_named(tmp_path):
    (tmp_path / "cut.h5").write_bytes(b"no")
    for name in ("cut.h5", "absent.h5"):
        with pytest.raises(UserError, match=name):
            PartMaps.load(tmp_path / name)

import os
from pathlib import Path

import numpy as np
import pytest

from pipeline.cues.class_pairs import attribute_parts, class_pairs
from pipeline.cues.part_maps import visible_parts
from pipeline.runtime.errors import UserError

ATTRIBUTES = [
    "has_bill_shape::dagger",
    "has_crown_color::red",
    "has_back_pattern::striped",
    "has_under_tail_color::white",
    "has_leg_color::pink",
    "has_wing_shape::long-wings",
    "has_shape::long-legged-like",
    "has_primary_color::red",
]


def _write(root: Path, percent: list[list[float]], attributes: str = "attributes.txt") -> Path:
    (root / "attributes").mkdir(parents=True)
    lines = [f"{index} {name}\n" for index, name in enumerate(ATTRIBUTES, start=1)]
    (root / attributes).write_text("".join(lines))
    table = root / "attributes" / "class_attribute_labels_continuous.txt"
    np.savetxt(table, np.array(percent))
    return root


def test_attributes_are_mapped_by_their_group():
    assert attribute_parts(ATTRIBUTES) == [{1}, {1}, {2}, {5}, {6}, {7}, set(), set()]
    with pytest.raises(UserError, match="has_halo"):
        attribute_parts(["has_halo::gold"])


def test_pairs_differ_in_one_to_max_parts_of_attributes_seen_by_half_of_the_annotators(tmp_path):
    root = _write(
        tmp_path / "birds",
        [
            [50, 90, 0, 0, 0, 0, 0, 0],
            [49.9, 0, 0, 0, 0, 0, 99, 99],  # against 1: head by two attributes; others: no part
            [49.9, 0, 0, 0, 0, 0, 0, 0],  # against 2: no part
            [60, 60, 60, 60, 60, 60, 0, 0],  # against 1: back, tail, leg, wing
            [60, 60, 0, 60, 60, 60, 0, 0],  # against 4: back; against 1: tail, leg, wing
        ],
    )
    pairs = class_pairs(root)
    found = list(zip(pairs["class_a"], pairs["class_b"], pairs["parts"], strict=True))
    assert found == [(1, 2, (1,)), (1, 3, (1,)), (1, 5, (5, 6, 7)), (4, 5, (2,))]
    assert list(class_pairs(root, max_parts=1)["parts"]) == [(1,), (1,), (2,)]
    # from 49.9 % on, the bill no longer differs but the crown does
    assert (1, 2) in zip(
        *class_pairs(root, threshold=49.9)[["class_a", "class_b"]].T.values, strict=True
    )
    assert len(class_pairs(root, threshold=95)) == 0


@pytest.mark.parametrize("place", ["attributes/attributes.txt", "../attributes.txt"])
def test_attribute_names_are_found_where_the_archives_keep_them(tmp_path, place):
    root = _write(tmp_path / "birds", [[60] * 8, [60] * 7 + [0], [0] + [60] * 7], place)
    assert list(class_pairs(root)["parts"]) == [(1,), (1,)]


def test_missing_or_broken_files_are_named(tmp_path):
    with pytest.raises(UserError, match=r"attributes\.txt"):
        class_pairs(tmp_path)
    root = _write(tmp_path / "birds", [[60] * 7, [0] * 7])
    with pytest.raises(UserError, match="7 columns"):
        class_pairs(root)
    (root / "attributes" / "class_attribute_labels_continuous.txt").unlink()
    with pytest.raises(UserError, match="class_attribute_labels_continuous"):
        class_pairs(root)


def test_attribute_names_in_another_encoding_are_named(tmp_path):
    root = _write(tmp_path / "birds", [[60] * 8, [0] * 8])
    path = root / "attributes.txt"
    path.write_bytes(path.read_bytes().replace(b"::", b"::\xe9", 1))
    with pytest.raises(UserError, match=r"attributes\.txt cannot be read"):
        class_pairs(root)


@pytest.mark.real_data
@pytest.mark.skipif("CALM_DATA" not in os.environ, reason="CALM_DATA is unset")
def test_the_real_annotations_give_the_papers_pairs():
    root = Path(os.environ["CALM_DATA"]) / "CUB_200_2011"
    pairs = class_pairs(root)
    number = pairs["parts"].map(len)
    assert [(number == n).sum() for n in (1, 2, 3)] == [31, 64, 96]
    parts = dict(
        zip(zip(pairs["class_a"], pairs["class_b"], strict=True), pairs["parts"], strict=True)
    )
    assert parts[23, 30] == (1, 7)  # Brandt Cormorant, Fish Crow
    assert sum(found == (1,) for found in parts.values()) == 27
    every = class_pairs(root, max_parts=7)
    listed = set(zip(every["class_a"], every["class_b"], strict=True))
    absent = {(a, b) for a in range(1, 201) for b in range(a + 1, 201)} - listed
    assert absent == {(29, 107)}
    # 11 039 combinations of a test image and a pair, 20 of them without a visible differing part
    label = np.loadtxt(root / "image_class_labels.txt", dtype=int)[:, 1]
    test = np.loadtxt(root / "train_test_split.txt", dtype=int)[:, 1] == 0
    locations = np.loadtxt(root / "parts" / "part_locs.txt")[:, 2:].reshape(-1, 15, 3)
    shown = np.array([visible_parts(keypoints) for keypoints in locations])
    images, combinations, skipped = set(), 0, 0
    for pair in pairs.itertuples():
        rows = np.flatnonzero(test & ((label == pair.class_a) | (label == pair.class_b)))
        images.update(rows)
        combinations += len(rows)
        skipped += (~shown[rows][:, np.array(pair.parts) - 1].any(axis=1)).sum()
    assert len(set(pairs["class_a"]) | set(pairs["class_b"])) == 89
    assert (len(images), combinations, skipped) == (2579, 11039, 20)
    names = (root / "attributes.txt").read_text().split("\n")[:312]
    assert sum(not found for found in attribute_parts(n.split()[1] for n in names)) == 64

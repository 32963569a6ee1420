import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pipeline.artefacts.files import read_json
from pipeline.artefacts.pairs import read_pairs
from pipeline.artefacts.part_maps import PartMaps
from pipeline.artefacts.records import write_records
from pipeline.cues.__main__ import run
from pipeline.runtime.errors import UserError

# four classes: 1 and 2 differ in the back, 3 from both in the tail too, 4 in seven parts
ATTRIBUTES = ["back_color", "tail_shape", "crown_color", "leg_color", "wing_color", "belly_color"]
PERCENT = [[0, 0, 0, 0, 0, 0], [90, 0, 0, 0, 0, 0], [0, 90, 0, 0, 0, 0], [0, 0, 90, 90, 90, 90]]
BACK, TAIL = 0, 13  # keypoints
SIZE = 8


@pytest.fixture
def folder(tmp_path):
    """Classes 1 to 3 with an image each, 40 x 20: the back left, the tail right."""
    root = tmp_path / "birds"
    (root / "attributes").mkdir(parents=True)
    names = [f"{index} has_{name}::x\n" for index, name in enumerate(ATTRIBUTES, start=1)]
    (root / "attributes.txt").write_text("".join(names))
    np.savetxt(root / "attributes" / "class_attribute_labels_continuous.txt", PERCENT)
    records = []
    for label, class_id in enumerate((1, 2, 3)):
        keypoints = np.zeros((15, 3))
        keypoints[BACK] = 5, 10, 1
        keypoints[TAIL] = 35, 10, label != 2  # class 3 hides the tail
        records.append(
            {
                "image_id": f"{label}.jpg",
                "path": "",
                "class_id": class_id,
                "label": label,
                "width": 40,
                "height": 20,
                "boxes": [0.0, 0.0, 40.0, 10.0],
                "segmentation": "",
                "masks": [],
                "ignore": "",
                "keypoints": keypoints.ravel(),
                "true_parts": "",
            }
        )
    records = pd.DataFrame(records)
    classes = pd.DataFrame({"label": range(3), "class_id": [1, 2, 3], "name": ["a", "b", "c"]})
    classes.to_csv(tmp_path / "classes.csv", index=False)
    return tmp_path, records


def _run(folder, records, *options, **section):
    write_records(folder / "test.parquet", records)
    inputs = {"root": "birds", "records": "test.parquet", "classes": "classes.csv"}
    outputs = {"pairs-out": "pairs.csv", "maps-out": "part_maps.h5", "check-out": "check.json"}
    files = [f"--{name}={folder / file}" for name, file in (inputs | outputs).items()]
    run([f"--section={json.dumps(section)}", *files, f"--size={SIZE}", *options])
    maps = PartMaps.load(folder / "part_maps.h5")
    return (
        read_pairs(folder / "pairs.csv"),
        maps,
        read_json(folder / "check.json"),
    )


def test_pairs_part_maps_and_check_of_a_small_data_set(folder):
    pairs, maps, check = _run(*folder)
    assert pairs.to_dict("records") == [
        {"class_a": 1, "class_b": 2, "label_a": 0, "label_b": 1, "parts": (2,), "n_parts": 1},
        {"class_a": 1, "class_b": 3, "label_a": 0, "label_b": 2, "parts": (5,), "n_parts": 1},
        {"class_a": 2, "class_b": 3, "label_a": 1, "label_b": 2, "parts": (2, 5), "n_parts": 2},
    ]
    assert (folder[0] / "pairs.csv").read_text().splitlines()[3] == "2,3,1,2,2;5,2"
    expected = np.zeros((SIZE, SIZE), np.uint8)
    expected[:4, :5], expected[:4, 5:] = 2, 5  # in the box; the middle column to the lowest part
    np.testing.assert_array_equal(maps.labels[0], expected)
    np.testing.assert_array_equal(maps.labels[2], np.where(expected, 2, 0))
    assert maps.visible.sum(axis=1).tolist() == [2, 2, 1]
    assert maps.truth is None
    assert check == {
        "pairs": {"1": 2, "2": 1},
        "images": 3,
        "images_without_visible_part": 0,
        "image_pairs": {"1": 3, "2": 2},
        "image_pairs_skipped": {"1": 1, "2": 0},
        "foreground": {"box": 3},
    }


def test_only_pairs_of_selected_classes_and_their_images_are_kept(folder):
    path, records = folder
    records = pd.concat([records, records.iloc[:1].assign(image_id="x.jpg", class_id=4, label=3)])
    classes = pd.DataFrame({"label": [0, 1, 3], "class_id": [1, 2, 4], "name": ["a", "b", "d"]})
    classes.to_csv(path / "classes.csv", index=False)
    pairs, maps, _ = _run(path, records)
    assert list(zip(pairs["class_a"], pairs["class_b"], strict=True)) == [(1, 2)]
    assert maps.image_ids == ["0.jpg", "1.jpg"]
    classes.iloc[1:].to_csv(path / "classes.csv", index=False)
    with pytest.raises(UserError, match="max_parts"):
        _run(path, records)
    pairs, _, _ = _run(path, records, max_parts=5)
    assert list(pairs["n_parts"]) == [5]


def test_foreground_is_the_segmentation_then_the_box_then_everything(folder):
    path, records = folder
    mask = np.zeros((20, 40), np.uint8)
    mask[:, :20] = 51
    Image.fromarray(mask).save(path / "mask.png")
    records.at[0, "segmentation"] = str(path / "mask.png")
    records.at[2, "boxes"] = []
    _, maps, check = _run(path, records)
    assert check["foreground"] == {"segmentation": 1, "box": 1, "none": 1} == maps.foreground
    areas = (maps.labels > 0).mean(axis=(1, 2))
    assert areas.tolist() == [0.5, 0.5, 1.0]
    assert (maps.labels[0][:, :4] == 2).all()
    _, maps, check = _run(path, records, foreground="none")
    assert check["foreground"] == {"none": 3}
    assert maps.labels.all()
    for kind, image in (("segmentation", "1"), ("box", "2")):
        with pytest.raises(UserError, match=rf"{image}\.jpg has no {kind}"):
            _run(path, records, foreground=kind)


def test_a_bicubic_segmentation_is_resized_in_grey_levels(folder):
    path, records = folder
    mask = np.zeros((20, 40), np.uint8)
    mask[4:17, 3:22] = np.arange(51, 70)  # of CUB's grey levels, one for each annotator
    Image.fromarray(mask).save(path / "mask.png")
    records["segmentation"] = str(path / "mask.png")
    _, nearest, _ = _run(path, records)
    _, found, _ = _run(path, records, segmentation_resize="bicubic")
    resized = Image.open(path / "mask.png").resize((SIZE, SIZE), Image.BICUBIC)
    np.testing.assert_array_equal(found.labels[0] > 0, np.asarray(resized) > 0)
    assert (found.labels[0] > 0).sum() > (nearest.labels[0] > 0).sum()


def test_estimated_masks_are_compared_with_the_true_parts(folder):
    path, records = folder
    truth = np.zeros((20, 40), np.uint8)
    truth[:10, :10], truth[:10, 10:30] = 2, 5
    Image.fromarray(truth).save(path / "truth.png")
    records["true_parts"] = str(path / "truth.png")
    _, maps, check = _run(path, records)
    resized = np.zeros((SIZE, SIZE), np.uint8)
    resized[:4, :2], resized[:4, 2:6] = 2, 5
    np.testing.assert_array_equal(maps.truth, [resized] * 3)
    ious = {1: [], 2: []}
    for parts, images in (((2,), (0, 1)), ((5,), (0,)), ((2, 5), (1, 2))):
        for image in images:
            estimated, known = np.isin(maps.labels[image], parts), np.isin(resized, parts)
            ious[len(parts)].append((estimated & known).sum() / (estimated | known).sum())
    assert check["iou"] == {
        str(number): {"mean": pytest.approx(np.mean(found)), "image_pairs": len(found)}
        for number, found in ious.items()
    }


def test_the_maps_are_of_the_stored_square(folder):
    path, records = folder
    mask, truth = np.zeros((20, 40), np.uint8), np.zeros((20, 40), np.uint8)
    mask[:, 5:35], truth[5:, 15:25] = 1, 5
    Image.fromarray(mask).save(path / "mask.png")
    Image.fromarray(truth).save(path / "truth.png")
    records.at[0, "segmentation"] = str(path / "mask.png")
    records["true_parts"] = str(path / "truth.png")
    records.at[1, "boxes"] = [0.0, 5.0, 15.0, 40.0, 31.0, 0.0, 40.0, 20.0]
    keypoints = records.at[0, "keypoints"].reshape(15, 3)
    keypoints[[BACK, TAIL], 0] = 12, 28  # the others lie outside columns 10 to 30
    keypoints = records.at[1, "keypoints"].reshape(15, 3)
    keypoints[BACK, 0] = 10
    _, maps, check = _run(path, records, "--resize=short_side")
    assert maps.visible[:, [1, 4]].tolist() == [[True, True], [True, False], [False, False]]
    np.testing.assert_array_equal(maps.labels[0], [[2] * 5 + [5] * 3] * SIZE)  # equal at 4: the 2
    expected = np.zeros((SIZE, SIZE), np.uint8)
    expected[2:, :2] = 2
    np.testing.assert_array_equal(maps.labels[1], expected)
    assert not maps.labels[2].any()
    assert check["images_without_visible_part"] == 1
    cut = Image.fromarray(truth).crop((10, 0, 30, 20)).resize((SIZE, SIZE), Image.NEAREST)
    np.testing.assert_array_equal(maps.truth, [np.asarray(cut)] * 3)


def test_an_image_without_keypoints_is_named(folder):
    path, records = folder
    records.at[1, "keypoints"] = np.zeros(0)
    with pytest.raises(UserError, match=r"1\.jpg has no keypoints"):
        _run(path, records)


def test_keypoints_are_truncated_on_request(folder):
    path, records = folder
    for row in range(3):
        keypoints = records.at[row, "keypoints"].reshape(15, 3)
        keypoints[BACK, 0], keypoints[TAIL, 0] = 9.9, 24.5  # 1.98 and 4.9 on the map
    _, maps, _ = _run(path, records)
    assert maps.labels[0, 0].tolist() == [2, 2, 2, 2, 5, 5, 5, 5]  # they meet at 3.44
    _, maps, _ = _run(path, records, truncate_keypoints=True)
    assert maps.labels[0, 0].tolist() == [2, 2, 2, 5, 5, 5, 5, 5]  # 1 and 4: at 2.5

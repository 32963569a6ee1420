import os
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from tiny_wsol import SPLITS, mask, masks_for_test, picture, tiny_wsol, write_list

from pipeline.artefacts.records import SCHEMA, read_records, write_records
from pipeline.datasets.check import Problems
from pipeline.datasets.wsol import read as read_wsol
from pipeline.datasets.wsol_lists import read_split
from pipeline.runtime.errors import UserError
from pipeline.settings import Records


@pytest.fixture
def data(tmp_path):
    return tiny_wsol(tmp_path)


def read(data, **section):
    root, metadata = data
    return read_wsol(root, Records(layout="wsol", metadata=str(metadata), **section))


def message(data, **section):
    with pytest.raises(UserError) as error:
        read(data, **section)
    return str(error.value)


def replace_line(path, number, line):
    """Line ``number`` (from 1) becomes ``line``."""
    lines = path.read_text().splitlines()
    lines[number - 1] = line
    path.write_text("\n".join(lines))


def test_lists_become_records(data, tmp_path):
    records, classes, summary = read(data)
    assert records.image_id.tolist() == [name for names in SPLITS.values() for name in names]
    assert records.split.tolist() == ["train", "train", "val", "test", "test"]
    assert records.class_id.tolist() == [1, 2, 1, 1, 2]
    assert records.label.tolist() == [0, 1, 0, 0, 1]
    assert classes.to_dict("list") == {"label": [0, 1], "class_id": [1, 2], "name": ["ant", "bee"]}
    assert list(records.boxes[3]) == [2, 3, 20, 25, 5, 5, 39, 29]
    assert list(records.boxes[4]) == [5, 5, 39, 29]
    assert list(records.boxes[0]) == []
    assert records.path[3] == str(data[0] / "test/ant/4.jpg")
    assert (records.width[3], records.height[3]) == (40, 30)
    assert summary["images"] == {"train": 2, "val": 1, "test": 2}
    assert summary["without_boxes"] == 2
    assert summary["splits_without_images"] == {}
    assert summary["images_of_another_size"] == 0
    write_records(tmp_path / "r.parquet", records)
    assert list(read_records(tmp_path / "r.parquet").columns) == SCHEMA.names


def test_masks_of_instances_and_to_ignore(data):
    masks_for_test(*data)
    root, _ = data
    records, _, summary = read(data)
    four = root / "test/ant/4"
    assert records.masks[3] == [f"{four}_a.png", f"{four}_b.png"]
    assert records.ignore[3] == f"{four}_ignore.png"
    assert records.masks[4] == [str(root / "test/bee/5_a.png")]
    assert records.ignore[4] == ""
    assert records.masks[2] == []
    assert list(records.boxes[3]) == []
    assert (summary["masks"], summary["ignore_masks"], summary["without_masks"]) == (3, 1, 3)
    assert summary["masks_without_foreground"] == {"count": 0, "first": []}


def test_masks_may_lie_elsewhere(data, tmp_path):
    masks_for_test(data[0], data[1])
    for path in sorted(data[0].rglob("*.png")):
        target = tmp_path / "masks" / path.relative_to(data[0])
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
    records, _, _ = read(data, masks=str(tmp_path / "masks"))
    assert records.masks[4] == [str(tmp_path / "masks/test/bee/5_a.png")]
    text = message(data)
    assert "4 x mask is missing" in text
    assert "set `records: {masks: ...}`" in text


def test_strange_masks_are_counted_and_do_not_stop(data):
    masks_for_test(*data)
    root, _ = data
    mask(root / "test/ant/4_a.png", (0, 0, 8, 8), size=(80, 60))  # twice the image
    mask(root / "test/ant/4_b.png", (0, 0, 8, 8), size=(30, 40))  # turned
    mask(root / "test/bee/5_a.png", None, mode="RGBA")  # opaque, but black
    _, _, summary = read(data)
    assert summary["masks_of_another_size"] == 2
    assert summary["masks_of_another_shape"] == 1
    empty = str(root / "test/bee/5_a.png")
    assert summary["masks_without_foreground"] == {"count": 1, "first": [empty]}


def test_boxes_follow_images_that_are_stored_at_another_size(data):
    root, _ = data
    picture(root / "test/ant/4.jpg", (80, 60))
    picture(root / "test/bee/5.jpg", (40, 40))
    records, _, summary = read(data)
    assert list(records.boxes[3]) == [4, 6, 40, 50, 10, 10, 78, 58]
    np.testing.assert_allclose(records.boxes[4], [5, 5 * 4 / 3, 39, 29 * 4 / 3])
    assert summary["images_of_another_size"] == 2
    assert summary["images_of_another_shape"] == 1


def test_without_sizes_boxes_are_in_pixels_of_the_image(data):
    (data[1] / "test/image_sizes.txt").unlink()
    records, _, summary = read(data)
    assert list(records.boxes[4]) == [5, 5, 39, 29]
    assert summary["images_of_another_size"] == 0


def test_val_comes_from_its_list_and_else_from_the_training_images(data):
    root, metadata = data
    for number in range(10):
        picture(root / f"train/ant/more{number}.jpg")
    names = SPLITS["train"] + [f"train/ant/more{number}.jpg" for number in range(10)]
    write_list(metadata / "train/image_ids.txt", names)
    labels = [f"{name},{int('bee' in name)}" for name in names]
    write_list(metadata / "train/class_labels.txt", labels)
    assert read(data, val_fraction=0.4)[2]["images"] == {"train": 12, "val": 1, "test": 2}
    shutil.rmtree(metadata / "val")
    assert read(data, val_fraction=0.4)[2]["images"] == {"train": 8, "val": 4, "test": 2}
    section = {"val_fraction": 0.4, "train_per_class": 4}
    assert read(data, **section)[2]["images"] == {"train": 3, "val": 2, "test": 2}


@pytest.mark.parametrize("gone", ["images", "lists"])
def test_train_may_be_missing_altogether(data, gone):
    shutil.rmtree(data[0] / "train" if gone == "images" else data[1] / "train")
    records, classes, summary = read(data)
    assert summary["images"] == {"train": 0, "val": 1, "test": 2}
    assert summary["splits_without_images"] == ({"train": 2} if gone == "images" else {})
    assert len(classes) == 2
    assert records.image_id.tolist() == SPLITS["val"] + SPLITS["test"]


def test_test_may_not_be_missing(data):
    shutil.rmtree(data[0] / "test")
    assert "2 x image is missing" in message(data)


def test_a_class_without_training_images_where_others_have_some(data):
    metadata = data[1]
    write_list(metadata / "train/image_ids.txt", SPLITS["train"][:1])
    write_list(metadata / "train/class_labels.txt", ["train/ant/1.jpg,0"])
    assert "1 x class has no train image:\n  bee" in message(data)
    assert read(data, classes="1")[2]["images"] == {"train": 1, "val": 1, "test": 1}


def test_missing_folders_and_lists_are_named_together(data, tmp_path):
    text = message((tmp_path / "nowhere", tmp_path / "nolists"))
    assert f"{tmp_path / 'nowhere'} does not exist" in text
    assert f"{tmp_path / 'nolists/test/image_ids.txt'}: lines" in text
    (data[1] / "val/class_labels.txt").unlink()
    assert f"{data[1] / 'val/class_labels.txt'}: lines '<image id>,<label, from 0>'" in message(
        data
    )


@pytest.mark.parametrize(
    ("name", "line", "expected"),
    [
        ("class_labels.txt", "test/ant/4.jpg", "malformed line"),
        ("class_labels.txt", "test/ant/4.jpg,one", "malformed line"),
        ("class_labels.txt", "test/ant/4.jpg,-1", "label is not within 0-1"),
        ("class_labels.txt", "test/ant/4.jpg,7", "label is not within 0-1"),
        ("class_labels.txt", "other.jpg,0", "id is not in image_ids.txt"),
        ("class_labels.txt", "test/bee/5.jpg,1", "id occurs twice"),
        ("image_ids.txt", "test/bee/5.jpg", "image is listed twice"),
        ("image_sizes.txt", "test/ant/4.jpg,40", "malformed line"),
        ("image_sizes.txt", "test/ant/4.jpg,0,30", "listed size is not positive"),
        ("image_sizes.txt", "other.jpg,40,30", "id has no line"),
        ("localization.txt", "test/ant/4.jpg,1,2,3", "malformed line"),
        ("localization.txt", "test/ant/4.jpg,1,2,inf,9", "malformed line"),
        ("localization.txt", "other.jpg,1,2,3,4", "id is not in image_ids.txt"),
        ("localization.txt", "test/ant/4.jpg,9,9,9,20", "box is empty or leaves its image"),
        ("localization.txt", "test/ant/4.jpg,9,9,45,20", "box is empty or leaves its image"),
    ],
)
def test_wrong_lines_are_told(data, name, line, expected):
    replace_line(data[1] / "test" / name, 1, line)
    assert expected in message(data)


def test_an_image_of_two_splits_is_told(data):
    for name, line in (("image_ids", "val/ant/3.jpg"), ("class_labels", "val/ant/3.jpg,0")):
        replace_line(data[1] / f"test/{name}.txt", 1, line)
    assert "1 x image is listed twice:\n  val/ant/3.jpg" in message(data)


def test_broken_masks_and_images_are_told_in_one_message(data):
    masks_for_test(*data)
    root, metadata = data
    (root / "test/ant/4_a.png").unlink()
    path = root / "test/ant/4_b.png"
    path.write_bytes(path.read_bytes()[:40])
    (root / "test/bee/5.jpg").write_text("no image")
    with (metadata / "test/localization.txt").open("a") as stream:
        stream.write("\ntest/ant/4.jpg,test/ant/4_a.png,test/bee/5_a.png")
    text = message(data)
    assert f"2 x mask is missing:\n  {root / 'test/ant/4_a.png'}" in text
    assert f"1 x mask cannot be read; copy or save it again:\n  {path} (" in text
    assert (
        f"1 x image cannot be decoded; copy it again, or take it out of the lists:\n  {root}"
        in text
    )
    assert "1 x image has several ignore masks" in text


def test_an_empty_list_is_told(data):
    for name in ("image_ids.txt", "class_labels.txt", "image_sizes.txt", "localization.txt"):
        (data[1] / "test" / name).write_text("")
    assert f"1 x list is empty:\n  {data[1] / 'test/image_ids.txt'}" in message(data)


def test_training_images_of_imagenet_are_found_in_their_folders(tmp_path):
    """Two images of class 3 and one of class 1; the lists name test images alone."""
    root, metadata = tmp_path / "ILSVRC", tmp_path / "lists"
    for name in ("n01484850/b.JPEG", "n01484850/a.JPEG", "n01440764/c.JPEG", "n01440764/x.txt"):
        picture(root / "train" / name.replace(".txt", ".png"))
    ids = [f"val/ILSVRC2012_val_0000000{number}.JPEG" for number in (1, 2)]
    for name in ids:
        picture(root / name)
    write_list(metadata / "test/image_ids.txt", ids)
    write_list(metadata / "test/class_labels.txt", [f"{ids[0]},2", f"{ids[1]},0"])
    data = (root, metadata)
    records, classes, _ = read(data, classes="1,3", val_fraction=0)
    assert records.image_id.tolist() == [
        "train/n01440764/c.JPEG",
        "train/n01484850/a.JPEG",
        "train/n01484850/b.JPEG",
        *ids,
    ]
    assert records.class_id.tolist() == [1, 3, 3, 3, 1]
    assert records.label.tolist() == [0, 1, 1, 1, 0]
    assert classes.name.tolist() == ["n01440764 tench", "n01484850 great_white_shark"]
    assert "997 x class has no test image" not in message(data)
    assert "998 x class has no test image" in message(data)
    strange = os.fsencode(root / "train/n01440764") + b"/\xe9.JPEG"
    os.link(root / "train/n01440764/c.JPEG", strange)
    assert "1 x name is not UTF-8" in message(data)
    os.unlink(strange)
    shutil.rmtree(root / "train")
    assert read(data, classes="1,3")[2]["images"] == {"train": 0, "val": 0, "test": 2}


def test_images_without_class_folders_have_numbered_classes(tmp_path):
    root, metadata = tiny_wsol(tmp_path)
    names = ["x.jpg", "y.jpg"]
    for name in names:
        picture(root / name)
    shutil.rmtree(metadata)
    write_list(metadata / "test/image_ids.txt", names)
    write_list(metadata / "test/class_labels.txt", ["x.jpg,1", "y.jpg,0"])
    assert read((root, metadata))[1].name.tolist() == ["1", "2"]


def test_the_lists_are_asked_for_and_refused_elsewhere():
    with pytest.raises(ValueError, match="needs `metadata`"):
        Records(layout="wsol")
    with pytest.raises(ValueError, match="for layout wsol alone"):
        Records(layout="folder", metadata="lists")
    with pytest.raises(ValueError, match="for layouts wsol and folder"):
        Records(layout="cub", masks="masks")
    with pytest.raises(ValueError, match="for layout folder alone"):
        Records(layout="cub", boxes="boxes.csv")


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "split", "images", "classes", "boxes", "masks"),
    [
        ("ILSVRC", "val", 10_000, 1000, 18_532, 0),
        ("ILSVRC", "test", 50_000, 1000, 80_477, 0),
        ("OpenImages", "train", 29_819, 100, 0, 0),
        ("OpenImages", "val", 2_500, 100, 0, 3_854),
        ("OpenImages", "test", 5_000, 100, 0, 7_632),
        ("CUB", "train", 5_994, 200, 5_994, 0),
        ("CUB", "val", 1_000, 200, 1_000, 0),
        ("CUB", "test", 5_794, 200, 5_794, 0),
    ],
)
def test_the_benchmarks_own_lists(calm_data, name, split, images, classes, boxes, masks):
    problems = Problems()
    folder = calm_data / "wsol_metadata" / name / split
    rows = read_split(folder, calm_data, problems)
    assert problems == Problems()
    assert len(rows) == images
    assert sorted(rows["label"].unique()) == list(range(classes))
    assert rows["boxes"].map(len).sum() == 4 * boxes
    assert rows["masks"].map(len).sum() == masks
    has_object = rows["boxes"].map(len) + rows["masks"].map(len) > 0
    assert has_object.all() or (name, split) == ("OpenImages", "train")
    assert (rows["ignore"] != "").all() == (masks > 0)
    if boxes:  # inside images of the listed size, at most on the last pixel
        flat = pd.DataFrame(
            [
                (*box, row.listed_width, row.listed_height)
                for row in rows.itertuples()
                for box in np.reshape(row.boxes, (-1, 4))
            ],
            columns=["x0", "y0", "x1", "y1", "width", "height"],
        )
        assert (flat.x0 >= 0).all()
        assert (flat.y0 >= 0).all()
        assert (flat.x1 < flat.width).all()
        assert (flat.y1 < flat.height).all()
    else:
        assert rows["listed_width"].isna().all()


@pytest.mark.real_data
def test_masks_of_open_images_are_read_beside_stand_ins_for_the_photographs(calm_data, tmp_path):
    """The shipped masks of five val images, here as the test split of two classes."""
    folder = calm_data / "openimages_masks" / "test_masks"
    stems = {path.name.split("_")[0] for path in folder.rglob("*.png")}
    assert len(stems) == 5
    lists = calm_data / "wsol_metadata" / "OpenImages" / "val"
    labels = {"0bt_c3": 0, "0by6g": 1}
    places = [
        line
        for line in (lists / "localization.txt").read_text().splitlines()
        if line.split(",")[0].rsplit("/", 1)[1].removesuffix(".jpg") in stems
    ]
    names = list(dict.fromkeys(line.split(",")[0] for line in places))
    for name in names:
        with Image.open(folder / next(p for p in places if name in p).split(",")[1]) as opened:
            picture(tmp_path / "images" / name, tuple(side // 2 for side in opened.size))
    metadata = tmp_path / "lists"
    write_list(metadata / "test/image_ids.txt", names)
    write_list(
        metadata / "test/class_labels.txt",
        [f"{name},{labels[name.split('/')[1]]}" for name in names],
    )
    write_list(metadata / "test/localization.txt", places)
    section = Records(layout="wsol", metadata=str(metadata), masks=str(folder))
    records, classes, summary = read_wsol(tmp_path / "images", section)
    assert classes.name.tolist() == ["0bt_c3", "0by6g"]
    assert sorted(records.masks.map(len)) == [1, 1, 1, 1, 2]
    used = {path for masks in records.masks for path in masks} | set(records.ignore)
    assert used == {str(path) for path in folder.rglob("*.png")}
    assert len(used) == 11
    assert (summary["masks"], summary["ignore_masks"], summary["without_masks"]) == (6, 5, 0)
    # this mask is black throughout, and opaque
    empty = [str(folder / "val/0by6g/490365f63135f3e0_m0by6g_4f9ded4f.png")]
    assert summary["masks_without_foreground"] == {"count": 1, "first": empty}
    assert summary["masks_of_another_size"] == 11
    assert summary["masks_of_another_shape"] == 0

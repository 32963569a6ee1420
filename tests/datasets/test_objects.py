"""Boxes and masks of a folder of images, named by the config."""

import json
from pathlib import Path

import pytest
from tiny_wsol import mask, picture

from pipeline.datasets.folder import read as read_folder
from pipeline.images.label_maps import read_mask
from pipeline.runtime.errors import UserError
from pipeline.settings import Records

IMAGES = ("train/ape/1.jpg", "train/zebra/2.jpg", "test/ape/3.jpg", "test/zebra/4.jpg")
SQUARE = [[5, 5, 15, 5, 15, 20, 5, 20]]


@pytest.fixture
def root(tmp_path):
    for name in IMAGES:
        picture(tmp_path / "own" / name)  # 40 x 30 pixels
    return tmp_path / "own"


def coco(folder, *annotations, images=None, **keys):
    """Write a COCO file of the test images; annotations are (image, category, more keys)."""
    listed = images or [
        {"id": 10 + number, "file_name": name, "width": 40, "height": 30}
        for number, name in enumerate(IMAGES[2:])
    ]
    content = {
        "images": listed,
        "categories": [{"id": 1, "name": "ape"}, {"id": 2, "name": "thing"}],
        "annotations": [
            {"id": number, "image_id": image, "category_id": category, **more}
            for number, (image, category, more) in enumerate(annotations)
        ],
    }
    path = folder / "annotations.json"
    path.write_text(json.dumps(content | keys))
    return str(path)


def read(root, **section):
    section = Records(layout="folder", val_fraction=0, **section)
    records, _, summary = read_folder(root, section)
    return records.set_index("image_id"), summary


def message(root, **section):
    with pytest.raises(UserError) as error:
        read(root, **section)
    return str(error.value)


def test_boxes_of_the_image_s_class_or_of_no_class(root, tmp_path):
    path = coco(
        tmp_path,
        (10, 1, {"bbox": [1, 2, 10, 20]}),  # an ape on the ape
        (10, 2, {"bbox": [0, 0, 5, 5.5]}),
        (11, 1, {"bbox": [0, 0, 9, 9]}),  # an ape on the zebra
        (11, 2, {"bbox": [3, 3, 4, 4], "iscrowd": 1}),
    )
    records, summary = read(root, boxes=path)
    assert list(records.boxes["test/ape/3.jpg"]) == [1, 2, 11, 22, 0, 0, 5, 5.5]
    assert list(records.boxes["test/zebra/4.jpg"]) == []
    assert summary["skipped"]["boxes_annotations_of_other_classes"] == 1
    assert summary["skipped"]["boxes_crowds"] == 1


def test_images_may_be_named_by_the_end_of_their_path(root, tmp_path):
    images = [{"id": 1, "file_name": "3.jpg", "width": 40, "height": 30}]
    path = coco(tmp_path, (1, 2, {"bbox": [1, 1, 2, 2]}), images=images)
    assert list(read(root, boxes=path)[0].boxes["test/ape/3.jpg"]) == [1, 1, 3, 3]
    picture(root / "train/ape/3.jpg")
    assert "may be several; write its path:\n  3.jpg" in message(root, boxes=path)


def test_masks_are_drawn_where_they_are_read(root, tmp_path):
    runs = {"size": [30, 40], "counts": [0, 60, 1140]}  # the first two columns
    path = coco(tmp_path, (10, 2, {"segmentation": SQUARE}), (11, 2, {"segmentation": runs}))
    records, summary = read(root, masks=path)
    (polygon,), (columns,) = records.masks["test/ape/3.jpg"], records.masks["test/zebra/4.jpg"]
    drawn = read_mask(polygon)
    assert drawn.shape == (30, 40)
    assert drawn[5:20, 5:15].all()
    assert drawn.sum() == 150
    assert read_mask(polygon, (20, 15)).shape == (15, 20)
    assert read_mask(columns).sum() == 60
    assert summary["masks"] == 2
    assert summary["masks_of_another_size"] == 0


def test_the_suffix_of_a_coco_file_may_have_capitals(root, tmp_path):
    path = Path(coco(tmp_path, (10, 2, {"segmentation": SQUARE, "bbox": [5, 5, 10, 15]})))
    path = str(path.rename(path.with_suffix(".JSON")))
    records, _ = read(root, boxes=path, masks=path)
    assert list(records.boxes["test/ape/3.jpg"]) == [5, 5, 15, 20]
    assert read_mask(records.masks["test/ape/3.jpg"][0]).sum() == 150


def test_a_class_may_be_called_as_a_coco_file(tmp_path):
    name = "test/b.json#1/2.jpg"
    picture(tmp_path / "own" / name)
    mask(tmp_path / "own/masks" / name.replace("jpg", "png"), (1, 1, 5, 5))
    records, _ = read(tmp_path / "own")
    assert read_mask(records.masks[name][0]).sum() == 16


def test_a_folder_of_masks_elsewhere(root, tmp_path):
    mask(tmp_path / "drawn/test/ape/3.png", (1, 1, 5, 5))
    records, _ = read(root, masks=str(tmp_path / "drawn"))
    assert records.masks["test/ape/3.jpg"] == [str(tmp_path / "drawn/test/ape/3.png")]
    mask(tmp_path / "drawn/test/ape/33.png", (1, 1, 5, 5))
    assert "1 x mask belongs to no image" in message(root, masks=str(tmp_path / "drawn"))


def test_everything_that_is_wrong_comes_in_one_message(root, tmp_path):
    (tmp_path / "boxes.csv").write_text(
        "image_id,x0,y0,x1,y1\n"
        "test/ape/none.jpg,1,1,2,2\n"
        "test/ape/3.jpg,5,5,5,9\n"
        "test/zebra/4.jpg,5,5,50,9\n"
    )
    path = coco(
        tmp_path,
        (10, 2, {"segmentation": [[5, 5, 9, 5, 7, 5]]}),
        (10, 2, {"segmentation": [[5, 5, 9, 5, 7, 60]]}),
        (10, 2, {}),
        (99, 2, {"segmentation": SQUARE}),
        images=[
            {"id": 10, "file_name": "test/ape/3.jpg", "width": 40, "height": 30},
            {"id": 11, "file_name": "test/zebra/4.jpg", "width": 80, "height": 60},
            {"id": 12, "file_name": "test/zebra/5.jpg", "width": 80, "height": 60},
        ],
    )
    text = message(root, boxes=str(tmp_path / "boxes.csv"), masks=path)
    for expected in (
        "boxes.csv names an image that is not there:\n  test/ape/none.jpg",
        "2 x box is empty or leaves its image",
        "annotations.json names an image that is not there:\n  test/zebra/5.jpg",
        "3 x mask cannot be drawn",
        "annotation 0, test/ape/3.jpg: it holds no pixel",
        "annotation 1, test/ape/3.jpg: a corner is outside the image of 40 x 30 pixels",
        "annotation refers to no image in its file",
        "test/zebra/4.jpg: 40 x 30, annotated at 80 x 60",
    ):
        assert expected in text


def test_a_bbox_must_be_four_numbers(root, tmp_path):
    for wrong in ({}, {"bbox": [1, 2, 3]}, {"bbox": [1, 2, 3, "x"]}):
        path = coco(tmp_path, (10, 2, wrong))
        assert "no bbox of four numbers" in message(root, boxes=path)


@pytest.mark.parametrize("key", ["boxes", "masks"])
def test_files_that_are_missing_or_of_another_kind(root, tmp_path, key):
    assert f"Correct `records: {{{key}: ...}}`" in message(root, **{key: str(tmp_path / "no.json")})
    assert "no list 'categories'" in message(root, **{key: coco(tmp_path, categories=1)})
    assert "annotations[0] lacks 'id'" in message(root, **{key: coco(tmp_path, annotations=[{}])})
    (tmp_path / "annotations.json").write_text("{")
    assert "not valid JSON" in message(root, **{key: str(tmp_path / "annotations.json")})

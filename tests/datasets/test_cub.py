import pandas as pd
import pytest
from PIL import Image

from pipeline.artefacts.records import SCHEMA
from pipeline.datasets.cub import read as read_cub
from pipeline.runtime.errors import UserError
from pipeline.settings import Records


def test_lists_become_records(drawn):
    records, classes, summary = read_cub(drawn, Records(val_fraction=0.2))
    assert set(SCHEMA.names) <= set(records.columns)
    assert summary["images"] == {"train": 16, "val": 4, "test": 8}
    assert classes.class_id.tolist() == [1, 2, 3, 4]
    assert classes.label.tolist() == [0, 1, 2, 3]
    assert classes.name[1] == "002.Family_1_Synthbird_2"
    row = records.iloc[9]  # image 10
    ident, x, y, width, height = (drawn / "bounding_boxes.txt").read_text().split("\n")[9].split()
    assert ident == "10"
    assert list(row.boxes) == [
        float(x),
        float(y),
        float(x) + float(width),
        float(y) + float(height),
    ]
    assert f"10 {row.image_id}" in (drawn / "images.txt").read_text().split("\n")
    with Image.open(row.path) as image:
        assert image.size == (row.width, row.height)
    for path in (row.segmentation, row.true_parts):
        with Image.open(path) as image:
            assert image.size == (row.width, row.height)
    tail = next(
        line
        for line in (drawn / "parts" / "part_locs.txt").read_text().split("\n")
        if line.startswith("10 14 ")
    )
    assert list(row.keypoints[39:42]) == [float(value) for value in tail.split()[2:]]


def test_optional_files_may_be_missing(folder):
    for part in ("parts/part_locs.txt", "segmentations/001.Family_1_Synthbird_1"):
        (folder / part).rename(folder / "elsewhere" if part.endswith("txt") else folder / "x")
    records, _, summary = read_cub(folder, Records())
    assert summary["without_keypoints"] == 28
    assert summary["without_segmentation"] == 7
    assert records.keypoints[0] == []
    assert records.segmentation[0] == ""
    assert records.segmentation[7] != ""


def test_a_subset_of_classes_is_numbered_from_zero_and_keeps_its_val_images(drawn):
    everything, _, _ = read_cub(drawn, Records())
    some, classes, summary = read_cub(drawn, Records(classes="2,4"))
    assert classes.to_dict("list") == {
        "label": [0, 1],
        "class_id": [2, 4],
        "name": ["002.Family_1_Synthbird_2", "004.Family_1_Synthbird_4"],
    }
    assert set(zip(some.class_id, some.label, strict=True)) == {(2, 0), (4, 1)}
    assert summary["skipped"]["images_of_other_classes"] == 14
    same = everything[everything.class_id.isin([2, 4])]
    assert some.image_id.tolist() == same.image_id.tolist()
    assert some.split.tolist() == same.split.tolist()


def test_the_first_images_of_each_class_are_used(drawn):
    everything, _, _ = read_cub(drawn, Records(val_fraction=0))
    section = Records(train_per_class=4, test_per_class=1, val_fraction=0.25)
    some, _, summary = read_cub(drawn, section)
    assert summary["images"] == {"train": 12, "val": 4, "test": 4}
    assert summary["skipped"] == {
        "images_of_other_classes": 0,
        "images_beyond_the_number_per_class": 8,
    }
    used, left = some[some.split != "test"], everything[everything.split == "train"]
    for class_id in range(1, 5):
        names = left[left.class_id == class_id].image_id.tolist()
        assert used[used.class_id == class_id].image_id.tolist() == names[:4]


def test_images_beyond_the_number_need_not_be_there(folder):
    names = (folder / "images.txt").read_text().splitlines()
    (folder / "images" / names[6].split()[1]).unlink()  # the second test image of class 1
    records, _, _ = read_cub(folder, Records(test_per_class=1))
    assert len(records) == 24


def test_classes_outside_the_subset_are_not_checked(folder):
    for path in (folder / "images" / "001.Family_1_Synthbird_1").iterdir():
        path.unlink()
    records, _, _ = read_cub(folder, Records(classes="2-4"))
    assert len(records) == 21


@pytest.mark.real_data
def test_the_real_photographs_are_accepted(calm_data):
    records, classes, summary = read_cub(
        calm_data / "CUB_200_2011", Records(classes="1-50", val_fraction=0)
    )
    assert summary["images"] == {"train": 1500, "val": 0, "test": 1389}
    assert summary["grey_images"] == 2
    assert summary["skipped"]["images_of_other_classes"] == 8899
    assert classes.name[49] == "050.Eared_Grebe"

    benchmark = pd.concat(
        pd.read_csv(
            calm_data / "wsol_metadata" / "CUB" / split / "localization.txt",
            header=None,
            index_col=0,
        )
        for split in ("train", "test")
    ).loc[records.image_id]
    boxes = pd.DataFrame(records.boxes.tolist(), index=records.image_id)
    assert (boxes.to_numpy() == benchmark.to_numpy()).all()

    sizes = pd.read_csv(
        calm_data / "wsol_metadata" / "CUB" / "test" / "image_sizes.txt", header=None, index_col=0
    )
    test = records[records.split == "test"]
    assert (test[["width", "height"]].to_numpy() == sizes.loc[test.image_id].to_numpy()).all()


@pytest.mark.real_data
def test_missing_photographs_are_counted_and_the_cure_is_named(calm_data):
    with pytest.raises(UserError) as error:
        read_cub(calm_data / "CUB_200_2011", Records())
    assert "8899 x image is missing" in str(error.value)
    assert "`records: {classes: '1-50'}`" in str(error.value)
    assert str(error.value).count("\n") < 30

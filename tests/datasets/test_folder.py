import shutil

import pytest
from tiny_wsol import mask, picture

from pipeline.artefacts.records import SCHEMA
from pipeline.datasets.folder import read as read_folder
from pipeline.runtime.errors import UserError
from pipeline.settings import Records


@pytest.fixture
def root(tmp_path):
    """Two classes; two training images and one test image each."""
    for name in (
        "train/zebra/b.jpg",
        "train/zebra/a.PNG",
        "train/ape/1.jpg",
        "train/ape/2.jpg",
        "test/ape/3.jpg",
        "test/zebra/c.jpeg",
    ):
        picture(tmp_path / "own" / name)
    return tmp_path / "own"


def read(root, **section):
    return read_folder(root, Records(layout="folder", **section))


def message(root, **section):
    with pytest.raises(UserError) as error:
        read(root, **section)
    return str(error.value)


def test_folders_become_records(root):
    records, classes, summary = read(root, val_fraction=0)
    assert set(SCHEMA.names) <= set(records.columns)
    assert records.image_id.tolist() == [
        "train/ape/1.jpg",
        "train/ape/2.jpg",
        "train/zebra/a.PNG",
        "train/zebra/b.jpg",
        "test/ape/3.jpg",
        "test/zebra/c.jpeg",
    ]
    assert records.class_id.tolist() == [1, 1, 2, 2, 1, 2]
    assert records.path[0] == str(root / "train/ape/1.jpg")
    assert classes.to_dict("list") == {
        "label": [0, 1],
        "class_id": [1, 2],
        "name": ["ape", "zebra"],
    }
    assert summary["images"] == {"train": 4, "val": 0, "test": 2}
    assert (summary["without_boxes"], summary["without_masks"]) == (6, 6)


def test_val_is_held_out_or_a_folder(root):
    assert read(root, val_fraction=0.5)[2]["images"] == {"train": 2, "val": 2, "test": 2}
    picture(root / "val/ape/9.jpg")
    assert read(root, val_fraction=0.5)[2]["images"] == {"train": 4, "val": 1, "test": 2}


@pytest.mark.parametrize("split", ["train", "test"])
def test_one_of_train_and_test_may_be_missing(root, split):
    shutil.rmtree(root / split)
    expected = {"train": 4, "val": 0, "test": 2, split: 0}
    assert read(root, val_fraction=0)[2]["images"] == expected


def test_boxes_and_masks(root):
    (root / "boxes.csv").write_text(
        "image_id,x0,y0,x1,y1\ntest/ape/3.jpg,1,2,30,20\ntest/ape/3.jpg,4,4,9,9.5\n"
    )
    mask(root / "masks/test/zebra/c.png", (1, 1, 5, 5))
    records, _, summary = read(root, val_fraction=0)
    assert list(records.boxes[4]) == [1, 2, 30, 20, 4, 4, 9, 9.5]
    assert list(records.boxes[5]) == []
    assert records.masks[5] == [str(root / "masks/test/zebra/c.png")]
    assert records.masks[4] == []
    assert (summary["without_boxes"], summary["masks"]) == (5, 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("test/ape/3.jpg,1,2,30,20\n", "first line of a list is wrong"),
        ("image_id,x0,y0,x1,y1\ntest/ape/3.jpg,1,2,30\n", "line 2: 'test/ape/3.jpg,1,2,30'"),
        ("image_id,x0,y0,x1,y1\n3.jpg,1,2,30,20\n", "names an image that is not there:\n  3.jpg"),
        ("image_id,x0,y0,x1,y1\ntest/ape/3.jpg,1,2,30,90\n", "leaves its image"),
    ],
)
def test_wrong_boxes_are_told(root, text, expected):
    (root / "boxes.csv").write_text(text)
    assert expected in message(root)


def test_a_name_with_a_comma_is_in_quotes(root):
    picture(root / "test/ape/a, b.jpg")
    (root / "boxes.csv").write_text('image_id,x0,y0,x1,y1\n"test/ape/a, b.jpg",1,2,30,20\n')
    records, _, _ = read(root)
    assert list(records.set_index("image_id").boxes["test/ape/a, b.jpg"]) == [1, 2, 30, 20]


def test_files_that_are_no_images_are_counted(root):
    for name in ("train/notes.txt", "train/ape/Thumbs.db", "test/zebra/c.xml"):
        (root / name).write_text("")
    (root / "train/.checkpoints").mkdir()
    assert read(root)[2]["skipped"]["other_files"]["count"] == 3


def test_classes_without_images_and_broken_images_are_told_together(root):
    picture(root / "train/cat/1.jpg")
    (root / "train/ape/1.jpg").write_text("no image")
    text = message(root)
    assert "1 x class has no test image:\n  cat" in text
    assert "1 x image cannot be decoded" in text
    picture(root / "train/ape/1.jpg")
    assert read(root, classes="1,3")[1].name.tolist() == ["ape", "zebra"]


def test_other_folders_are_told_what_is_expected(tmp_path):
    assert "does not exist" in message(tmp_path / "nowhere")
    assert "train/CLASS/NAME.jpg" in message(tmp_path)
    (tmp_path / "test").mkdir()
    assert "There is no image" in message(tmp_path)
    shutil.rmtree(tmp_path / "test")
    picture(tmp_path / "n01440764_tench.JPEG")
    picture(tmp_path / "holiday.jpg")
    text = message(tmp_path)
    assert "1 of its 2 images, such as holiday.jpg, are not named after a class" in text
    assert "WNID_NAME.JPEG" in text


def test_samples_of_imagenet_have_the_usual_labels(tmp_path):
    picture(tmp_path / "n01484850_great_white_shark.JPEG")
    picture(tmp_path / "n01440764_tench.JPEG")
    (tmp_path / "README.md").write_text("")
    records, classes, summary = read(tmp_path)
    assert records.image_id.tolist() == [
        "n01440764_tench.JPEG",
        "n01484850_great_white_shark.JPEG",
    ]
    assert records.label.tolist() == [0, 2]
    assert records.split.tolist() == ["test", "test"]
    assert len(classes) == 1000
    assert classes.name[2] == "n01484850 great_white_shark"
    assert summary["skipped"]["other_files"]["count"] == 1


@pytest.mark.real_data
def test_the_samples_show_every_class_once(calm_data):
    records, classes, summary = read(calm_data / "imagenet" / "samples")
    assert summary["images"] == {"train": 0, "val": 0, "test": 1000}
    assert sorted(records.label) == list(range(1000))
    for row in records.itertuples():
        assert row.image_id.split("_")[0] == classes.name[row.label].split()[0]


@pytest.fixture
def unsplit(tmp_path):
    """Two classes of five images, without splits."""
    for name in ("ape", "zebra"):
        for number in range(5):
            picture(tmp_path / "plain" / name / f"{number}.jpg")
    return tmp_path / "plain"


def test_of_folders_of_classes_alone_test_images_are_drawn(unsplit):
    picture(unsplit / "ape" / "more" / "5.jpg")
    mask(unsplit / "masks" / "ape" / "0.png", (1, 1, 3, 3))
    (unsplit / "boxes.csv").write_text("image_id,x0,y0,x1,y1\nzebra/0.jpg,1,2,5,6\n")
    records, classes, summary = read(unsplit, val_fraction=0)
    assert set(records.image_id) == {
        *(f"{name}/{number}.jpg" for name in ("ape", "zebra") for number in range(5)),
        "ape/more/5.jpg",
    }
    assert classes["name"].tolist() == ["ape", "zebra"]
    assert summary["images"] == {"train": 9, "val": 0, "test": 2}
    assert summary["skipped"]["test_images_drawn"] == 2
    assert records.split.tolist() == ["train"] * 9 + ["test"] * 2
    assert records.class_id[records.split == "test"].tolist() == [1, 2]
    by_name = records.set_index("image_id")
    assert list(by_name.boxes["zebra/0.jpg"]) == [1, 2, 5, 6]
    assert len(by_name.masks["ape/0.jpg"]) == 1
    assert read(unsplit, val_fraction=0)[0].equals(records)  # drawn alike each time
    moved = read(unsplit, val_fraction=0.3, val_seed=5, test_fraction=0.4)[2]["images"]
    assert moved == {"train": 5, "val": 2, "test": 4}


@pytest.mark.parametrize(
    "images",
    [
        ("Train/ape/1.jpg", "Train/1.jpg", "Test/ape/2.jpg", "Test/2.jpg"),
        ("images/ape_1.jpg", "annotations/trimaps/ape_1.png"),
        ("ape/1.jpg", "ape/2.jpg"),
        ("val/ape/1.jpg", "ape/1.jpg", "zebra/1.jpg"),
    ],
)
def test_folders_that_only_look_like_classes_are_not_taken_for_them(tmp_path, images):
    for name in images:
        picture(tmp_path / name)
    assert "The root holds images as train/CLASS/NAME.jpg" in message(tmp_path)

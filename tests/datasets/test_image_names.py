"""Images found by what annotations call them."""

import time
from pathlib import Path

from pipeline.datasets.image_names import ImageNames

IDS = ("test/ape/1.jpg", "test/zebra/1.jpg", "test/zebra/day/2.jpg", "test/a\\b.jpg")


def names(root="data"):
    return ImageNames(IDS, Path(root))


def test_spellings_of_a_path():
    for name in (
        "test/ape/1.jpg",
        "./test/ape/1.jpg",
        "test//ape/1.jpg",
        "test\\ape\\1.jpg",
        "data/test/ape/1.jpg",
        "/home/me/data/test/ape/1.jpg",
        "C:\\Users\\me\\data\\test\\ape\\1.jpg",
    ):
        assert names().find(name) == "test/ape/1.jpg", name
    assert names().find("test/a\\b.jpg") == "test/a\\b.jpg"


def test_other_folders_and_ends_are_not_found():
    for name in ("1.jpg", "ape/1.jpg", "other/test/ape/1.jpg", "/etc/test/ape/1.jpg", "", "data"):
        assert names().find(name) is None, name


def test_ends_are_found_where_there_is_one():
    assert names().find_by_end("2.jpg") == ["test/zebra/day/2.jpg"]
    assert names().find_by_end("day\\2.jpg") == ["test/zebra/day/2.jpg"]
    assert names().find_by_end("ape/1.jpg") == ["test/ape/1.jpg"]
    assert len(names().find_by_end("1.jpg")) == 2
    assert names().find_by_end("3.jpg") == []


def test_the_root_is_known_by_its_real_name_too(tmp_path):
    (tmp_path / "birds").mkdir()
    (tmp_path / "data").symlink_to(tmp_path / "birds")
    assert names(tmp_path / "data").find(f"{tmp_path}/birds/test/ape/1.jpg") == "test/ape/1.jpg"


def test_forty_thousand_images_of_classes_that_share_file_names():
    ids = [f"train/class{n}/{place}.jpg" for n in range(400) for place in range(100)]
    start = time.process_time()
    images = ImageNames(ids, Path("data"))
    assert [images.find_by_end(name) for name in ids] == [[name] for name in ids]
    assert [images.find_by_end(name.removeprefix("train/")) for name in ids] == [[n] for n in ids]
    assert time.process_time() - start < 3  # about 1 s; comparing all of a name took 16 s

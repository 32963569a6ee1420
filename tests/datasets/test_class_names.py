"""The classes of a data set, known before its images are read, are those that its reader finds."""

import pytest
from tiny_wsol import picture, tiny_wsol

from pipeline.datasets.readers import class_names, reader_of
from pipeline.settings import Records


def folder(tmp_path, names):
    for name in names:
        for split in ("train", "test"):
            picture(tmp_path / "own" / split / name / "a.jpg")
    return tmp_path / "own"


def found(root, section):
    _, classes, _ = reader_of(section.layout).read(root, section, 1)
    return classes["name"].tolist()


@pytest.mark.parametrize(
    ("names", "keys"),
    [
        (("zebra", "ape", "Crow"), {}),
        (("zebra", "ape", "crow"), {"classes": "2-3"}),
        (("10", "9", "1"), {"classes": "9-10"}),
    ],
)
def test_of_a_folder(tmp_path, names, keys):
    root, section = folder(tmp_path, names), Records(layout="folder", **keys)
    assert class_names(str(root), section) == found(root, section)


def test_of_cub_and_of_the_benchmark(drawn, tmp_path):
    section = Records(layout="cub", classes="2-4")
    assert class_names(str(drawn), section) == found(drawn, section)
    root, metadata = tiny_wsol(tmp_path)
    section = Records(layout="wsol", metadata=str(metadata))
    assert class_names(str(root), section) == found(root, section)


def test_what_is_wrong_is_left_to_the_check(tmp_path):
    assert class_names(str(tmp_path / "nowhere"), Records(layout="folder")) is None
    assert class_names(str(tmp_path), Records(layout="cub")) is None
    root = folder(tmp_path, ["ape"])
    assert class_names(str(root), Records(layout="folder", classes="7")) is None

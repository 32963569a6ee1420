import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.artefacts.fixations import SCHEMA, read_fixations
from pipeline.artefacts.records import read_records, write_records
from pipeline.datasets import lists
from pipeline.datasets.__main__ import run
from pipeline.datasets.cub import read as read_cub
from pipeline.datasets.gaze import HEADER, read_gaze
from pipeline.runtime.errors import UserError
from pipeline.settings import Records

IMAGES = pd.DataFrame({"image_id": ["a/1.jpg", "a/2.jpg"], "width": [50, 40], "height": [30, 60]})


@pytest.fixture
def gha(tmp_path):
    """A root whose images are numbered, and a folder of two runs."""
    (tmp_path / "images.txt").write_text("1 a/1.jpg\n2 a/2.jpg\n3 b/3.jpg\n")
    (tmp_path / "gaze").mkdir()
    (tmp_path / "gaze" / "Fixation_run1.txt").write_text(
        "2,40,60,1,2,100,39,59,250\n3,9,9,1,1,1\n1,50,30,7.5,8,90\n"
    )
    (tmp_path / "gaze" / "Fixation_run2.txt").write_text("1,50,30,20,10,300\n")
    return tmp_path


def test_the_runs_of_cub_gha_become_viewers(gha):
    found = read_gaze(gha / "gaze", gha, IMAGES)
    assert list(found.columns) == SCHEMA.names
    assert list(found.itertuples(index=False, name=None)) == [
        ("a/2.jpg", "run1", 1, 2, 100),
        ("a/2.jpg", "run1", 39, 59, 250),
        ("a/1.jpg", "run1", 7.5, 8, 90),
        ("a/1.jpg", "run2", 20, 10, 300),
    ]  # image 3 is not among those asked for


def test_a_csv_file_is_for_any_layout(tmp_path):
    (tmp_path / "g.csv").write_text(f"{HEADER}\na/1.jpg,me,1,2.5,100\nz.jpg,me,1,2,3\n")
    found = read_gaze(tmp_path / "g.csv", tmp_path, IMAGES)
    assert found.to_dict("list") == {
        "image_id": ["a/1.jpg"], "viewer": ["me"], "x": [1], "y": [2.5], "duration": [100]
    }  # fmt: skip


def test_all_that_is_wrong_comes_in_one_message(gha):
    (gha / "gaze" / "Fixation_run2.txt").write_text(
        "1,50,30,51.5,10,300\n1,51,30,5,5,90\n1,50,30,5,5\nnonsense\n1,50,30,nan,5,90\n"
        "2,40,60,5,5,0\n"
    )
    with pytest.raises(UserError) as error:
        read_gaze(gha / "gaze", gha, IMAGES)
    text = str(error.value)
    assert "1 x fixation lies outside its image:\n  a/1.jpg, viewer run2: 51.5 10" in text
    assert "1 x fixations are of an image of another size" in text
    assert "3 x malformed line" in text
    assert "1 x fixation lasts no time" in text


def test_lists_that_are_not_there_or_of_other_images_are_told(gha, tmp_path):
    with pytest.raises(UserError, match="list of fixations is missing"):
        read_gaze(tmp_path / "nowhere", gha, IMAGES)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"has no Fixation_run\*\.txt"):
        read_gaze(tmp_path / "empty", gha, IMAGES)
    with pytest.raises(UserError, match="no fixation of any test image"):
        read_gaze(gha / "gaze", gha, IMAGES.assign(image_id="other"))
    (gha / "images.txt").unlink()
    with pytest.raises(UserError, match=f"no images.txt. Give a CSV file.*{HEADER}"):
        read_gaze(gha / "gaze", gha, IMAGES)
    (tmp_path / "g.csv").write_text("image,x\n")
    with pytest.raises(UserError, match="first line of a list is wrong"):
        read_gaze(tmp_path / "g.csv", gha, IMAGES)


def test_a_run_that_is_a_pipe_or_a_folder_is_named(gha):
    for make in (os.mkfifo, Path.mkdir):
        path = gha / "gaze" / "Fixation_run2.txt"
        path.unlink() if path.is_file() else None
        make(path)
        with pytest.raises(UserError, match=r"Fixation_run2\.txt is no regular file"):
            read_gaze(gha / "gaze", gha, IMAGES)
        path.rmdir() if path.is_dir() else path.unlink()


def test_lists_larger_than_any_are_not_read(gha, tmp_path):
    with open(tmp_path / "g.csv", "wb") as stream:
        stream.truncate(lists.LARGEST + 1)  # takes no room
    with pytest.raises(UserError, match=r"g\.csv has more than 1073741824 bytes"):
        read_gaze(tmp_path / "g.csv", gha, IMAGES)
    (tmp_path / "g.csv").rename(gha / "gaze" / "Fixation_run2.txt")
    with pytest.raises(UserError, match=r"Fixation_run2\.txt has more than 1073741824 bytes"):
        read_gaze(gha / "gaze", gha, IMAGES)


@pytest.mark.parametrize(
    "line",
    ["1e400,50,30,1,1,1", "1,50,30,1,1,1e400", "1" + ",9" * 99_999, "\0", "1,,,", "9" * 9999],
)
def test_lines_of_any_kind_are_one_message(gha, line):
    (gha / "gaze" / "Fixation_run2.txt").write_text(line)
    with pytest.raises(UserError, match=r"1 x malformed line|no fixation|another size"):
        read_gaze(gha / "gaze", gha, IMAGES)


def test_the_stage_writes_the_fixations_of_a_split(gha):
    records = pd.DataFrame(
        {"image_id": ["a/2.jpg"], "path": "x", "class_id": 1, "label": 0, "width": 40, "height": 60}
        | {"segmentation": "", "ignore": "", "true_parts": ""}
        | {name: [[]] for name in ("boxes", "masks", "keypoints")}
    )
    write_records(gha / "test.parquet", records)
    argv = ["--gaze", gha / "gaze", "--root", gha, "--records", gha / "test.parquet"]
    run(["fixations", *map(str, argv), "--out", str(gha / "f.parquet")])
    assert read_fixations(gha / "f.parquet")["x"].tolist() == [1, 39]
    assert len(read_records(gha / "test.parquet")) == 1


@pytest.mark.real_data
def test_the_real_gaze_lies_on_the_birds(calm_data):
    root = calm_data / "CUB_200_2011"
    records, _, _ = read_cub(root, Records(classes="1-3", val_fraction=0))
    found = read_gaze(calm_data / "cub_gha", root, records)
    assert sorted(found["viewer"].unique()) == [f"run{number}" for number in range(1, 6)]
    assert found["image_id"].nunique() == len(records)  # all were looked at
    boxes = dict(zip(records["image_id"], records["boxes"], strict=True))
    x0, y0, x1, y1 = np.array([boxes[name] for name in found["image_id"]]).T
    inside = found["x"].between(x0, x1 + 1) & found["y"].between(y0, y1 + 1)
    assert inside.mean() > 0.99

"""What a study measures by is asked for before it trains."""

import pytest
from small_config import changed
from tiny_wsol import picture

from pipeline.datasets.__main__ import run as stage
from pipeline.runtime.errors import UserError
from pipeline.study.jobs import params
from pipeline.study.loading import load
from pipeline.study.needs import records_job


def needs(evaluation=None, search=None, **dataset):
    keys = {
        "root": "data",
        "architectures": ["small"],
        "variants": {"cam": {}},
        "cue_localization": False,
        **dataset,
    }
    keys = changed(datasets={"birds": keys}, evaluation=evaluation or {})
    return list(
        records_job(load({**keys, **({"search": search} if search else {})}), "birds").needs
    )


def test_needs_follow_from_what_is_measured():
    always = ["train_images", "test_images"]
    assert needs() == [*always, "objects"]
    assert needs(wsol=False) == always
    assert needs(evaluation={"wsol": {"masks": True}}) == [*always, "objects_or_segmentations"]
    assert needs(wsol=False, training={"epochs": 0}) == ["test_images"]
    assert needs(wsol=False, cue_localization=True) == [*always, "attributes", "keypoints"]
    assert needs(wsol=False, search={"draws": 2}) == [*always, "val_objects"]
    assert needs(wsol=False, search={"draws": 2, "score": "accuracy"}) == always
    for region, need in (("box", "boxes"), ("mask", "masks")):
        game = {"pointing_game": {"region": region}}
        assert needs(wsol=False, evaluation=game) == [*always, need]
        relevance = {"relevance": {"region": region}}
        assert needs(wsol=False, evaluation=relevance) == [*always, need]
    assert needs(wsol=False, evaluation={"gaze": {}}) == [*always, "gaze"]


def test_a_pretraining_needs_neither_test_images_nor_objects():
    variants = {"first": {"method": "attributes"}}
    assert needs(variants=variants) == ["train_images", "attributes"]
    assert needs(variants={}) == []


@pytest.fixture
def root(tmp_path):
    for name in ("train/ape/1.jpg", "train/ape/2.jpg", "train/zebra/1.jpg", "train/zebra/2.jpg"):
        picture(tmp_path / "own" / name)
    return tmp_path / "own"


def records(root, tmp_path, evaluation=None, **dataset):
    """The stage's job of a study with that root."""
    keys = changed(
        evaluation=evaluation or {},
        datasets={
            "birds": {
                "root": str(root),
                "records": {"layout": "folder"},
                "architectures": ["small"],
                "variants": {"cam": {}},
                "cue_localization": False,
                **dataset,
            }
        },
    )
    section = params(records_job(load(keys), "birds"))
    out = tmp_path / "out"
    stage(["records", "--section", section, "--root", str(root), "--out", str(out)])
    return out


def test_the_stage_fails_before_anything_trains(root, tmp_path):
    with pytest.raises(UserError) as error:
        records(root, tmp_path)
    assert "2 x needed by the study but missing:\n  test images: without them" in str(error.value)
    assert "set `wsol: false` for the data set" in str(error.value)
    assert not (tmp_path / "out").exists()
    for name in ("ape", "zebra"):
        picture(root / "test" / name / "3.jpg")
    with pytest.raises(UserError, match="1 x needed by the study but missing:\n  a box or mask"):
        records(root, tmp_path)
    assert (records(root, tmp_path, wsol=False) / "test.parquet").exists()
    (root / "boxes.csv").write_text("image_id,x0,y0,x1,y1\ntest/ape/3.jpg,1,2,30,20\n")
    assert (records(root, tmp_path) / "check.json").exists()


def test_fixations_that_are_asked_for_are_read_before_anything_trains(root, tmp_path):
    for name in ("ape", "zebra"):
        picture(root / "test" / name / "3.jpg")
    asked = {"wsol": False, "evaluation": {"gaze": {}}}
    with pytest.raises(UserError, match=r"`evaluation\.gaze` asks for: name them by `gaze`"):
        records(root, tmp_path, **asked)
    gaze = tmp_path / "gaze.csv"
    gaze.write_text("image_id,viewer,x,y,duration\ntest/ape/3.jpg,a,9999,2,100\n")
    with pytest.raises(UserError, match="1 x fixation lies outside its image"):
        records(root, tmp_path, gaze=str(gaze), **asked)
    gaze.write_text("image_id,viewer,x,y,duration\ntest/ape/3.jpg,a,5,2,100\n")
    assert (records(root, tmp_path, gaze=str(gaze), **asked) / "test.parquet").exists()


def test_faults_of_files_and_needs_come_together(root, tmp_path):
    (root / "train/ape/1.jpg").write_text("no image")
    with pytest.raises(UserError) as error:
        records(root, tmp_path)
    assert "1 x image cannot be decoded" in str(error.value)
    assert "2 x needed by the study" in str(error.value)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"evaluation": {"grid_pointing": {}}}, "4 classes with test images, .*; there are 2"),
        ({"evaluation": {"grid_pointing": {"side": 3}}}, "9 classes with test images"),
        ({"supersets": {"kind": "wordnet"}}, "class names that begin with a wnid"),
    ],
)
def test_classes_that_cannot_do_what_is_asked(root, tmp_path, asked, said):
    for name in ("ape", "zebra"):
        picture(root / "test" / name / "3.jpg")
    with pytest.raises(UserError, match=rf"1 x needed by the study but missing:\n  {said}"):
        records(root, tmp_path, wsol=False, **asked)


def test_enough_classes_for_a_grid(root, tmp_path):
    for name in ("n00000001", "n00000002", "ape", "zebra"):
        for place in ("train/{}/1.jpg", "train/{}/2.jpg", "test/{}/3.jpg"):
            picture(root / place.format(name))
    asked = {"evaluation": {"grid_pointing": {}}}
    assert (records(root, tmp_path, wsol=False, **asked) / "test.parquet").exists()

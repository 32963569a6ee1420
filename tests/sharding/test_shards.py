import io
import json
import os
import resource
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import webdataset as wds
from drawn_images import draw_records
from PIL import Image, ImageCms, JpegImagePlugin

from pipeline.artefacts.files import read_json, sha256
from pipeline.artefacts.records import SCHEMA, write_records
from pipeline.runtime.errors import UserError
from pipeline.settings import Images
from pipeline.sharding import writing as shards
from pipeline.sharding.__main__ import run

SMALL = Images(train_size=32, eval_size=24, shard_images=5)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def pixels(stored):
    return np.asarray(Image.open(io.BytesIO(stored)))


def test_bytes_do_not_depend_on_workers_or_the_day(tmp_path, monkeypatch):
    records = draw_records(tmp_path / "raw", 12)
    shards.write_shards(records, SMALL, "train", tmp_path / "one", workers=1)
    monkeypatch.setattr("time.time", lambda: 2e9)
    shards.write_shards(records, SMALL, "train", tmp_path / "three", workers=3)
    assert contents(tmp_path / "one") == contents(tmp_path / "three")
    assert sorted(contents(tmp_path / "one")) == [
        "00000.tar", "00001.tar", "00002.tar", "manifest.json",
    ]  # fmt: skip


def test_manifest_describes_the_files(tmp_path):
    path = shards.write_shards(draw_records(tmp_path / "raw", 12), SMALL, "val", tmp_path / "out")
    manifest = read_json(path)
    assert path == tmp_path / "out" / "manifest.json"
    assert (manifest["format"], manifest["side"], manifest["count"]) == ("png", 24, 12)
    assert [shard["count"] for shard in manifest["shards"]] == [5, 5, 2]
    for shard in manifest["shards"]:
        file = tmp_path / "out" / shard["name"]
        assert (shard["bytes"], shard["sha256"]) == (file.stat().st_size, sha256(file))


def test_training_images_are_jpeg_and_the_others_lossless(tmp_path):
    records = draw_records(tmp_path / "raw", 3)
    for split, form in (("train", "jpeg"), ("val", "png"), ("test", "png")):
        manifest = read_json(shards.write_shards(records, SMALL, split, tmp_path / split))
        assert manifest["format"] == form
    other = SMALL.model_copy(update={"train_format": "png", "eval_format": "jpeg"})
    for split, form in (("train", "png"), ("test", "jpeg")):
        manifest = read_json(shards.write_shards(records, other, split, tmp_path / split))
        assert manifest["format"] == form


@pytest.mark.parametrize(("form", "suffix"), [("jpeg", "jpg"), ("png", "png")])
def test_webdataset_reads_the_shards(tmp_path, form, suffix):
    records = draw_records(tmp_path / "raw", 12)
    section = SMALL.model_copy(update={"eval_format": form})
    shards.write_shards(records, section, "test", tmp_path / "out")
    urls = sorted(map(str, (tmp_path / "out").glob("*.tar")))
    samples = list(wds.WebDataset(urls, shardshuffle=False))
    assert [sample["__key__"] for sample in samples] == [f"{index:08d}" for index in range(12)]
    abouts = [json.loads(sample["json"]) for sample in samples]
    assert [about["image_id"] for about in abouts] == records["image_id"].tolist()
    assert [about["label"] for about in abouts] == records["label"].tolist()
    assert {pixels(sample[suffix]).shape for sample in samples} == {(24, 24, 3)}


def test_train_shards_mix_classes_and_keep_every_image(tmp_path):
    records = draw_records(tmp_path / "raw", 30)
    shards.write_shards(records, SMALL, "train", tmp_path / "out")
    labels, ids = [], []
    for path in sorted((tmp_path / "out").glob("*.tar")):
        abouts = [
            json.loads(sample["json"]) for sample in wds.WebDataset([str(path)], shardshuffle=False)
        ]
        labels.append({about["label"] for about in abouts})
        ids += [about["image_id"] for about in abouts]
    assert sorted(ids) == sorted(records["image_id"])
    assert min(map(len, labels)) > 1  # in the records' order every shard holds a single class


def test_png_is_pillows_resize_without_loss(tmp_path):
    path = draw_records(tmp_path, 1)["path"][0]
    square = Image.open(path).resize((32, 32), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(pixels(shards.encode(path, 32, SMALL)), np.asarray(square))
    jpeg = pixels(shards.encode(path, 32, SMALL, form="jpeg")).astype(int)
    assert 0 < np.abs(jpeg - np.asarray(square)).mean() < 3


def test_jpeg_keeps_colours_at_full_resolution(tmp_path):
    path = draw_records(tmp_path, 1)["path"][0]
    stored = Image.open(io.BytesIO(shards.encode(path, 32, SMALL, form="jpeg")))
    assert JpegImagePlugin.get_sampling(stored) == 0  # 4:4:4


@pytest.mark.parametrize("form", ["jpeg", "png"])
def test_nothing_but_pixels_is_stored(tmp_path, form):
    path = Path(draw_records(tmp_path, 1)["path"][0])
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.open(path).save(tmp_path / "profile.png", icc_profile=profile, comment="a comment")
    same = shards.encode(path, 32, SMALL, form=form)
    assert shards.encode(tmp_path / "profile.png", 32, SMALL, form=form) == same


@pytest.mark.parametrize("size", [(80, 40), (40, 80)])
def test_short_side_keeps_proportions_and_cuts_the_centre(size):
    ramp = np.zeros((size[1], size[0], 3), np.uint8)
    ramp[..., 0] = np.arange(size[0])
    ramp[..., 1] = np.arange(size[1])[:, None]
    cut = np.asarray(shards.resize(Image.fromarray(ramp), 20, "short_side")).astype(int)
    assert cut.shape == (20, 20, 3)
    # scaled by 1/2: neighbours differ by 2, and the middle stays in the middle
    assert set(np.diff(cut[0, 1:-1, 0])) == {2}
    assert set(np.diff(cut[1:-1, 0, 1])) == {2}
    assert abs(cut[..., 0].mean() - (size[0] - 1) / 2) < 0.6
    assert abs(cut[..., 1].mean() - (size[1] - 1) / 2) < 0.6


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "RGBA", "1"])
def test_every_mode_becomes_rgb(tmp_path, mode):
    path = tmp_path / "image.tif"
    Image.new("RGB", (40, 40), "white").convert(mode).save(path)
    stored = pixels(shards.encode(path, 16, SMALL))
    assert stored.shape == (16, 16, 3)
    assert stored.min() >= 254


def test_of_sixteen_bits_the_high_byte_is_stored(tmp_path):
    path = tmp_path / "deep.png"
    Image.fromarray(np.full((8, 8), 200 * 256 + 99, np.uint16)).save(path)
    assert (pixels(shards.encode(path, 16, SMALL)) == 200).all()


def test_floating_point_is_refused(tmp_path):
    path = tmp_path / "deep.tif"
    Image.fromarray(np.full((8, 8), 0.5, np.float32)).save(path)
    with pytest.raises(UserError, match=r"deep\.tif: its kind of pixels \(F\) is not read"):
        shards.encode(path, 16, SMALL)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_images_are_laid_on_white(tmp_path, mode):
    pixels_ = np.zeros((8, 8, 4), np.uint8)  # black, of which the left half is transparent
    pixels_[:, 4:, 3] = 255
    image = Image.fromarray(pixels_)
    image = image.quantize() if mode == "P" else image.convert(mode)
    image.save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as written:
        assert written.mode == mode
    stored = pixels(shards.encode(tmp_path / "a.png", 8, SMALL))
    assert (stored[:, :4] == 255).all()
    assert (stored[:, 4:] == 0).all()


def test_an_image_is_turned_where_its_record_says_so(tmp_path):
    image = Image.new("RGB", (40, 20), "black")
    image.paste("white", (0, 0, 40, 10))
    exif = Image.Exif()
    exif[0x0112] = 6  # the first row is the right side
    image.save(tmp_path / "turned.png", exif=exif)
    stored = pixels(shards.encode(tmp_path / "turned.png", 40, SMALL, upright=True))
    assert (stored[:, 21:] == 255).all()
    assert (stored[:, :19] == 0).all()


def test_exif_orientation_leaves_the_pixels_where_the_boxes_are(tmp_path):
    image = Image.new("RGB", (40, 40), "black")
    image.paste("white", (0, 0, 40, 10))
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by 90 degrees
    image.save(tmp_path / "turned.jpg", exif=exif)
    stored = shards.encode(tmp_path / "turned.jpg", 20, SMALL)
    assert pixels(stored)[:4].min() > 240
    assert pixels(stored)[8:].max() < 15
    assert not Image.open(io.BytesIO(stored)).getexif()  # nor does a reader turn it


@pytest.mark.parametrize("damage", ["cut", "not an image", "missing"])
def test_a_corrupt_image_is_named_and_leaves_no_manifest(tmp_path, damage):
    records = draw_records(tmp_path / "raw", 12)
    out = tmp_path / "out"
    shards.write_shards(records, SMALL, "train", out)
    broken = Path(records["path"][7])
    if damage == "missing":
        broken.unlink()
    else:
        stored = broken.read_bytes()
        broken.write_bytes(stored[: len(stored) // 2] if damage == "cut" else b"<html>")
    with pytest.raises(UserError, match=str(broken)):
        shards.write_shards(records, SMALL, "train", out, workers=2)
    assert not (out / "manifest.json").exists()
    assert not list(out.glob(".*"))


def test_a_full_disk_is_named(tmp_path):
    # a limit on the size of files stands in for the full disk
    records = draw_records(tmp_path / "raw", 12)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(UserError, match=r"Cannot write .*00000\.tar"):
            shards.write_shards(records, SMALL, "train", tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert os.listdir(tmp_path / "out") == []


def test_shards_of_an_earlier_run_are_removed(tmp_path):
    out = tmp_path / "out"
    shards.write_shards(draw_records(tmp_path / "raw", 12), SMALL, "train", out)
    (out / ".123.partial.00007.tar").touch()
    (out / "notes.txt").touch()
    shards.write_shards(draw_records(tmp_path / "raw", 4), SMALL, "train", out)
    assert sorted(os.listdir(out)) == ["00000.tar", "manifest.json", "notes.txt"]


def test_no_images_give_a_manifest_without_shards(tmp_path):
    path = shards.write_shards(draw_records(tmp_path, 0), SMALL, "val", tmp_path / "out")
    assert read_json(path) | {"section": ""} == {
        "format": "png", "side": 24, "resize": "square", "count": 0, "shards": [], "section": "",
    }  # fmt: skip


def test_command_line(tmp_path, caplog):
    records = draw_records(tmp_path / "raw", 7)
    for name in SCHEMA.names:
        if name not in records:
            records[name] = [[]] * 7 if name in ("boxes", "keypoints") else None
    write_records(tmp_path / "test.parquet", records)
    section = SMALL.model_dump_json()
    with caplog.at_level("INFO"):
        options = ["--split", "test", "--out", str(tmp_path / "cli"), "--workers", "2"]
        run(["--section", section, "--records", str(tmp_path / "test.parquet"), *options])
    assert "7 images in 2 shards" in caplog.text
    shards.write_shards(records, SMALL, "test", tmp_path / "api")
    assert contents(tmp_path / "cli") == contents(tmp_path / "api")


@pytest.mark.real_data
def test_greyscale_and_colour_photographs(tmp_path):
    root = os.environ.get("CALM_DATA")
    if root is None:
        pytest.skip("CALM_DATA is not set")
    images = Path(root) / "CUB_200_2011" / "images"
    paths = sorted(images.glob("*/*.jpg"))[::100]
    paths += [path for path in sorted(images.glob("*/*.jpg")) if Image.open(path).mode == "L"]
    assert len(paths) > 29
    records = pd.DataFrame(
        {
            "image_id": [str(path.relative_to(images)) for path in paths],
            "path": [str(path) for path in paths],
            "label": range(len(paths)),
        }
    )
    shards.write_shards(records, Images(), "test", tmp_path)
    samples = list(wds.WebDataset([str(tmp_path / "00000.tar")], shardshuffle=False))
    for path, sample in zip(paths, samples, strict=True):
        expected = Image.open(path).convert("RGB").resize((224, 224), Image.Resampling.BILINEAR)
        np.testing.assert_array_equal(pixels(sample["png"]), np.asarray(expected), str(path))

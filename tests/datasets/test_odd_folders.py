"""Folders of images as people have them: nothing is left out without a word."""

import os

import numpy as np
import pytest
from PIL import Image
from tiny_wsol import mask, picture

from pipeline.artefacts.records import read_records, write_records
from pipeline.datasets.check import printable
from pipeline.datasets.folder import read as read_folder
from pipeline.runtime.errors import UserError
from pipeline.settings import Images, RecordsJob
from pipeline.sharding.writing import encode

NAMES = (
    *("train/ape/1.jpg", "train/ape/2.jpg", "train/zebra/1.jpg", "train/zebra/2.jpg"),
    *("test/ape/3.jpg", "test/zebra/4.jpg"),
)
HEADER = "image_id,x0,y0,x1,y1\n"


@pytest.fixture
def root(tmp_path):
    for name in NAMES:
        picture(tmp_path / "own" / name)  # 40 x 30 pixels
    return tmp_path / "own"


def read(root, needs=(), **section):
    section = RecordsJob(layout="folder", val_fraction=0, needs=needs, **section)
    records, classes, summary = read_folder(root, section)
    return records.set_index("image_id"), classes, summary


def message(root, needs=(), **section):
    with pytest.raises(UserError) as error:
        read(root, needs, **section)
    return str(error.value)


def turned(path, number=6):
    """A picture of 40 x 30 that EXIF turns; its upper half is white."""
    image = Image.new("RGB", (40, 30), "black")
    image.paste("white", (0, 0, 40, 15))
    exif = Image.Exif()
    exif[0x0112] = number
    image.save(path, exif=exif)


def test_other_suffixes_are_read(root):
    for suffix in ("tif", "TIFF", "jfif", "gif", "webp", "bmp", "ppm"):
        format_ = {"tif": "tiff", "jfif": "jpeg"}.get(suffix, suffix.lower())
        Image.new("RGB", (9, 9)).save(root / f"train/ape/x.{suffix}", format=format_)
    records, _, summary = read(root)
    assert summary["images"]["train"] == 4 + 7
    assert records.width["train/ape/x.TIFF"] == 9


def test_the_first_of_several_frames_is_counted(root):
    frames = [Image.new("L", (9, 9), value) for value in (10, 20)]
    frames[0].save(root / "train/ape/a.gif", save_all=True, append_images=frames[1:])
    frames[0].save(root / "train/ape/b.tif", save_all=True, append_images=frames[1:])
    found = read(root)[2]["images_of_several_frames_used_the_first"]
    assert found == {"count": 2, "first": ["train/ape/a.gif", "train/ape/b.tif"]}


def test_folders_below_a_class_are_read_and_named(root):
    picture(root / "train/ape/day2/1.jpg")
    picture(root / "train/ape/day2/b/1.jpg")
    records, _, summary = read(root)
    assert records.label["train/ape/day2/b/1.jpg"] == records.label["train/ape/1.jpg"]
    assert summary["skipped"]["images_in_folders_below_their_class"] == {
        "count": 2,
        "first": ["train/ape/day2 (1)", "train/ape/day2/b (1)"],
    }


def test_a_link_to_above_does_not_lead_in_circles(root):
    (root / "train/ape/again").symlink_to(root / "train")
    assert read(root)[2]["images"]["train"] == 4


def test_names_of_splits_that_are_none(root):
    picture(root / "validation/ape/1.jpg")
    picture(root / "Test/ape/1.jpg")
    assert read(root)[2]["skipped"]["folders_that_are_not_splits"] == {
        "count": 2,
        "first": ["Test", "validation"],
    }
    for name in NAMES[4:]:
        (root / name).unlink()
    text = message(root, needs=("test_images",))
    assert "without them nothing can be measured" in text
    assert "that are not splits: Test, validation" in text


def test_the_folder_of_masks_is_no_strange_folder(root):
    mask(root / "annotations/masks/test/ape/3.png", (1, 1, 5, 5))
    found = read(root, masks=str(root / "annotations/masks"))[2]["skipped"]
    assert found["folders_that_are_not_splits"]["count"] == 0


def test_dot_files_are_passed_over_and_others_named(root):
    for name in ("train/ape/._1.jpg", "train/.DS_Store", "train/ape/Thumbs.db", "train/ape/a.heic"):
        (root / name).write_bytes(b"\0\5\x16\7")
    (root / "masks/test/ape").mkdir(parents=True)
    (root / "masks/test/ape/._3.png").write_bytes(b"\0\5\x16\7")
    skipped = read(root)[2]["skipped"]
    assert skipped["other_files"]["first"] == ["train/ape/Thumbs.db", "train/ape/a.heic"]
    assert skipped["hidden_files"] == 2


def test_a_pipe_is_no_image(root):
    os.mkfifo(root / "train/ape/x.jpg")
    assert read(root)[2]["skipped"]["other_files"]["first"] == ["train/ape/x.jpg"]
    os.mkfifo(root / "boxes.csv")
    assert "not a regular file" in message(root)


def test_a_link_to_nowhere_is_a_missing_image(root):
    (root / "train/ape/x.jpg").symlink_to("gone.jpg")
    assert "1 x image is missing" in message(root)


def test_names_that_are_no_utf8_are_one_message(root):
    picture(root / "plain.jpg")
    os.rename(root / "plain.jpg", os.fsencode(root) + b"/train/ape/\xe9.jpg")
    text = message(root)
    assert "1 x name is not UTF-8" in text
    assert "train/ape/\\xe9.jpg" in text
    text.encode()  # for any terminal
    assert printable("\ud800\udce9") == "\\ud800\\udce9"  # JSON can spell half a character
    os.rename(root / "test/ape", os.fsencode(root) + b"/test/\xe4pe")
    assert "2 x name is not UTF-8" in message(root)


def test_a_list_that_is_no_utf8(root):
    picture(root / "test/ape/\xe9.jpg")
    (root / "boxes.csv").write_bytes(f"{HEADER}test/ape/\xe9.jpg,1,2,30,20\n".encode("latin-1"))
    assert "is not written in UTF-8" in message(root)
    (root / "boxes.csv").write_text(f"{HEADER}test/ape/\xe9.jpg,1,2,30,20\n", encoding="utf-8-sig")
    assert list(read(root)[0].boxes["test/ape/\xe9.jpg"]) == [1, 2, 30, 20]


def test_windows_paths_and_endless_fields(root):
    (root / "boxes.csv").write_text(f"{HEADER}test\\ape\\3.jpg,1,2,30,20\r\n")
    assert list(read(root)[0].boxes["test/ape/3.jpg"]) == [1, 2, 30, 20]
    (root / "boxes.csv").write_text(f"{HEADER}{'x' * 200_000},1,2,30,20\n")
    assert "1 x malformed line" in message(root)


@pytest.mark.parametrize("box", ["0.1,0.2,0.75,1", "0,0,1.0003,0.9"])
def test_fractions_are_no_pixels(root, box):
    (root / "boxes.csv").write_text(f"{HEADER}test/ape/3.jpg,{box}\n")
    assert "1 x all coordinates are below 1: are these fractions" in message(root)


def test_sixteen_bits_transparency_and_darkness_are_counted(root):
    deep = np.full((30, 40), 40_000, np.uint16)
    Image.fromarray(deep).save(root / "train/ape/deep.png")
    Image.new("RGBA", (40, 30), (1, 2, 3, 100)).save(root / "train/ape/clear.png")
    Image.new("RGBA", (40, 30), (1, 2, 3, 255)).save(root / "train/ape/solid.png")
    summary = read(root)[2]
    assert summary["images_of_16_bits_read_as_8"]["first"] == ["train/ape/deep.png"]
    assert summary["transparent_images_laid_on_white"]["first"] == ["train/ape/clear.png"]
    Image.fromarray(deep // 16).save(root / "train/ape/deep.png")
    assert "largest value 2500 of 65535" in message(root)


def test_what_the_shards_cannot_take_is_listed_at_once(root):
    for name in ("a.tif", "b.tif"):
        Image.fromarray(np.zeros((30, 40), np.float32)).save(root / "train/ape" / name)
    text = message(root)
    assert "2 x image cannot be decoded" in text
    assert "b.tif (its kind of pixels (F) is not read: save it with 8 bits per channel)" in text


def test_turned_images_are_named_and_their_boxes_need_a_word(root, tmp_path):
    turned(root / "test/ape/3.jpg")
    records, _, summary = read(root)
    assert summary["images_with_exif_orientation_used_as_stored"]["first"] == ["test/ape/3.jpg"]
    assert (records.width["test/ape/3.jpg"], records.upright["test/ape/3.jpg"]) == (40, False)
    (root / "boxes.csv").write_text(f"{HEADER}test/ape/3.jpg,16,2,30,38\n")  # of the turned picture
    text = message(root)
    assert "1 x image with boxes or masks is to be turned by its EXIF orientation" in text
    assert "`records: {orientation: upright}`" in text

    records, _, summary = read(root, orientation="upright")
    assert summary["images_turned_by_exif"]["first"] == ["test/ape/3.jpg"]
    row = records.loc["test/ape/3.jpg"]
    assert (row.width, row.height, row.upright) == (30, 40, True)
    assert list(row.boxes) == [16, 2, 29, 38]
    write_records(tmp_path / "r.parquet", records.reset_index())
    stored = read_records(tmp_path / "r.parquet").set_index("image_id")
    assert stored.upright.tolist() == records.upright.tolist()
    jpeg = encode(row.path, 30, Images(resize="square"), upright=True)
    (tmp_path / "stored.png").write_bytes(jpeg)
    with Image.open(tmp_path / "stored.png") as image:
        pixels = np.asarray(image.convert("L")).astype(int)
    assert pixels[:, 18:].min() > 200  # the box holds the white half
    assert pixels[:, :12].max() < 50

    assert "leaves its image" in message(root, orientation="stored")


def test_masks_of_any_case_and_of_other_suffixes(root):
    mask(root / "masks/test/ape/3.png", (1, 1, 5, 5))
    (root / "masks/test/ape/3.png").rename(root / "masks/test/ape/3.PNG")
    mask(root / "masks/test/zebra/4.tif", (1, 1, 5, 5))
    records, _, summary = read(root)
    assert records.masks["test/ape/3.jpg"] == [str(root / "masks/test/ape/3.PNG")]
    assert summary["masks"] == 2
    mask(root / "masks/test/ape/3.bmp", (1, 1, 5, 5))
    mask(root / "masks/test/ape/5.png", (1, 1, 5, 5))
    mask(root / "masks/test/ape/6.jpg", (1, 1, 5, 5))
    text = message(root)
    assert "1 x image has several masks with its name" in text
    assert "1 x mask belongs to no image" in text
    assert "1 x mask is of a format that loses values" in text


def test_one_mask_for_two_images_is_refused(root):
    picture(root / "test/ape/3.png")
    mask(root / "masks/test/ape/3.png", (1, 1, 5, 5))
    text = message(root)
    assert "1 x mask belongs to several images" in text
    assert "test/ape/3.jpg, test/ape/3.png" in text


def test_classes_that_are_numbers_are_chosen_by_them(tmp_path):
    for name in ("1", "2", "10"):
        for split in ("train", "test"):
            picture(tmp_path / split / name / "a.jpg")
    assert read(tmp_path)[1].name.tolist() == ["1", "2", "10"]
    assert read(tmp_path, classes="2,10")[1].name.tolist() == ["2", "10"]
    assert read(tmp_path, classes="3-10")[1].name.tolist() == ["10"]
    assert "no class is named by a number within '3'" in message(tmp_path, classes="3")


def test_what_is_not_read_is_named_where_something_is_missing(root):
    for name in NAMES[4:]:
        (root / name).rename((root / name).with_suffix(".heic"))
    text = message(root, needs=("test_images",))
    assert "Not used: other files: 2 (test/ape/3.heic, test/zebra/4.heic)." in text

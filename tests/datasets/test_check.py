import shutil

import numpy as np
import pytest
from PIL import Image

from pipeline.datasets.check_boxes import KNOWN_WIDE_BOXES
from pipeline.datasets.check_images import class_ranges
from pipeline.datasets.cub import read as read_cub
from pipeline.runtime.errors import UserError
from pipeline.settings import Records

FIRST = "001.Family_1_Synthbird_1/Family_1_Synthbird_1_0001.jpg"
SECOND = "001.Family_1_Synthbird_1/Family_1_Synthbird_1_0002.jpg"


def message(root, **section):
    with pytest.raises(UserError) as error:
        read_cub(root, Records(**section))
    return str(error.value)


def replace_line(path, number, line):
    """Line ``number`` (from 1) becomes ``line``; None removes it."""
    lines = path.read_text().splitlines()
    lines[number - 1 : number] = [] if line is None else [line]
    path.write_text("\n".join(lines) + "\n")


def test_a_missing_root_is_named(tmp_path):
    text = message(tmp_path / "nowhere")
    assert f"{tmp_path / 'nowhere'} does not exist" in text
    assert "`root`" in text


def test_another_layout_is_described(folder):
    (folder / "bounding_boxes.txt").unlink()
    shutil.rmtree(folder / "images")
    text = message(folder)
    assert "bounding_boxes.txt: lines '<image id> <x> <y> <width> <height>'" in text
    assert "images: a folder" in text
    assert "classes.txt" not in text


def test_the_folder_above_is_recognised(folder):
    assert f"Did you mean {folder}?" in message(folder.parent)


def test_a_truncated_image_is_named(folder):
    path = folder / "images" / FIRST
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    text = message(folder)
    assert "1 x image cannot be decoded" in text
    assert f"{path} (" in text
    assert "truncated" in text


def test_a_file_that_is_no_image_is_named(folder):
    path = folder / "images" / FIRST
    path.write_text("<html>404</html>")
    assert f"  {path} (it is not a BMP, GIF, JPEG, PNG, PPM, TIFF or WEBP image)" in message(folder)


def test_grey_images_are_fine(folder):
    path = folder / "images" / FIRST
    Image.open(path).convert("L").save(path)
    _, _, summary = read_cub(folder, Records())
    assert summary["grey_images"] == 1


def test_missing_images_with_the_classes_that_are_complete(folder):
    (folder / "images" / FIRST).unlink()
    text = message(folder)
    assert f"1 x image is missing:\n  {folder / 'images' / FIRST}" in text
    assert "`records: {classes: '2-4'}`" in text


def test_no_class_is_complete(folder):
    shutil.rmtree(folder / "images")
    (folder / "images").mkdir()
    text = message(folder)
    assert "28 x image is missing" in text
    assert "... and 8 more" in text
    assert "none of the classes is complete" in text


@pytest.mark.parametrize("label", ["0", "5", "-1"])
def test_labels_outside_the_classes(folder, label):
    replace_line(folder / "image_class_labels.txt", 3, f"3 {label}")
    assert f"class id is not within 1-4 (image_class_labels.txt):\n  image 3: {label}" in message(
        folder
    )


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("images.txt", "3"),
        ("image_class_labels.txt", "3 one"),
        ("image_class_labels.txt", "3 1 1"),
        ("train_test_split.txt", "3 0.5"),
        ("bounding_boxes.txt", "3 1 2 3"),
        ("bounding_boxes.txt", "3 1 2 nan 4"),
        ("parts/part_locs.txt", "1 3 here 4.0 1"),
        ("classes.txt", "third 003.x"),
    ],
)
def test_malformed_lines_are_shown_with_their_number(folder, name, line):
    replace_line(folder / name, 3, line)
    text = message(folder)
    assert "1 x malformed line" in text
    assert f"{folder / name}, line 3: '{line}'" in text


def test_blanks_and_windows_line_ends_are_fine(folder):
    expected, _, _ = read_cub(folder, Records())
    for path in folder.glob("*.txt"):
        path.write_text(path.read_text().replace("\n", "  \r\n") + "\n")
    records, _, _ = read_cub(folder, Records())
    assert records.equals(expected)


def test_a_split_that_is_none(folder):
    replace_line(folder / "train_test_split.txt", 3, "3 2")
    assert "split is neither 0 nor 1 (train_test_split.txt):\n  image 3: 2" in message(folder)


def test_lists_that_do_not_belong_together(folder):
    replace_line(folder / "bounding_boxes.txt", 3, None)
    replace_line(folder / "train_test_split.txt", 4, "99 1")
    text = message(folder)
    assert f"{folder / 'bounding_boxes.txt'}: 3" in text
    assert f"{folder / 'train_test_split.txt'}: 4" in text
    assert f"id is not in images.txt:\n  {folder / 'train_test_split.txt'}: 99" in text


def test_repeated_ids_and_images(folder):
    with (folder / "image_class_labels.txt").open("a") as stream:
        stream.write("1 1\n")
    replace_line(folder / "images.txt", 2, f"2 {FIRST}")
    text = message(folder)
    assert f"id occurs twice:\n  {folder / 'image_class_labels.txt'}: 1" in text
    assert f"image is listed twice (images.txt):\n  {FIRST}" in text


def test_an_empty_list(folder):
    (folder / "images.txt").write_text("")
    text = message(folder)
    assert "4 x class has no train image" in text
    assert "4 x class has no test image" in text


def test_class_list_with_a_gap(folder):
    replace_line(folder / "classes.txt", 3, "7 007.x")
    assert f"not numbered 1, 2, 3, ...:\n  {folder / 'classes.txt'}" in message(folder)


def test_a_class_without_test_images(folder):
    path = folder / "train_test_split.txt"
    for number in (6, 7):
        replace_line(path, number, f"{number} 1")
    text = message(folder)
    assert "1 x class has no test image:\n  001.Family_1_Synthbird_1" in text
    assert "train image" not in text
    read_cub(folder, Records(classes="2-4"))  # the others can be used


@pytest.mark.parametrize("box", ["-3 5 9 9", "5 5 500 9", "5 5 0 9", "5 5 9 -2", "5 500 9 9"])
def test_boxes_that_are_empty_or_leave_the_image(folder, box):
    replace_line(folder / "bounding_boxes.txt", 1, f"1 {box}")
    text = message(folder)
    assert "1 x box is empty or leaves its image" in text
    assert f"\n  {FIRST}: " in text


def test_boxes_may_leave_the_image_by_a_pixel_and_are_cut(folder):
    with Image.open(folder / "images" / FIRST) as image:
        width, height = image.size
    replace_line(folder / "bounding_boxes.txt", 1, f"1 -1 0 {width + 2} {height}")
    records, _, summary = read_cub(folder, Records())
    assert np.array_equal(records.boxes[0], [0, 0, width - 1, height - 1])
    assert summary["boxes_cut_at_the_border"] == 1
    replace_line(folder / "bounding_boxes.txt", 1, f"1 0 0 {width + 1.5} {height}")
    assert "leaves its image" in message(folder)


def test_all_problems_come_in_one_message(folder):
    (folder / "images" / FIRST).write_text("")
    (folder / "images" / SECOND).unlink()
    replace_line(folder / "image_class_labels.txt", 12, "12 77")
    replace_line(folder / "bounding_boxes.txt", 20, "20 1 1 -5 5")
    replace_line(folder / "train_test_split.txt", 28, "28")
    text = message(folder)
    for kind in (
        "image cannot be decoded",
        "image is missing",
        "class id is not within 1-4",
        "box is empty",
        "malformed line",
    ):
        assert f"1 x {kind}" in text


def test_a_folder_of_cub_is_held_against_the_official_counts(folder):
    replace_line(folder / "classes.txt", 1, "1 001.Black_footed_Albatross")
    text = message(folder)
    assert "class 1: 001.Black_footed_Albatross, 5, 2; official: " in text
    assert "official: 001.Black_footed_Albatross, 30, 30" in text
    read_cub(folder, Records(classes="2-4"))  # only selected classes are held against them


@pytest.mark.real_data
def test_the_known_wide_boxes_are_all_of_cub(calm_data):
    """From the lists alone: the benchmark has the sizes of photographs that are not here."""
    root = calm_data / "CUB_200_2011"
    names = [line.split()[1] for line in (root / "images.txt").open()]
    boxes = np.loadtxt(root / "bounding_boxes.txt")[:, 1:]  # x y width height
    sizes = {}
    for split in ("train", "test"):
        path = calm_data / "wsol_metadata" / "CUB" / split / "image_sizes.txt"
        for line in path.read_text().splitlines():
            name, *size = line.rsplit(",", 2)
            sizes[name] = size
    limits = np.array([sizes[name] for name in names], dtype=float)
    wide = (boxes[:, :2] + boxes[:, 2:] > limits + 1).any(axis=1)
    assert {name for name, is_wide in zip(names, wide, strict=True) if is_wide} == KNOWN_WIDE_BOXES


def test_class_ranges_as_text():
    assert class_ranges([1, 2, 3, 7, 9, 10]) == "1-3,7,9-10"

"""Masks with meaning, against numpy by hand."""

import cv2
import numpy as np
import pytest
from PIL import Image

from pipeline.images.label_maps import file_of, read_mask
from pipeline.images.mask_values import chosen, parse
from pipeline.runtime.errors import UserError

VALUES = np.random.default_rng(5).integers(0, 4, (9, 7), np.uint8)


def save(path, values, palette=None):
    image = Image.fromarray(values)
    if palette is not None:
        image.putpalette(palette)
    image.save(path)
    return str(path)


def test_names_of_values_and_their_files():
    name = chosen("a#b/1.png", "value", (1, 30))
    assert parse(name) == ("a#b/1.png", ("value", (1, 30), False))
    assert parse(chosen("1.png", "red_green", (), others=True)) == (
        "1.png",
        ("red_green", (), True),
    )
    assert parse("a#value=1.png") == ("a#value=1.png", None)
    assert str(file_of(name)) == "a#b/1.png"


def test_grey_values(tmp_path):
    path = save(tmp_path / "a.png", VALUES)
    assert (read_mask(path) == (VALUES > 0)).all()
    assert (read_mask(chosen(path, "value", (1, 3))) == (VALUES == 1) | (VALUES == 3)).all()
    assert (read_mask(chosen(path, "value", (3,), others=True)) == np.isin(VALUES, (1, 2))).all()
    assert not read_mask(chosen(path, "value", ())).any()


def test_nearest_pixels_of_the_meaning(tmp_path):
    values = np.kron(VALUES, np.ones((4, 4), np.uint8))
    path = save(tmp_path / "a.png", values)
    assert (read_mask(chosen(path, "value", (2,)), (7, 9)) == (VALUES == 2)).all()


def test_indices_of_a_palette_count_not_its_colours(tmp_path):
    """As in VOC, whose colours of index 0, 1, 2, ... are black, dark red, dark green, ..."""
    path = save(tmp_path / "a.png", VALUES, [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0])
    with Image.open(path) as image:
        assert image.mode == "P"
    assert (read_mask(path) == (VALUES > 0)).all()
    assert (read_mask(chosen(path, "value", (2,))) == (VALUES == 2)).all()


def test_a_palette_that_was_put_in_another_order(tmp_path):
    object_ = VALUES > 1
    path = save(tmp_path / "a.png", (~object_).astype(np.uint8), [255, 255, 255, 0, 0, 0])
    assert (read_mask(path) == object_).all()


@pytest.mark.parametrize("colour", [(1, 0, 0), (0, 0, 1), (0, 2, 0), (255, 255, 255)])
def test_any_channel_above_nought_is_object(tmp_path, colour):
    object_ = VALUES == 1
    path = save(tmp_path / "a.png", object_[..., None] * np.array(colour, np.uint8))
    assert (read_mask(path) == object_).all()


def test_what_is_transparent_is_no_object(tmp_path):
    values = np.full((*VALUES.shape, 4), 200, np.uint8)
    values[..., 3] = np.where(VALUES == 2, 255, 0)
    assert (read_mask(save(tmp_path / "a.png", values)) == (VALUES == 2)).all()


def test_ids_in_colours_as_in_imagenet_s(tmp_path):
    ids = np.random.default_rng(1).choice([0, 1, 257, 700, 1000], (9, 7))
    colours = np.stack([ids % 256, ids // 256, np.zeros_like(ids)], axis=-1).astype(np.uint8)
    path = save(tmp_path / "a.png", colours)
    assert (read_mask(chosen(path, "red_green", (257,))) == (ids == 257)).all()
    assert (read_mask(chosen(path, "red_green", (1000,))) == (ids == 1000)).all()
    with pytest.raises(UserError, match=r"it is coloured.*pixel: red_green"):
        read_mask(chosen(path, "value", (1,)))


def test_sixteen_bits(tmp_path):
    values = VALUES.astype(np.uint16) * 1001
    path = save(tmp_path / "a.png", values)
    assert (read_mask(path) == (values > 0)).all()
    assert (read_mask(chosen(path, "value", (2002,))) == (values == 2002)).all()


@pytest.mark.parametrize("kind", [np.int32, np.float32])
def test_values_of_32_bits_are_those_of_the_file(tmp_path, kind):
    """Pillow's own way to grey cuts them at 255 and at whole numbers."""
    values = np.random.default_rng(2).choice([0, 1, 255, 300, 1000], (9, 7))
    path = save(tmp_path / "a.tif", values.astype(kind))
    assert (read_mask(path) == (values > 0)).all()
    for value in (1, 255, 300):
        assert (read_mask(chosen(path, "value", (value,))) == (values == value)).all()
    rest = read_mask(chosen(path, "value", (255,), others=True))
    assert (rest == np.isin(values, (1, 300, 1000))).all()


def test_shares_of_the_object_above_nought_are_object(tmp_path):
    shares = np.linspace(0, 1, 63, dtype=np.float32).reshape(9, 7)
    path = save(tmp_path / "a.tif", shares)
    assert (read_mask(path) == (shares > 0)).all()
    with pytest.raises(UserError, match="no whole numbers, and `mask_values` asks for such"):
        read_mask(chosen(path, "value", (1,)))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.where(VALUES == 1, np.nan, 0).astype(np.float32), "below 0 or none"),
        (VALUES.astype(np.int32) - 1, "below 0 or none"),
    ],
)
def test_values_that_mean_nothing_are_refused(tmp_path, values, said):
    with pytest.raises(UserError, match=said):
        read_mask(save(tmp_path / "a.tif", values))


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_colours_of_16_bits_are_refused(tmp_path, suffix):
    """Pillow keeps the high byte of each: an object of (1, 0, 0) would be black."""
    values = (VALUES == 1)[..., None] * np.array([0, 0, 1], np.uint16)
    assert cv2.imwrite(str(tmp_path / f"a.{suffix}"), values)
    with pytest.raises(UserError, match="16 bits per channel"):
        read_mask(str(tmp_path / f"a.{suffix}"))


@pytest.mark.parametrize("suffix", ["gif", "tif"])
def test_a_mask_of_several_pages_is_refused(tmp_path, suffix):
    """Annotation tools write a page for each instance, of which the first would be read."""
    pages = [Image.fromarray(255 * (value == VALUES).astype(np.uint8)) for value in (1, 2)]
    path = tmp_path / f"a.{suffix}"
    pages[0].save(path, save_all=True, append_images=pages[1:])
    with pytest.raises(UserError, match="several pictures: write the union of the masks"):
        read_mask(str(path))


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_a_mask_that_is_to_be_turned_is_refused(tmp_path, suffix):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(VALUES).save(tmp_path / f"a.{suffix}", exif=exif)
    with pytest.raises(UserError, match=r"EXIF orientation 6\): save it turned"):
        read_mask(str(tmp_path / f"a.{suffix}"))

"""Masks with meaning, against numpy by hand."""

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

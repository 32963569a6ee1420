"""Which files are images, and what their pixels become."""

import ast
import os
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pipeline
from pipeline.images.opening import ImageFault, opened, orientation, rgb

EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 20 20\n%%EndComments\nshowpage\n%%EOF\n"


def pixels(path, **options):
    with opened(path) as image:
        return np.asarray(rgb(image, **options))


def declared(path, width, height):
    """A PNG that declares a size and holds hardly a byte."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(b"\0" * 9)), chunk(b"IEND", b""))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))


def test_pictures_are_opened_in_one_place():
    root = Path(pipeline.__file__).parent
    found = [
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "Image.open"
    ]
    assert found == ["images/opening.py"]


def test_an_image_starts_no_postscript(tmp_path, monkeypatch):
    """Pillow itself starts gs for such a file, which a stand-in on the PATH notices."""
    (tmp_path / "bin").mkdir()
    gs = tmp_path / "bin" / "gs"
    gs.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    gs.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    path = tmp_path / "bird.jpg"
    path.write_bytes(EPS)
    with pytest.raises(ImageFault, match="it is not a BMP, GIF, JPEG"):
        pixels(path)
    assert not (tmp_path / "started").exists()
    with pytest.raises(OSError), Image.open(path) as image:  # the stand-in works
        image.load()
    assert (tmp_path / "started").exists()


def test_a_declared_size_is_refused_before_anything_is_allocated(tmp_path):
    declared(tmp_path / "bomb.png", 60_000, 60_000)
    limit = Image.MAX_IMAGE_PIXELS
    tracemalloc.start()
    with pytest.raises(ImageFault, match="60000 x 60000 pixels; at most 250 megapixels"):
        pixels(tmp_path / "bomb.png")
    assert tracemalloc.get_traced_memory()[1] < 2**22
    tracemalloc.stop()
    assert limit == Image.MAX_IMAGE_PIXELS  # Pillow's own, for everyone else


def test_large_images_below_the_limit_are_opened(tmp_path):
    declared(tmp_path / "slide.png", 20_000, 12_000)  # Pillow's limit is 179 megapixels
    with opened(tmp_path / "slide.png") as image:
        assert image.size == (20_000, 12_000)


def test_a_pipe_is_no_image_and_does_not_wait(tmp_path):
    os.mkfifo(tmp_path / "a.jpg")
    with pytest.raises(ImageFault, match="not a regular file"):
        pixels(tmp_path / "a.jpg")
    with pytest.raises(FileNotFoundError):
        pixels(tmp_path / "b.jpg")


def test_a_broken_image_says_so(tmp_path):
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(
        tmp_path / "a.png"
    )
    data = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(ImageFault, match="it is broken"):
        pixels(tmp_path / "a.png")


@pytest.mark.parametrize("value", [0, 255, 256, 4095, 51_299, 65_535])
def test_of_sixteen_bits_the_high_byte_is_taken_as_of_colours(tmp_path, value):
    Image.fromarray(np.full((2, 2), value, np.uint16)).save(tmp_path / "a.png")
    assert (pixels(tmp_path / "a.png") == value // 256).all()


def test_other_pixels_are_refused(tmp_path):
    Image.fromarray(np.zeros((2, 2), np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(ImageFault, match=r"its kind of pixels \(F\)"):
        pixels(tmp_path / "a.tif")


def test_transparent_pixels_are_mixed_with_white(tmp_path):
    values = np.zeros((1, 3, 4), np.uint8)
    values[..., 0] = 200
    values[..., 3] = 0, 51, 255  # 0, a fifth, all
    Image.fromarray(values).save(tmp_path / "a.png")
    expected = [[255, 255, 255], [244, 204, 204], [200, 0, 0]]
    assert abs(pixels(tmp_path / "a.png")[0].astype(int) - expected).max() <= 1


TURNED = pytest.mark.parametrize(
    ("number", "turned"),
    [
        (1, lambda a: a),
        (2, np.fliplr),
        (3, lambda a: np.rot90(a, 2)),
        (4, np.flipud),
        (5, lambda a: a.transpose(1, 0, 2)),
        (6, lambda a: np.rot90(a, -1)),
        (7, lambda a: np.rot90(a, 2).transpose(1, 0, 2)),
        (8, np.rot90),
    ],
)


@TURNED
def test_orientations_are_those_of_exif(tmp_path, number, turned):
    stored = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3) * 10
    exif = Image.Exif()
    exif[0x0112] = number
    Image.fromarray(stored).save(tmp_path / "a.png", exif=exif)
    assert (pixels(tmp_path / "a.png") == stored).all()
    assert (pixels(tmp_path / "a.png", upright=True) == turned(stored)).all()
    with opened(tmp_path / "a.png") as image:
        assert orientation(image) == number


@TURNED
@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_tiff_is_turned_only_where_it_is_asked_for(tmp_path, number, turned, compression, mode):
    """Pillow turns each as it reads it, and mixes up the pixels of uncompressed grey ones."""
    stored = np.arange(6, dtype=np.uint8).reshape(2, 3, 1) * 10 + np.arange(3, dtype=np.uint8)
    stored = stored[..., :1].repeat(3, axis=2) if mode == "L" else stored
    exif = Image.Exif()
    exif[0x0112] = number
    image = Image.fromarray(stored[..., 0] if mode == "L" else stored)
    image.save(tmp_path / "a.tif", exif=exif, compression=compression)
    assert (pixels(tmp_path / "a.tif") == stored).all()
    assert (pixels(tmp_path / "a.tif", upright=True) == turned(stored)).all()
    with opened(tmp_path / "a.tif") as image:
        image.load()
        assert image.size == (3, 2)
        assert orientation(image) == number

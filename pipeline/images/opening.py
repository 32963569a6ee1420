"""Pictures opened: which files are images, how large they may be, and their pixels as 8-bit RGB.

Everything that opens a picture does it here. Without a list of formats Pillow tries every one that
it knows, among them PostScript, for which it starts another program.
"""

import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
# of files that hold such images, in any case
SUFFIXES = (
    *(".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".pgm", ".png", ".ppm"),
    *(".tif", ".tiff", ".webp"),
)
LARGEST = 250_000_000  # pixels: a gigabyte in memory
LARGE = 50_000_000  # pixels from which images are decoded one at a time
BACKGROUND = "white"  # what transparent images are composited on
_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")  # 8 bits or fewer
_SIXTEEN = "I;16"  # begins the modes of 16-bit grey
_ORIENTATION = 0x0112  # EXIF's tag
_TURN = "orientation of a TIFF"  # where it is kept
_TURNS = {  # EXIF's orientation -> what makes the picture upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_limit = threading.Lock()
_one_large = threading.Lock()


class ImageFault(ValueError):
    """Why a file is not an image that can be used; the message says it in a few words."""


@contextmanager
def opened(source: str | Path | BinaryIO) -> Iterator[Image.Image]:
    """An open image, not yet decoded; of those above `LARGE` one at a time.

    Args:
        source: path of a file, or its bytes as a stream.

    Raises:
        FileNotFoundError: there is no such file.
        ImageFault: it is not an image of `FORMATS`, or declares more than `LARGEST` pixels, as
            found before any is allocated; or decoding it in the block failed.
    """
    try:
        with _open(source) as image:
            width, height = image.size
            if width * height > LARGEST:
                raise ImageFault(
                    f"it has {width} x {height} pixels; at most {LARGEST // 10**6} megapixels are "
                    "read, make it smaller"
                )
            if width * height > LARGE:
                with _one_large:
                    yield image
            else:
                yield image
    except (ImageFault, FileNotFoundError):
        raise
    except UnidentifiedImageError as error:
        formats = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
        raise ImageFault(f"it is not a {formats} image") from error
    except MemoryError as error:
        raise ImageFault("there is not enough memory to decode it") from error
    except Exception as error:  # broken bytes raise many kinds, OSError and SyntaxError among them
        reason = error.strerror if isinstance(error, OSError) and error.strerror else None
        raise ImageFault(reason or f"it is broken: {error}") from error


def _open(source: str | Path | BinaryIO) -> Image.Image:
    if isinstance(source, str | Path) and not stat.S_ISREG(os.stat(source).st_mode):
        raise ImageFault("it is not a regular file")
    with _limit:  # Pillow's own limit of pixels is a variable of its module
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            image = Image.open(source, formats=FORMATS)
            _keep_as_stored(image)
            return image
        finally:
            Image.MAX_IMAGE_PIXELS = before


def _keep_as_stored(image: Image.Image) -> None:
    """Keep Pillow from turning a TIFF: of other formats it gives the pixels as they are stored.

    It also gets them wrong: those of an uncompressed grey TIFF of orientation 5 to 8 are read in
    rows of the turned picture's width.
    """
    tags = getattr(image, "tag_v2", {})
    turn = tags.get(_ORIENTATION, 1)
    if image.format == "TIFF" and turn != 1:
        image.getexif()[_ORIENTATION] = 1
        del tags[_ORIENTATION]
        image._size = image._tile_size  # type: ignore[attr-defined]
        image.info[_TURN] = turn


def is_sixteen_bit(image: Image.Image) -> bool:
    """Whether it is grey with 16 bits; Pillow reads colours of 16 bits as their high bytes."""
    return image.mode.startswith(_SIXTEEN)


def is_transparent(image: Image.Image) -> bool:
    """Whether a decoded image has a pixel that is not opaque."""
    if not image.has_transparency_data:
        return False
    return bool((np.asarray(image.convert("RGBA").getchannel("A")) < 255).any())


def orientation(image: Image.Image) -> int:
    """How the camera says that the image is to be turned: 1 (as it is) to 8, as EXIF numbers it."""
    try:
        value = image.info.get(_TURN) or image.getexif().get(_ORIENTATION, 1)
    except Exception:  # a broken header: many kinds
        return 1
    return value if value in range(1, 9) else 1


def kind_fault(image: Image.Image) -> str:
    """Why `rgb` cannot read this kind of image, or ""."""
    if image.mode in _MODES or is_sixteen_bit(image):
        return ""
    return f"its kind of pixels ({image.mode}) is not read: save it with 8 bits per channel"


def rgb(image: Image.Image, *, upright: bool = False) -> Image.Image:
    """The pixels as 8-bit RGB.

    Transparent images are laid on `BACKGROUND`. Of 16 bits the high byte is taken. Grey, palette
    and CMYK become RGB. Of several frames or pages it is the one that is open, the first.

    Args:
        image: from `opened`.
        upright: turn it as its EXIF orientation says.

    Raises:
        ImageFault: its pixels are of another kind, such as floating point.
    """
    if fault := kind_fault(image):
        raise ImageFault(fault)
    image.load()  # the file may be closed before the pixels are used
    if upright and (turn := orientation(image)) != 1:
        image = image.transpose(_TURNS[turn])
    if is_sixteen_bit(image):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, BACKGROUND)
        ground.alpha_composite(image)
        image = ground
    return image if image.mode == "RGB" else image.convert("RGB")

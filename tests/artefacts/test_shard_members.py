"""Shards from elsewhere whose SHA-256 is right and whose content is hostile."""

import io
import struct
import tarfile
import tracemalloc
import zlib

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.io import encode_jpeg, encode_png

from pipeline.artefacts.shard_members import Member, largest_image, members, parsed, picture
from pipeline.images.batches import decoded

SIDE = 24
PIXELS = torch.randint(0, 256, (3, SIDE, SIDE), dtype=torch.uint8)
PNG = bytes(encode_png(PIXELS).tolist())
ABOUT = b'{"image_id":"a","label":1}'


def entry(name, content=b"x", **about):
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in about.items():
        setattr(info, key, value)
    return info, content


def tar(*entries, form=tarfile.USTAR_FORMAT, mode="w"):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode, format=form) as archive:
        for info, content in entries:
            archive.addfile(info, io.BytesIO(content))
    return stream


def listed(stream):
    return list(members(stream, SIDE))


def test_the_files_of_a_shard_are_where_a_tar_has_them():
    stream = tar(entry("00000000.json", ABOUT), entry("00000000.png", PNG))
    found = listed(stream)
    stream.seek(0)
    with tarfile.open(fileobj=stream) as archive:
        expected = [Member(info.name, info.offset_data, info.size) for info in archive]
    assert found == expected
    assert [member.content(stream) for member in found] == [ABOUT, PNG]
    assert [member.is_image for member in found] == [False, True]


@pytest.mark.parametrize(
    "name", ["../../etc/1.jpg", "/1.jpg", "a/1.jpg", "1.txt", "1", "x.jpg", "1.jpg.jpg", "./1.jpg"]
)
def test_only_names_of_samples_pass(name):
    with pytest.raises(ValueError, match="is no file of a sample"):
        listed(tar(entry(name)))


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE]
)
def test_links_pipes_and_folders_are_no_samples(kind):
    with pytest.raises(ValueError, match="is no file of a sample"):
        listed(tar(entry("1.jpg", b"", type=kind, linkname="/etc/passwd")))


def test_a_sparse_file_of_a_terabyte_is_refused():
    # the old way of GNU tar: the size of what is stored, and elsewhere the size that it becomes
    with pytest.raises(ValueError, match="is no file of a sample"):
        listed(tar(entry("1.jpg", b"", type=tarfile.GNUTYPE_SPARSE)))
    about = {"GNU.sparse.size": str(2**40), "GNU.sparse.map": "0,1"}
    with pytest.raises(ValueError, match="is no file of a sample"):
        listed(tar(entry("1.jpg", pax_headers=about), form=tarfile.PAX_FORMAT))


def test_a_header_as_long_as_a_book_is_not_parsed():
    about = {"comment": "1" * 10**6}
    with pytest.raises(ValueError, match="is no file of a sample"):
        listed(tar(entry("1.jpg", pax_headers=about), form=tarfile.PAX_FORMAT))


def test_compressed_shards_are_none():
    with pytest.raises(ValueError, match="no tar"):
        listed(tar(entry("1.jpg", bytes(10**6)), mode="w:gz"))


@pytest.mark.parametrize("size", [largest_image(SIDE) + 1, 2**33 - 1, -1])
def test_sizes_that_no_image_has_are_refused(size):
    header = entry("1.jpg")[0]
    header.size = size
    stream = io.BytesIO(header.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    with pytest.raises(ValueError, match=f"claims {size} bytes"):
        listed(stream)


def test_a_shard_that_ends_too_early_says_where():
    stream = tar(entry("1.png", PNG))
    with pytest.raises(ValueError, match=r"it ends within 1\.png"):
        listed(io.BytesIO(stream.getvalue()[:600]))
    with pytest.raises(ValueError, match="no tar"):
        listed(io.BytesIO(stream.getvalue()[:100]))


@pytest.mark.parametrize("content", [b"\0" * 10240, b""])
def test_an_empty_shard_has_no_files(content):
    assert not listed(io.BytesIO(content))


@pytest.mark.parametrize(
    "text",
    [b"", b"[" * 60_000, b"[1]", b"1", b"{}", b'{"image_id":1,"label":1}', b"\xff",
     b'{"image_id":"a","label":true}', b'{"image_id":"a","label":1e999}'],
)  # fmt: skip
def test_a_sample_says_its_name_and_label(text):
    assert parsed(ABOUT) == {"image_id": "a", "label": 1}
    with pytest.raises(ValueError, match=r"JSON|Expecting|decode"):
        parsed(text)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"comment": b"x" * 70_000}])
def test_images_are_those_of_torchvision(options):
    assert torch.equal(decoded(PNG, SIDE), PIXELS)
    assert np.array_equal(picture(PNG, SIDE), PIXELS.permute(1, 2, 0))
    image = Image.fromarray(PIXELS.permute(1, 2, 0).numpy())
    if options.get("comment"):
        options = {"comment": b"x" * 60_000, "exif": b"Exif\0\0" + b"y" * 60_000}
    stream = io.BytesIO()
    image.save(stream, "JPEG", subsampling="4:4:4", **options)
    assert decoded(stream.getvalue(), SIDE).shape == (3, SIDE, SIDE)
    plain = bytes(encode_jpeg(PIXELS, quality=95).tolist())
    assert decoded(plain, SIDE).shape == (3, SIDE, SIDE)
    for stored in (stream.getvalue(), plain):  # to Pillow and torchvision a JPEG is the same
        assert np.array_equal(picture(stored, SIDE), decoded(stored, SIDE).permute(1, 2, 0))


def huge_png(width, height):
    """A PNG that declares a size and holds nothing."""

    def chunk(kind, content):
        crc = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + crc

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    start = PNG[:8]
    return start + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def huge_jpeg(width, height):
    plain = bytearray(encode_jpeg(PIXELS, quality=95).tolist())
    place = plain.index(b"\xff\xc0")
    plain[place + 5 : place + 9] = struct.pack(">HH", height, width)
    return bytes(plain)


def huge_gif(width, height):
    return b"GIF89a" + struct.pack("<HH", width, height) + bytes(50)


@pytest.mark.parametrize("read", [decoded, picture])
@pytest.mark.parametrize("make", [huge_png, huge_jpeg, huge_gif])
def test_an_image_of_another_size_is_refused_before_it_is_allocated(make, read):
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="an image declares"):
            read(make(60_000, 60_000), SIDE)
        assert tracemalloc.get_traced_memory()[1] < 10**6
    finally:
        tracemalloc.stop()


def test_a_damaged_png_does_not_end_the_process():
    for place in range(33, len(PNG) - 1, 7):  # behind the header
        flipped = bytearray(PNG)
        flipped[place] ^= 1 << place % 8
        for content in (bytes(flipped), PNG[:place]):
            try:
                assert decoded(content, SIDE).shape == (3, SIDE, SIDE)
            except ValueError:
                continue


@pytest.mark.parametrize("read", [decoded, picture])
@pytest.mark.parametrize("content", [b"", b"\xff\xd8", b"\xff\xd8\xff\xe0", PNG[:20], b"BM" * 50])
def test_what_has_no_size_is_no_image(content, read):
    with pytest.raises(ValueError, match="declares no pixels"):
        read(content, SIDE)


def test_a_picture_whose_bytes_were_changed_is_another_picture_or_refused():
    """Pillow's faults of any kind become one of two errors; few changes go unseen in a PNG."""
    rng = np.random.default_rng(0)
    jpeg = bytes(encode_jpeg(PIXELS, quality=95).tolist())
    refused = 0
    for number in range(400):
        stored = bytearray((PNG, jpeg)[number % 2])
        places = rng.integers(0, len(stored), rng.integers(1, 4))
        for place in places:
            stored[place] = rng.integers(256)
        if number % 5 == 0:
            del stored[int(places[0]) :]
        try:
            assert picture(bytes(stored), SIDE).shape == (SIDE, SIDE, 3)
        except (ValueError, OSError):
            refused += 1
    assert 100 < refused < 400

import os
import stat

import pytest

from pipeline.artefacts.integrity import HEADER, damaged, is_whole, seal


@pytest.fixture
def sealed(tmp_path):
    path = tmp_path / "maps.h5"
    path.write_bytes(bytes(HEADER) + b"content" * 1000)
    seal(path)
    return path


def test_a_sealed_file_is_whole_and_keeps_its_content(sealed):
    assert is_whole(sealed)
    assert sealed.read_bytes()[HEADER:] == b"content" * 1000


@pytest.mark.parametrize("byte", [0, 20, 40, 100, HEADER - 1, HEADER, 3000, -1])
def test_any_flipped_bit_is_found(sealed, byte):
    content = bytearray(sealed.read_bytes())
    content[byte] ^= 1
    sealed.write_bytes(content)
    assert not is_whole(sealed)


@pytest.mark.parametrize("size", [0, 20, 100, HEADER, HEADER + 1, -1])
def test_a_file_cut_short_is_found(sealed, size):
    sealed.write_bytes(sealed.read_bytes()[:size])
    assert not is_whole(sealed)


def test_a_longer_file_is_found(sealed):
    sealed.write_bytes(sealed.read_bytes() + b"\0")
    assert not is_whole(sealed)


def test_a_damaged_file_is_moved_aside_once(sealed):
    content = sealed.read_bytes()
    error = str(damaged(sealed, "two bits"))
    assert f"{sealed} is damaged (two bits)" in error
    assert "moved aside, to maps.h5.damaged" in error
    assert sealed.with_name("maps.h5.damaged").read_bytes() == content
    assert not sealed.exists()
    assert "Run again" in str(damaged(sealed, "two bits"))  # another job finds it gone


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_where_it_cannot_be_moved_the_user_deletes_it(sealed):
    sealed.parent.chmod(stat.S_IRUSR | stat.S_IXUSR)
    assert "Delete it" in str(damaged(sealed, "two bits"))
    sealed.parent.chmod(stat.S_IRWXU)

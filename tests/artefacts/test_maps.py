import os
import subprocess
import sys

import h5py
import numpy as np
import pytest

from pipeline.artefacts import hdf5
from pipeline.artefacts.maps import MapStore
from pipeline.runtime.errors import UserError

ROWS = [(f"001.Bird/Möwe_{n // 2}.jpg", str(n % 2)) for n in range(60)]


def _maps(seed=0):
    random = np.random.default_rng(seed)
    return random.standard_normal((60, 28, 28), np.float32), random.random(60, np.float32)


def _create(path, **changes):
    maps, probabilities = _maps()
    arguments = {
        "rows": ROWS,
        "shape": (28, 28),
        "method": "joint",
        "targets": "class",
        "units": "p",
        "attributes": {"sha256_weights": "ab", "forwards": 30},
    }
    with MapStore.create(path, **(arguments | changes)) as writer:
        for start in (0, 7, 40):
            stop = {0: 7, 7: 40, 40: 60}[start]
            writer.write(start, maps[start:stop], probabilities[start:stop])


def _empty(path):
    return MapStore.create(
        path, rows=ROWS, shape=(28, 28), method="joint", targets="class", units="p", attributes={}
    )


@pytest.fixture
def path(tmp_path):
    _create(tmp_path / "maps" / "joint.h5")
    return tmp_path / "maps" / "joint.h5"


def test_what_is_written_reads_back(path):
    maps, probabilities = _maps()
    with MapStore.open(path) as store:
        assert store.maps.shape == (60, 28, 28)
        assert len(store.maps) == 60
        assert np.array_equal(store.maps[:], maps)
        assert store.maps[3].dtype == np.float32
        assert np.array_equal(store.class_probability, probabilities)
        assert store.image_ids.tolist() == [image for image, _ in ROWS]
        assert store.targets.tolist() == [target for _, target in ROWS]
        assert store.attributes == {
            "method": "joint", "targets": "class", "units": "p", "sha256_weights": "ab",
            "forwards": 30,
        }  # fmt: skip
        assert store.kind == "class"
        row = store.lookup(*ROWS[41])
        assert row == 41
        assert np.array_equal(store.maps[row], maps[41])


def test_half_precision_keeps_eleven_bits_of_each_maps_own_maximum(tmp_path):
    maps, probabilities = _maps()
    scales = np.float32(10.0) ** np.arange(-30, 30)[:, None, None]  # far outside half precision
    maps *= scales
    maps[5] = 0
    store = MapStore.create(
        tmp_path / "x.h5", rows=ROWS, shape=(28, 28), method="gradient", targets="class",
        units="p", attributes={}, half=True,
    )  # fmt: skip
    with store as writer:
        writer.write(0, maps, probabilities)
    with h5py.File(tmp_path / "x.h5") as file:
        assert file["maps"].dtype == np.float16
    with MapStore.open(tmp_path / "x.h5") as store:
        largest = np.abs(maps).max(axis=(1, 2), keepdims=True)
        error = np.abs(store.maps[:] - maps) / np.where(largest > 0, largest, 1)
        assert error.max() <= 2.0**-11
        assert store.maps[7].dtype == np.float32
        assert np.array_equal(store.maps[7], store.maps[:][7])
        assert np.array_equal(store.maps[[3, 9]], store.maps[:][[3, 9]])
        assert not store.maps[5].any()


def test_an_absent_map_names_image_target_and_file(path):
    with MapStore.open(path) as store:
        for image, target in (("other.jpg", "0"), (ROWS[0][0], "7>0")):
            with pytest.raises(UserError) as caught:
                store.lookup(image, target)
            assert all(part in str(caught.value) for part in (image, target, path.name))


def test_equal_content_gives_equal_bytes_at_another_time(path, tmp_path):
    again = tmp_path / "again.h5"
    # another process, so that nothing that h5py or HDF5 keeps in memory makes them equal
    code = (
        "import time, sys; time.time = lambda: 2e9\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "import test_maps; test_maps._create(sys.argv[2])"
    )
    subprocess.run([sys.executable, "-c", code, os.path.dirname(__file__), again], check=True)
    assert again.read_bytes() == path.read_bytes()


def test_maps_are_compressed_and_locks_are_off(path, monkeypatch):
    with h5py.File(path, "r") as file:
        assert file["maps"].compression == "lzf"
        assert 1 < file["maps"].chunks[0] < 60
    import fcntl

    with MapStore.open(path), open(path, "rb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises if HDF5 holds a lock


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("where", ["maps", "probabilities"])
def test_a_map_that_is_not_finite_is_refused_and_leaves_no_file(tmp_path, value, where):
    maps, probabilities = _maps()
    (maps[12] if where == "maps" else probabilities[12:13])[..., 0] = value
    store = _empty(tmp_path / "x.h5")
    with pytest.raises(UserError, match="joint") as caught, store as writer:
        writer.write(10, maps[10:20], probabilities[10:20])
    assert ROWS[12][0] in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_store_that_is_not_filled_is_not_written(tmp_path):
    maps, probabilities = _maps()
    store = _empty(tmp_path / "x.h5")
    with pytest.raises(ValueError, match="row 59"), store as writer:
        writer.write(0, maps[:59], probabilities[:59])
    assert not list(tmp_path.iterdir())


def test_rows_outside_the_store_are_refused(tmp_path):
    maps, probabilities = _maps()
    store = _empty(tmp_path / "x.h5")
    with pytest.raises(ValueError, match="60"), store as writer:
        writer.write(55, maps[:10], probabilities[:10])


def test_a_failure_keeps_the_earlier_file(path, tmp_path):
    before = path.read_bytes()
    with pytest.raises(ValueError, match="row"):
        _create(path, rows=[*ROWS, ("one more", "0")])
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("size", [0, 1, 100, 3000, -1000, -1])
def test_a_file_cut_short_is_told_with_its_name_and_the_cure(path, size):
    content = path.read_bytes()
    path.write_bytes(content[:size])
    with pytest.raises(UserError, match="moved aside") as caught:
        MapStore.open(path)
    assert str(path) in str(caught.value)
    assert not path.exists()


@pytest.mark.parametrize("place", [0.02, 0.1, 0.5, 0.99])
def test_a_flipped_bit_is_told_wherever_it_is(path, place):
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"its SHA-256 .* moved aside") as caught:
        MapStore.open(path)
    assert str(path) in str(caught.value)
    assert path.with_name("joint.h5.damaged").read_bytes() == content


def test_damage_while_the_file_is_in_use_is_told(path):
    with MapStore.open(path) as store:
        with h5py.File(path, locking=False) as file:
            chunk = file["maps"].id.get_chunk_info(0)
        with path.open("r+b") as stream:
            stream.seek(chunk.byte_offset + chunk.size // 2)
            stream.write(bytes(64))
        with pytest.raises(UserError, match="moved aside"):
            store.maps[:]


def test_another_file_is_no_store(tmp_path):
    path = tmp_path / "other.h5"
    with hdf5.create(path) as file:
        file["maps"] = np.zeros((3, 2, 2), np.float32)
    with pytest.raises(UserError, match=r"other\.h5"):
        MapStore.open(path)
    with hdf5.create(path) as file:  # columns of different length
        file["maps"] = np.zeros((3, 2, 2), np.float32)
        file["image_id"] = np.array([b"a", b"b"], dtype=h5py.string_dtype())
        file["target"] = np.array([b"a", b"b"], dtype=h5py.string_dtype())
        file["class_probability"] = np.zeros(3)
    with pytest.raises(UserError, match="different length"):
        MapStore.open(path)
    path.write_text("no HDF5")
    with pytest.raises(UserError, match=r"other\.h5"):
        MapStore.open(path)
    with pytest.raises(UserError, match=r"absent\.h5 is missing"):
        MapStore.open(tmp_path / "absent.h5")

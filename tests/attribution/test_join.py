import shutil

import h5py
import numpy as np
import pytest

from pipeline.artefacts.maps import MapStore
from pipeline.attribution.join import join
from pipeline.runtime.errors import UserError

SIZES = (3, 5, 2)


def _write(path, rows, maps, **changes):
    arguments = {
        "shape": (6, 6), "method": "cam", "targets": "class", "units": "logit",
        "attributes": {"forwards": len(rows), "sha256_weights": "ab"},
    }  # fmt: skip
    with MapStore.create(path, rows=rows, **(arguments | changes)) as writer:
        writer.write(0, maps, np.linspace(0, 1, len(rows)))


def _maps(count):
    return np.random.default_rng(3).standard_normal((count, 6, 6), np.float32)


@pytest.fixture(params=[False, True], ids=["single", "half"])
def joined(request, tmp_path):
    """A folder with the joined file ``cam.h5`` and its chunks; the maps as one file would be."""
    folder = tmp_path / "100%b"  # HDF5 would read a number into it
    maps, start, paths = _maps(sum(SIZES)), 0, []
    for number, size in enumerate(SIZES):
        rows = [(f"Möwe {row}.jpg", "0") for row in range(start, start + size)]
        paths.append(folder / "chunks" / "cam" / f"{number}.h5")
        _write(paths[-1], rows, maps[start : start + size], half=request.param)
        start += size
    join(paths, folder / "cam.h5")
    return folder


def _read(folder):
    with MapStore.open(folder / "cam.h5") as store:
        return store.maps[:]


def test_rows_of_all_chunks_read_as_one_file(joined):
    expected = _maps(sum(SIZES))
    with MapStore.open(joined / "cam.h5") as store:
        assert np.allclose(store.maps[:], expected, atol=2e-3)
        assert np.array_equal(store.maps[2:9], store.maps[:][2:9])
        assert np.array_equal(store.maps[[0, 3, 9]], store.maps[:][[0, 3, 9]])
        assert np.array_equal(store.maps[store.lookup("Möwe 7.jpg", "0")], store.maps[:][7])
        assert store.attributes["forwards"] == sum(SIZES)
    with h5py.File(joined / "cam.h5") as file:
        assert file["maps"].is_virtual


def test_equal_chunks_give_equal_bytes_and_no_map_is_copied(joined, tmp_path):
    chunks = sorted((joined / "chunks" / "cam").iterdir())
    join(chunks, joined / "again.h5")
    assert (joined / "again.h5").read_bytes() == (joined / "cam.h5").read_bytes()


def test_the_folder_can_be_moved(joined, tmp_path, monkeypatch):
    expected = _read(joined)
    shutil.move(joined, tmp_path / "moved")
    monkeypatch.chdir(tmp_path)
    assert np.array_equal(_read(tmp_path / "moved"), expected)


def test_a_missing_chunk_is_named_even_where_another_stands_in_the_working_directory(
    joined, tmp_path, monkeypatch
):
    decoy = tmp_path / "elsewhere"
    shutil.copytree(joined, decoy)
    monkeypatch.chdir(decoy)
    (joined / "chunks" / "cam" / "1.h5").unlink()
    with h5py.File(joined / "cam.h5") as file:
        assert file["maps"][4].any()  # HDF5 takes the decoy's
    with pytest.raises(UserError, match=r"chunks/cam/1\.h5.* is missing.* again"):
        _read(joined)
    assert not (joined / "cam.h5").exists()  # only then the workflow makes the chunk again


@pytest.mark.parametrize("place", [0.1, 0.5, 0.99])
def test_a_chunk_with_a_flipped_bit_is_named_wherever_it_is(joined, place):
    path = joined / "chunks" / "cam" / "2.h5"
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"chunks/cam/2\.h5 is damaged .* again"):
        _read(joined)
    assert not path.exists()
    assert not (joined / "cam.h5").exists()


def test_a_chunk_that_was_computed_anew_asks_for_a_new_join(joined):
    path = joined / "chunks" / "cam" / "0.h5"
    _write(path, [(f"Möwe {row}.jpg", "0") for row in range(3)], _maps(3) + 1)
    with pytest.raises(UserError, match="was replaced"):
        _read(joined)
    assert path.exists()


def test_damage_from_before_the_join_is_found_by_it(joined):
    chunks = sorted((joined / "chunks" / "cam").iterdir())
    with h5py.File(chunks[1]) as file:
        place = file["maps"].id.get_chunk_info(0).byte_offset + 20
    content = bytearray(chunks[1].read_bytes())
    content[place] ^= 1
    chunks[1].write_bytes(content)
    with pytest.raises(UserError, match=r"1\.h5 is damaged"):
        join(chunks, joined / "new.h5")
    assert not (joined / "new.h5").exists()


def test_chunks_of_different_maps_are_not_joined(tmp_path):
    rows = [("a.jpg", "0")], [("b.jpg", "0")]
    _write(tmp_path / "0.h5", rows[0], _maps(1))
    for name, row, changes in (
        ("weights", rows[1], {"attributes": {"forwards": 1, "sha256_weights": "cd"}}),
        ("half", rows[1], {"half": True}),
        ("method", rows[1], {"method": "joint"}),
    ):
        _write(tmp_path / f"{name}.h5", row, _maps(1), **changes)
        with pytest.raises(UserError, match=rf"{name}\.h5 belongs to other maps"):
            join([tmp_path / "0.h5", tmp_path / f"{name}.h5"], tmp_path / "x.h5")
    with pytest.raises(UserError, match="two chunks hold the same map"):
        join([tmp_path / "0.h5", tmp_path / "0.h5"], tmp_path / "x.h5")

import h5py
import numpy as np
import pytest
from h5py import h5d, h5s, h5t

from pipeline.artefacts.foreign_hdf5 import LARGEST_ROW, check_own_data, is_number
from pipeline.runtime.errors import UserError

MAPS = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


def external_link(file, folder):
    file["maps"] = h5py.ExternalLink("other.h5", "maps")


def soft_link_out(file, folder):
    file["elsewhere"] = h5py.ExternalLink("other.h5", "/")
    file["maps"] = h5py.SoftLink("/elsewhere/maps")


def group(file, folder):
    file.create_group("maps")


def virtual_over_nothing(file, folder):
    layout = h5py.VirtualLayout(MAPS.shape, MAPS.dtype)
    layout[:] = h5py.VirtualSource("missing.h5", "maps", MAPS.shape)
    file.create_virtual_dataset("maps", layout, fillvalue=0)


def external_storage(file, folder):
    raw = [(str(folder / "secret"), 0, MAPS.nbytes)]
    file.create_dataset("maps", MAPS.shape, MAPS.dtype, external=raw)


def chunks_missing(file, folder):
    file.create_dataset("maps", MAPS.shape, MAPS.dtype, chunks=(1, 3, 4))[0] = 1


def never_written(file, folder):
    file.create_dataset("maps", MAPS.shape, MAPS.dtype)


def endless(file, folder):
    file.create_dataset("maps", (2, LARGEST_ROW, 2), MAPS.dtype, chunks=(1, 64, 2))


FAULTS = {
    external_link: "is a link",
    soft_link_out: "is a link",
    group: "is a group",
    virtual_over_nothing: "is a virtual data set",
    external_storage: "keeps its data in .*secret",
    chunks_missing: "1 of 2 chunks",
    never_written: "never written",
    endless: "a row of at most",
}


@pytest.mark.parametrize("make", FAULTS, ids=lambda make: make.__name__)
def test_data_that_are_not_all_in_the_file_are_refused_by_its_name(make, tmp_path):
    (tmp_path / "secret").write_bytes(b"root:x:0:0" * 100)
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["maps"] = MAPS
    path = tmp_path / "given.h5"
    with h5py.File(path, "w") as file:
        make(file, tmp_path)
    with h5py.File(path) as file, pytest.raises(UserError, match=FAULTS[make]) as caught:
        check_own_data(path, file, ("maps",))
    assert f"{path}: `maps`" in str(caught.value)


@pytest.mark.parametrize("options", [{}, {"chunks": (1, 2, 3), "compression": "gzip"}])
def test_data_of_the_file_itself_pass(options, tmp_path):
    with h5py.File(tmp_path / "given.h5", "w") as file:
        file.create_dataset("maps", data=MAPS, **options)
        file["none"] = np.zeros((0, 3))
        file["image_id"] = np.array(["a", "b"], dtype=h5py.string_dtype())
    with h5py.File(tmp_path / "given.h5") as file:
        check_own_data(tmp_path / "given.h5", file, ("maps", "image_id", "target", "none"))


@pytest.mark.parametrize("kind", ["f2", "f4", ">f8", "i1", ">i4", "u2", "?"])
def test_numbers_of_numpy_are_numbers(kind, tmp_path):
    with h5py.File(tmp_path / "given.h5", "w") as file:
        file["maps"] = MAPS.astype(kind)
        assert is_number(file["maps"])


def test_what_numpy_would_read_in_part_is_no_number(tmp_path):
    with h5py.File(tmp_path / "given.h5", "w") as file:
        file["complex"] = MAPS + 1j
        file["record"] = np.zeros(2, dtype=[("a", "f4"), ("b", "f4")])
        file["reference"] = np.array([file.ref], dtype=h5py.ref_dtype)
        file["text"] = "12"
        h5d.create(file.id, b"bits", h5t.STD_B8LE, h5s.create_simple((2, 3)))
        assert not [name for name in file if is_number(file[name])]

import h5py
import pytest

from pipeline.artefacts import hdf5
from pipeline.artefacts.integrity import HEADER
from pipeline.runtime.errors import UserError


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "maps.h5"
    with hdf5.create(path) as file:
        file["numbers"] = [1, 2, 3]
    return path


def test_a_file_is_read_back(path):
    with hdf5.open_checked(path) as file:
        assert file["numbers"][:].tolist() == [1, 2, 3]


def test_a_lost_header_does_not_switch_the_check_off(path):
    with open(path, "r+b") as stream:
        stream.write(bytes(HEADER))
    with h5py.File(path, "r") as file:  # HDF5 itself finds nothing wrong with it
        assert len(file["numbers"]) == 3
    with pytest.raises(UserError, match=r"maps\.h5 is damaged.*moved aside"):
        hdf5.open_checked(path)
    assert not path.exists()

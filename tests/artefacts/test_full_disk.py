"""Every kind of large result on a disk that is too small: one message, and nothing left behind."""

import subprocess

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from pipeline.artefacts.maps import MapStore
from pipeline.artefacts.part_maps import PartMaps
from pipeline.artefacts.records import SCHEMA, write_records
from pipeline.artefacts.scores import write_arrays
from pipeline.artefacts.weights import write_weights
from pipeline.runtime.errors import UserError
from pipeline.settings import Images
from pipeline.sharding.writing import write_shards
from pipeline.training import checkpoints

SIZE = 512 * 1024  # bytes
RANDOM = np.random.default_rng(0)


@pytest.fixture
def disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", folder]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root can mount a small file system")
    yield folder
    subprocess.run(["umount", folder], check=True)


def maps(disk):
    values = RANDOM.standard_normal((500, 28, 28), np.float32)
    rows = [(f"{n}.jpg", "0") for n in range(500)]
    about = {"method": "cam", "targets": "class", "units": "", "attributes": {}}
    with MapStore.create(disk / "cam.h5", rows=rows, shape=(28, 28), **about) as writer:
        writer.write(0, values, np.ones(500))


def part_maps(disk):
    labels = RANDOM.integers(0, 8, (100, 224, 224), np.uint8)
    names = [f"{n}.jpg" for n in range(100)]
    PartMaps(names, labels, np.ones((100, 7), bool), None, {}).save(disk / "part_maps.h5")


def weights(disk):
    write_weights(disk / "weights.safetensors", nn.Linear(1000, 1000).state_dict(), {"job": {}})


def checkpoint(disk):
    checkpoints.save(disk, {"model": {"weight": torch.zeros(1000, 1000)}})


def shards(disk):
    from PIL import Image

    image = disk.parent / "image.png"
    Image.fromarray(RANDOM.integers(0, 256, (448, 448, 3), np.uint8)).save(image)
    records = pd.DataFrame({"image_id": ["a", "b"], "path": [str(image)] * 2, "label": [0, 0]})
    write_shards(records, Images(eval_size=448), "test", disk)


def records(disk):
    columns = dict.fromkeys(SCHEMA.names, [None] * 20000)
    names = [str(name) for name in RANDOM.integers(0, 2**63, 20000)]
    keypoints = [RANDOM.random(45) for _ in range(20000)]
    table = pd.DataFrame({**columns, "image_id": names, "path": names, "keypoints": keypoints})
    write_records(disk / "test.parquet", table)


def arrays(disk):
    write_arrays(disk / "cam.npz", {"per_image": RANDOM.random(200_000)})


@pytest.mark.parametrize("write", [maps, part_maps, weights, checkpoint, shards, records, arrays])
def test_a_full_disk(disk, write):
    with pytest.raises(UserError, match=r"Cannot write .*[Nn]o space left.* Free some space"):
        write(disk)
    assert not [path for path in disk.rglob("*") if path.is_file()]

"""A training whose images come from a server."""

import pandas as pd
import pytest
from shard_server import serve
from small_training import draw_data, job, run

from pipeline.artefacts import fetching
from pipeline.artefacts.files import read_json
from pipeline.runtime.errors import UserError
from pipeline.settings import Images
from pipeline.sharding.remote import copy_manifest


@pytest.fixture
def far(tmp_path, monkeypatch):
    """A folder with the manifests of shards on a server, and the server's faults."""
    monkeypatch.setattr(fetching, "PAUSE", 0.01)
    (tmp_path / "data").mkdir()
    data = draw_data(tmp_path / "data")
    faults = {}
    with serve(data / "shards", faults) as (address, _):
        for split, count in (("train", 40), ("val", 12)):
            names = [f"{split}{index}.png" for index in range(count)]
            records = pd.DataFrame({"image_id": names, "label": [n % 2 for n in range(count)]})
            out = tmp_path / "near" / "shards" / split / "manifest.json"
            images = Images(train_size=40, eval_size=32)
            copy_manifest(records, address, images, split, out)
        (tmp_path / "near" / "classes.csv").write_text((data / "classes.csv").read_text())
        yield tmp_path / "near", faults


def test_a_training_streams_its_images_and_learns(far, tmp_path):
    near, _ = far
    run(near, tmp_path / "out", job(epochs=4))
    last = read_json(tmp_path / "out" / "metrics.json")["last_epoch"]
    assert last["train_loss"] < 0.6 < 0.69  # of a constant
    run(near, tmp_path / "again", job(epochs=4))
    weights = [(tmp_path / name / "weights.safetensors").read_bytes() for name in ("out", "again")]
    assert weights[0] == weights[1]


def test_a_shard_that_is_gone_stops_the_training(far, tmp_path):
    near, faults = far
    faults["train/00000.tar"] = "missing"
    with pytest.raises(UserError, match=r"train/00000\.tar: the server has no such file"):
        run(near, tmp_path / "out", job())

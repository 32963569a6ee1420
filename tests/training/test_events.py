import sys

import pytest

from pipeline.runtime.errors import UserError
from pipeline.training.events import Events

ROWS = [
    {"epoch": 1, "train_loss": 2.5, "val_loss": float("nan")},
    {"epoch": 2, "train_loss": 1.25, "val_loss": float("nan")},
]


def test_without_a_folder_nothing_is_written_or_needed(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    monkeypatch.chdir(tmp_path)
    Events(None).record(ROWS[0])
    assert not list(tmp_path.iterdir())


def test_a_missing_package_is_told_before_training(tmp_path, monkeypatch):
    for name in ("tensorboard", "torch.utils.tensorboard"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UserError, match="pip install tensorboard"):
        Events(tmp_path)


def test_each_epoch_is_a_step(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = Events(tmp_path)
    for row in ROWS:
        events.record(row)
    found = EventAccumulator(str(tmp_path))
    found.Reload()
    assert found.Tags()["scalars"] == ["train_loss"]
    losses = found.Scalars("train_loss")
    assert [(each.step, each.value) for each in losses] == [(1, 2.5), (2, 1.25)]

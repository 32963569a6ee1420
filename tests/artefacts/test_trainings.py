import numpy as np
import pytest

from pipeline.artefacts import trainings
from pipeline.runtime.errors import UserError

EPOCH = dict.fromkeys(trainings.HISTORY, 0.5) | {"epoch": 1, "val_loss": float("nan")}


def test_a_history_is_read_back_with_its_holes(tmp_path):
    trainings.write_history(tmp_path / "history.csv", [EPOCH])
    history = trainings.read_history(tmp_path / "history.csv")
    assert tuple(history.columns) == trainings.HISTORY
    assert np.isnan(history["val_loss"][0])
    trainings.write_history(tmp_path / "none.csv", [])  # weights that are given
    assert len(trainings.read_history(tmp_path / "none.csv")) == 0


def test_a_broken_history_is_named(tmp_path):
    with pytest.raises(UserError, match=r"history\.csv"):
        trainings.read_history(tmp_path / "history.csv")
    (tmp_path / "history.csv").write_text("epoch,lr\n1,0.1\n")
    with pytest.raises(
        UserError, match=r"history\.csv is damaged.*lacks the column images_per_second"
    ):
        trainings.read_history(tmp_path / "history.csv")


def test_metrics_are_read_back(tmp_path):
    path = tmp_path / "metrics.json"
    trainings.write_metrics(path, {"epoch": 3.0}, {"config": "c0"}, {"loss": 0.2})
    assert trainings.read_metrics(path)["best_constant"] == {"loss": 0.2}
    trainings.write_metrics(path, {}, {"config": "c0"}, None)
    assert trainings.read_metrics(path)["best_constant"] is None

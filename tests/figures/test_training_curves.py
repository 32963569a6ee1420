import numpy as np
import pandas as pd
import pytest
from finished_study import history

from pipeline.figures import training
from pipeline.runtime.errors import UserError


def test_training_curves_leave_out_an_empty_val_split(tmp_path):
    histories = {"cam": pd.read_csv(history(tmp_path / "h.csv", val=False))}
    figure = training.training_curves(histories, "title")
    train, val = figure.axes[1].lines
    assert train.get_ydata()[-1] == pytest.approx(82)  # percent
    assert np.isnan(val.get_ydata()).all()


def test_a_missing_history_is_named(draw, tmp_path):
    with pytest.raises(UserError, match=r"history\.csv"):
        draw("training", [tmp_path / "x.png"], history=tmp_path / "history.csv")

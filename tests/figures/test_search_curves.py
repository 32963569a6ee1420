import numpy as np
import pandas as pd
import pytest

from pipeline.figures import search
from pipeline.runtime.errors import UserError


def test_curves_and_draws_are_percent_and_failed_draws_are_crosses_at_zero():
    ledger = pd.DataFrame(
        {
            "lr": [0.1, 0.01, 1.0],
            "score": [0.4, 0.6, np.nan],
            "status": ["ok", "ok", "failed"],
        }
    )
    expected = pd.DataFrame({"draws": [1, 2, 3], "expected_best": [1 / 3, 0.5, 0.6]})
    found = search.Found(ledger, expected)
    figure = search.search_curves({"cam": found, "adl": found}, "title")
    best, rates = figure.axes
    assert len(best.lines) == 2
    np.testing.assert_allclose(best.lines[0].get_ydata(), [100 / 3, 50, 60])
    ok, failed, *_ = rates.collections
    np.testing.assert_allclose(ok.get_offsets(), [[0.1, 40], [0.01, 60]])
    np.testing.assert_allclose(failed.get_offsets(), [[1, 0]])
    assert rates.get_xscale() == "log"
    figure.canvas.draw()
    assert {label.get_text() for label in rates.get_xticklabels()} >= {"0.1", "1"}
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["cam", "adl", "failed"]


@pytest.mark.parametrize("name", ["ledger", "expected"])
def test_a_missing_file_is_named(draw, tmp_path, name):
    with pytest.raises(UserError, match=r"gone\.csv"):
        draw("search", [tmp_path / "x.png"], **{name: tmp_path / "gone.csv"})

import numpy as np
import pytest
from finished_study import identity, score

from pipeline.figures import sanity_curves
from pipeline.runtime.errors import UserError


def measured(values):
    depths = {"00": "head", "01": "layer1", "02": "conv1"}
    return {"values": values, "intervals": {}, "details": {"depths": depths}}


def test_lines_go_through_the_values_of_the_depths():
    values = {"spearman.00": 0.9, "spearman.01": 0.5, "spearman.02": -0.1, "spearman": 0.4}
    values |= {"ssim.00": 0.7, "ssim.02": 0.2}  # not defined at the middle depth
    figure = sanity_curves.sanity_curves({("cam", "cam"): measured(values)}, "title")
    correlation, ssim = [axes for axes in figure.axes if axes.lines]
    _, line = correlation.lines  # the first is zero
    assert (list(line.get_xdata()), list(line.get_ydata())) == ([0, 1, 2], [0.9, 0.5, -0.1])
    _, line = ssim.lines
    assert (list(line.get_xdata()), list(line.get_ydata())) == ([0, 2], [0.7, 0.2])
    assert [tick.get_text() for tick in ssim.get_xticklabels()] == ["head", "layer1", "conv1"]


def test_a_method_that_is_nowhere_defined_has_an_empty_line():
    figure = sanity_curves.sanity_curves({("cam", "uniform"): measured({})}, "title")
    lines = [axes.lines[1] for axes in figure.axes if axes.lines]
    assert [len(line.get_xdata()) for line in lines] == [0, 0]
    figure.canvas.draw()


def test_intervals_are_a_shade():
    known = measured({"ssim.00": 0.7, "ssim.01": 0.4})
    known["intervals"] = {"ssim.00": [0.6, 0.8], "ssim.01": [0.3, 0.5]}
    figure = sanity_curves.sanity_curves({("cam", "cam"): known}, "title")
    (shade,) = figure.axes[1].collections
    np.testing.assert_allclose(
        np.sort(np.unique(shade.get_paths()[0].vertices[:, 1])), [0.3, 0.5, 0.6, 0.8]
    )


def test_a_score_that_names_no_depths_is_refused(draw, tmp_path):
    path = score(tmp_path / "cam.json", "sanity", identity("cam", "cam"), {"ssim.00": 0.5})
    with pytest.raises(UserError, match=r"cam\.json does not name its depths"):
        draw("sanity_curves", [tmp_path / "x.png"], sanity=[path])

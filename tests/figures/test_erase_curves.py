import numpy as np
from finished_study import identity, score

from pipeline.figures import erase_curves
from pipeline.figures.erase_curves import Curve


def curves(count=3, keys=(("blur", "most"),)):
    def one(n):
        return {key: Curve({50.0: 0.5 - n / 100, 10.0: 0.9}, {}) for key in keys}

    return {("cam", f"m{n}"): one(n) for n in range(count)}


def test_curves_are_read_from_the_values_with_their_intervals():
    values = {
        "relative.noisy_linear.most.10": 0.9,
        "relative.noisy_linear.most.50": 0.4,
        "relative.blur.least.0.5": 1.2,
        "relative.blur.least": 1.1,
        "accuracy.blur.least.10": 0.7,
        "relative": 0.5,
    }
    found = erase_curves.read_curves(
        {"values": values, "intervals": {"relative.noisy_linear.most.50": [0.3, 0.6]}}
    )
    assert found == {
        ("noisy_linear", "most"): Curve({10: 0.9, 50: 0.4}, {50: (0.3, 0.6)}),
        ("blur", "least"): Curve({0.5: 1.2}, {}),
    }


def test_lines_go_through_the_values_in_the_order_of_k():
    figure = erase_curves.erase_curves(curves(), "title")
    panel = figure.axes[0]
    random, *drawn = panel.lines
    assert set(random.get_ydata()) == {1}
    for n, line in enumerate(drawn):
        assert list(line.get_xdata()) == [10, 50]
        np.testing.assert_allclose(line.get_ydata(), [0.9, 0.5 - n / 100])
    assert panel.get_ylim()[0] == 0
    assert panel.get_title() == "blur: most important first"


def test_intervals_are_a_shade_from_low_to_high():
    intervals = {10.0: (0.8, 1.0), 50.0: (0.3, 0.6)}
    known = {("cam", "cam"): {("blur", "most"): Curve({10.0: 0.9, 50.0: 0.4}, intervals)}}
    figure = erase_curves.erase_curves(known, "title")
    (shade,) = figure.axes[0].collections
    corners = {tuple(np.round(corner, 6)) for corner in shade.get_paths()[0].vertices}
    assert corners == {(k, end) for k, ends in intervals.items() for end in ends}
    partly = {("cam", "cam"): {("blur", "most"): Curve({10.0: 0.9, 50.0: 0.4}, {10.0: (0, 1)})}}
    assert not erase_curves.erase_curves(partly, "title").axes[0].collections


def test_a_panel_an_eraser_and_order_and_rows_where_there_are_many():
    few = [("blur", "least"), ("blur", "most")]
    figure = erase_curves.erase_curves(curves(3, few), "title")
    assert [a.get_title() for a in figure.axes if a.lines] == [
        "blur: most important first",
        "blur: least important first",
    ]
    many = [(eraser, order) for eraser in "abc" for order in ("least", "most")]
    figure = erase_curves.erase_curves(curves(14, many), "title")
    titles = [a.get_title() for a in figure.axes if a.lines]
    rows = [
        [f"{eraser}: {order} important first" for eraser in "abc"] for order in ("most", "least")
    ]
    assert titles == rows[0] * 2 + rows[1] * 2  # 14 lines are two groups


def test_a_method_without_some_eraser_is_left_out_there():
    known = curves(2, [("blur", "most"), ("zero", "most")])
    del known["cam", "m1"]["zero", "most"]
    figure = erase_curves.erase_curves(known, "title")
    assert [len(a.lines) - 1 for a in figure.axes if a.lines] == [2, 1]


def test_where_nothing_is_defined_the_figure_says_so(draw, tmp_path):
    path = score(
        tmp_path / "cam.json", "erase", identity("cam", "cam"), {"accuracy.blur.most.10": 0}
    )
    draw("erase_curves", [tmp_path / "x.svg"], erase=[path])
    figure = erase_curves.erase_curves({("cam", "cam"): {}}, "birds")
    assert "not defined" in figure.texts[0].get_text()
    assert not figure.axes

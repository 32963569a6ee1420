import numpy as np

from pipeline.figures import reliability

CURVE = [
    {"confidence": 0.3, "accuracy": 0.5, "low": 0.2, "high": 0.8, "images": 1},
    {"confidence": 0.9, "accuracy": 0.7, "low": 0.6, "high": 0.8, "images": 6},
]


def test_a_line_for_each_model_over_the_numbers_of_images():
    figure = reliability.reliability({"cam": CURVE, "calm_em": CURVE[1:]}, "title")
    above, below = figure.axes
    diagonal, cam, calm = above.lines
    assert list(diagonal.get_xdata()) == list(diagonal.get_ydata()) == [0, 1]
    assert (list(cam.get_xdata()), list(cam.get_ydata())) == ([0.3, 0.9], [0.5, 0.7])
    assert (list(calm.get_xdata()), list(calm.get_ydata())) == ([0.9], [0.7])
    assert [text.get_text() for text in above.get_legend().get_texts()] == ["cam", "calm_em"]
    assert [list(line.get_ydata()) for line in below.lines] == [[1, 6], [6]]
    figure.canvas.draw()
    assert all(tick == int(tick) for tick in below.get_yticks())  # of whole images
    shade = above.collections[0].get_paths()[0].vertices[:, 1]
    np.testing.assert_allclose(np.unique(shade), [0.2, 0.6, 0.8])


def test_many_models_stand_side_by_side():
    figure = reliability.reliability({f"model{n}": CURVE for n in range(13)}, "title")
    assert len(figure.axes) > 2
    assert sum(len(axes.lines) for axes in figure.axes if axes.get_legend()) == 13 + len(
        [axes for axes in figure.axes if axes.get_legend()]
    )

import numpy as np
import pytest
from finished_study import PAIRS, SIDE

from pipeline.artefacts.pairs import write_pairs
from pipeline.figures import counterfactual
from pipeline.figures.pair_images import Example


def test_counterfactuals_are_red_for_a_blue_for_b_and_white_at_zero():
    signed = np.zeros((SIDE, SIDE))
    signed[:8], signed[-8:] = 0.002, -0.004
    example = Example(
        "title", np.zeros((SIDE, SIDE, 3), np.uint8), signed > 0, signed > -1, {"v/m": signed}
    )
    figure = counterfactual.counterfactual([example], "title")
    panel = figure.axes[2]
    colours = panel.images[0].to_rgba(panel.images[0].get_array())
    red, _, blue = colours[0, 0, :3]
    assert red > blue + 0.2
    red, _, blue = colours[-1, 0, :3]
    assert blue > red + 0.2
    assert min(colours[SIDE // 2, 0, :3]) > 0.95
    assert panel.get_title() == "±0.004"


def test_gradient_maps_stand_beside_those_of_their_variant():
    maps = {name: np.eye(8) for name in ("cam/cam", "cam/vargrad", "calm/counterfactual")}
    images = np.zeros((SIDE, SIDE, 3), np.uint8), np.ones((SIDE, SIDE), bool)
    example = Example("title", *images, images[1], maps)
    figure = counterfactual.counterfactual([example], "title")
    named = [[text.get_text() for text in panel.texts] for panel in figure.axes[2:5]]
    assert named == [["cam", "cam"], ["vargrad"], ["counterfactual", "calm"]]


@pytest.mark.parametrize("name", ["contrast", "counterfactual"])
def test_without_part_maps_maps_lie_over_the_image(draw, tmp_path, name):
    write_pairs(tmp_path / "pairs.csv", PAIRS[:1].assign(parts=[()], n_parts=0))
    draw(name, [tmp_path / "x.png"], part_maps=None, pairs=tmp_path / "pairs.csv")
    assert (tmp_path / "x.png").exists()


def test_without_a_cue_there_is_no_panel_of_it():
    example = Example("title", np.zeros((SIDE, SIDE, 3), np.uint8), None, None, {"v/m": np.eye(8)})
    figure = counterfactual.counterfactual([example], "title")
    assert len(figure.axes) == 3  # image, map, colour bar
    texts = [text.get_text() for panel in figure.axes for text in panel.texts]
    assert "cue mask" not in texts

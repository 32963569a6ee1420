import numpy as np
import pytest
from PIL import Image

from pipeline.figures import style
from pipeline.figures.__main__ import FIGURES
from pipeline.runtime.errors import UserError


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_drawn_with_equal_bytes_and_without_a_date(draw, tmp_path, name):
    for folder in ("a", "b"):
        draw(name, [tmp_path / folder / f"{name}.{suffix}" for suffix in ("png", "svg")])
    for suffix in ("png", "svg"):
        first, second = (tmp_path / folder / f"{name}.{suffix}" for folder in ("a", "b"))
        assert first.read_bytes() == second.read_bytes()
    with Image.open(tmp_path / "a" / f"{name}.png") as image:
        assert "Software" not in image.info
        assert np.asarray(image.convert("L")).std() > 10
    text = (tmp_path / "a" / f"{name}.svg").read_text()
    assert "dc:date" not in text
    assert 'href="http' not in text


def test_dpi_sets_the_resolution(draw, tmp_path):
    sizes = []
    for dpi in (40, 80):
        draw("training", [tmp_path / "x.png"], {"dpi": dpi})
        with Image.open(tmp_path / "x.png") as image:
            sizes.append(image.size[0])
    assert sizes[1] == pytest.approx(2 * sizes[0], abs=3)


def test_another_kind_of_file_is_refused(draw, tmp_path):
    with pytest.raises(UserError, match=r"x\.pdf"):
        draw("training", [tmp_path / "x.pdf"])


def test_colours_repeat_only_after_the_palette():
    assert len(set(style.colours(list("abcdefg")).values())) == 7

import importlib
import inspect
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from pipeline.figures import style
from pipeline.figures.__main__ import FIGURES, run
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


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_a_typed_function_of_its_arguments(name):
    draw = importlib.import_module(f"pipeline.figures.{name}").draw
    parameters = inspect.signature(draw).parameters
    for parameter in parameters.values():
        assert parameter.annotation not in (inspect.Parameter.empty, "Namespace")
        described = f"        {parameter.name}: "
        assert described in draw.__doc__


def test_lists_of_names_and_files_must_be_of_one_length(study, tmp_path):
    given = ["training", "--section", "{}", "--title", "x", "--out", str(tmp_path / "x.png")]
    with pytest.raises(UserError, match="--histories: give one file for each of --variants"):
        run([*given, "--variants", "a", "b", "--histories", str(study["history"])])


def test_the_command_line_imports_the_figure_that_it_draws_alone(study, tmp_path):
    code = (
        "import sys; from pipeline.figures.__main__ import run; run(sys.argv[1:]); "
        "print(*sorted(name for name in sys.modules if name.startswith('pipeline.figures.')))"
    )
    given = ["training", "--section", "{}", "--title", "x", "--out", str(tmp_path / "x.png")]
    given += ["--variants", "a", "--histories", str(study["history"])]
    ran = subprocess.run([sys.executable, "-c", code, *given], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    modules = {name.removeprefix("pipeline.figures.") for name in ran.stdout.split()}
    assert modules == {"__main__", "arguments", "style", "training"}


def test_a_wrong_name_lists_those_there_are(capsys):
    with pytest.raises(SystemExit):
        run(["picture"])
    assert "cue_scores" in capsys.readouterr().err

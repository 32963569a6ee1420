import ast
from pathlib import Path

from pipeline.figures.__main__ import FIGURES
from pipeline.runtime.codegraph import PACKAGE, WITHOUT_EFFECT, _statements, code_digest, code_of
from pipeline.settings import Training


def names(*modules):
    return {Path(path).relative_to(PACKAGE).as_posix() for path in code_of(*modules)}


def test_imports_are_followed_and_other_stages_left_out():
    train = names("pipeline.training")
    assert {
        "training/loop.py",
        "calm.py",
        "images/loading.py",
        "models/heads.py",
        "models/__init__.py",
    } <= train
    assert not train & {"tables/table.py", "report/page.py", "evaluation/pxap.py"}


def test_no_import_of_any_module_is_missed():
    """Those inside functions, branches and handlers too: a walk over all nodes is the oracle."""
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text())
        found = [
            each for each in _statements(tree) if isinstance(each, ast.Import | ast.ImportFrom)
        ]
        walked = [each for each in ast.walk(tree) if isinstance(each, ast.Import | ast.ImportFrom)]
        assert {*found} == {*walked}, path


def test_a_package_stage_brings_its_command_line():
    assert "attribution/__main__.py" in names("pipeline.attribution")
    assert "datasets/__main__.py" not in names("pipeline.datasets.synthbirds")


def test_a_training_consists_of_its_own_method_alone():
    code = [Training(method=method).code for method in ("cam", "inca", "spg")]
    cam, inca, spg = (names("pipeline.training", *modules) for modules in code)
    assert not any(name.startswith("models/methods/") for name in cam)
    assert {"models/methods/inca.py", "models/methods/adl.py"} <= inca  # places are adl's
    assert "models/methods/spg.py" in spg
    assert "models/methods/adl.py" not in spg


def test_a_figure_consists_of_its_own_module_alone():
    plot = names("pipeline.figures", "pipeline.figures.cue_scores")
    assert {"figures/__main__.py", "figures/cue_scores.py", "figures/style.py"} <= plot
    others = {f"figures/{figure}.py" for figure in FIGURES} - {"figures/cue_scores.py"}
    assert len(others) == len(FIGURES) - 1
    assert not plot & others


def test_modules_without_effect_on_results_are_no_code_input():
    everything = names(*(f"pipeline.{room.name}" for room in PACKAGE.iterdir() if room.is_dir()))
    assert everything
    assert not everything & {f"{name.replace('.', '/')}.py" for name in WITHOUT_EFFECT}


def test_the_modules_left_out_exist():
    for name in WITHOUT_EFFECT:
        place = PACKAGE.joinpath(*name.split("."))
        assert place.is_dir() or place.with_suffix(".py").is_file()


def test_the_digest_is_stable_and_depends_on_the_modules():
    assert code_digest("pipeline.training") == code_digest("pipeline.training")
    assert code_digest("pipeline.training") != code_digest("pipeline.sharding")

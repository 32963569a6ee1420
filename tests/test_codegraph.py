from pathlib import Path

from pipeline.codegraph import PACKAGE, WITHOUT_EFFECT, code_digest, code_of


def names(*modules):
    return {Path(path).relative_to(PACKAGE).as_posix() for path in code_of(*modules)}


def test_imports_are_followed_and_other_stages_left_out():
    train = names("pipeline.train")
    assert {"train.py", "calm.py", "loading.py", "models/heads.py", "models/__init__.py"} <= train
    assert not train & {"tables.py", "report.py", "evaluation/pxap.py"}


def test_a_package_stage_brings_its_command_line():
    assert "attribution/__main__.py" in names("pipeline.attribution")
    assert "datasets/__main__.py" not in names("pipeline.datasets.synthbirds")


def test_modules_without_effect_on_results_are_no_code_input():
    everything = names(*(f"pipeline.{p.stem}" for p in PACKAGE.glob("*.py")))
    assert everything
    assert not everything & {f"{name}.py" for name in WITHOUT_EFFECT}


def test_the_modules_left_out_exist():
    assert all((PACKAGE / f"{name}.py").is_file() for name in WITHOUT_EFFECT)


def test_the_digest_is_stable_and_depends_on_the_modules():
    assert code_digest("pipeline.train") == code_digest("pipeline.train")
    assert code_digest("pipeline.train") != code_digest("pipeline.shards")

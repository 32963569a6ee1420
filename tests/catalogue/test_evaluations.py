import ast
import importlib
import inspect
import sys
from pathlib import Path

import pytest

from pipeline import settings
from pipeline.artefacts.scores import TASKS
from pipeline.artefacts.targets import KINDS
from pipeline.catalogue.evaluations import (
    BASES,
    EVALUATIONS,
    OF_PREDICTIONS,
    code_of_evaluation,
)
from pipeline.catalogue.tables import TABLES, columns_of, ranked_columns
from pipeline.evaluation import __main__ as entry_point
from pipeline.runtime.codegraph import code_of
from pipeline.settings.evaluation import section_of


@pytest.mark.parametrize("name", [*EVALUATIONS, *BASES])
def test_every_evaluation_is_a_function_of_a_subject_and_its_section(name):
    module = importlib.import_module(code_of_evaluation(name))
    parameters = inspect.signature(module.measure).parameters
    assert list(parameters) == ["subject", "section"]
    section, read = parameters["section"].annotation, section_of(BASES.get(name, name))
    assert section.__name__ == read.__name__
    # the config has a copy of a section that an evaluation's own file declares
    assert section.model_json_schema() == read.model_json_schema()
    assert name in TASKS


@pytest.mark.parametrize("name", [*EVALUATIONS, *OF_PREDICTIONS])
def test_every_evaluation_has_columns_of_tables_that_there_are(name):
    entry = (EVALUATIONS | OF_PREDICTIONS)[name]
    assert set(entry.targets) <= set(KINDS)
    assert entry.columns
    for column in entry.columns:
        assert name in TABLES[column.table][0]
        assert not ((column.ranked or column.words) and column.better == "neither")
    assert len({column.value for column in entry.columns}) == len(entry.columns)


def test_the_columns_of_a_table_come_from_the_catalogue():
    assert list(columns_of("faithfulness")) == [
        "insertion_deletion", "pointing_game", "relevance", "grid_pointing", "infidelity",
        "sensitivity_n", "contrastive_deletion", "complexity", "sanity", "random_logit",
    ]  # fmt: skip
    assert [column.value for column in columns_of("erasing")["erase"]] == [
        *(f"auc.{eraser}.most" for eraser in ("blur", "zero", "mean", "noisy_linear")),
        *(f"relative.blur.most.{k}" for k in (10, 50, 90)),
        *(f"auc.{eraser}.least" for eraser in ("blur", "zero", "mean", "noisy_linear")),
        "auc_kept.blur.most",
    ]
    assert {
        name: [column.value for column in of] for name, of in ranked_columns("raw").items()
    } == {
        "cue_localization": ["mpxap_weighted_raw"],
        "wsol": ["class.maxboxaccv2"],
        "erase": ["auc.blur.most", "auc.blur.least"],
        "insertion_deletion": ["insertion", "deletion"],
        "pointing_game": ["hit_rate", "energy"],
        "grid_pointing": ["localisation"],
        "infidelity": ["infidelity_share", "max_sensitivity"],
    }


def test_the_config_has_a_section_for_every_evaluation():
    fields = settings.Evaluation.model_fields
    assert [name for name in fields if name in EVALUATIONS] == list(EVALUATIONS)
    section = settings.Evaluation.model_validate({"pointing_game": {"tolerance": 0.1}})
    assert section.of("pointing_game") == settings.PointingGame(tolerance=0.1)
    assert section.of("axioms") is None
    # names without a class of their own, one of them called like something else in that module
    assert section_of("anything_else") is section_of("eraser") is settings.MapEvaluation


def test_the_entry_point_imports_no_evaluation():
    modules = {Path(importlib.import_module(entry.code).__file__) for entry in EVALUATIONS.values()}
    assert not modules & {Path(path) for path in code_of("pipeline.evaluation")}
    assert Path(entry_point.__file__) in {Path(path) for path in code_of("pipeline.evaluation")}


def test_the_catalogue_needs_no_heavy_package():
    for name in ("evaluations", "tables", "methods"):
        path = Path(sys.modules[f"pipeline.catalogue.{name}"].__file__)
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom | ast.Import):
                names = [node.module] if isinstance(node, ast.ImportFrom) else [node.names[0].name]
                for module in names:
                    top = module.split(".")[0]
                    assert top in sys.stdlib_module_names or module.startswith("pipeline.catalogue")

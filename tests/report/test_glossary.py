from finished_study import JOB, identity, score, tables_json

from pipeline.artefacts.table import Tables, load
from pipeline.catalogue.methods import METHODS
from pipeline.catalogue.training_methods import TRAINING_METHODS
from pipeline.report.glossary import MAPS, TRAININGS, glossary
from pipeline.report.headline import headline
from pipeline.settings import TablesJob
from pipeline.tables.__main__ import build
from pipeline.tables.scores import read_groups


def test_every_way_of_training_is_explained():
    assert TRAININGS.keys() == {*TRAINING_METHODS, "given"}


def test_maps_are_explained_in_words_of_their_own_or_by_their_values(monkeypatch, tmp_path):
    assert MAPS.keys() <= METHODS.keys()
    assert len(set(MAPS.values())) == len(MAPS)
    monkeypatch.delitem(MAPS, "joint")  # as of a method that has just been added
    found = {name: meaning for _, name, meaning in glossary(headline(load(tables_json(tmp_path))))}
    assert found["joint"] == "its values: p(y, z|x)"
    assert found["conditional"] == MAPS["conditional"]


def test_the_baselines_of_gaze_are_explained(tmp_path):
    who = ("cam", "cam"), (None, "viewers"), (None, "center_gaussian"), (None, "uniform")
    paths = [
        score(tmp_path / f"{method}.json", "gaze", identity(variant, method), {"box.nss": 0.5})
        for variant, method in who
    ]
    tables = build(read_groups(paths), {}, TablesJob.model_validate(JOB))
    found = glossary(headline(Tables(tables=tuple(tables))))
    assert [name for kind, name, _ in found if kind == "baseline"] == [
        "viewers", "center_gaussian", "uniform",
    ]  # fmt: skip


def test_models_maps_measures_and_baselines_of_the_study_are_explained_once(tmp_path):
    found = glossary(headline(load(tables_json(tmp_path))))
    names = [(kind, name) for kind, name, _ in found]
    assert len(names) == len(set(names))
    assert names == [
        *(("model", name) for name in ("cam", "calm_em", "calm_ml")),
        *(("map", name) for name in ("cam", "joint", "conditional")),
        *(("measure", name) for name in ("Top-1 accuracy", "Cues: mPxAP", "MaxBoxAccV2")),
        *(("baseline", name) for name in ("chance", "always_head", "center_gaussian")),
    ]
    assert all(meaning for *_, meaning in found)

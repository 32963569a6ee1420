from finished_study import tables_json

from pipeline.artefacts.table import load
from pipeline.catalogue.training_methods import TRAINING_METHODS
from pipeline.report.glossary import TRAININGS, glossary
from pipeline.report.headline import headline


def test_every_way_of_training_is_explained():
    assert TRAININGS.keys() == {*TRAINING_METHODS, "given"}


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

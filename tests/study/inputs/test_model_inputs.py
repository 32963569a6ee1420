import json

from workflow_config import study_of, study_with

from pipeline.artefacts.paths import OWN_MAPS, WITHOUT_MODEL, Names
from pipeline.study.inputs.models import ModelInputs, names_of

CAM = Names("birds", "pretrained", "cam", 4)


def test_the_models_of_a_study(study, paths):
    models = ModelInputs(study, paths)
    assert models.all() == [
        "out/models/others/small/attributes/seed0/weights.safetensors",
        *(
            f"out/models/birds/pretrained/{variant}/seed{seed}/weights.safetensors"
            for variant in ("cam", "calm_em")
            for seed in (3, 4)
        ),
    ]
    assert names_of(study.models())[0] == Names("others", "small", "attributes", 0)
    assert [models.is_studied(name) for name in ("others", "birds")] == [False, True]
    assert models.first_seed("birds") == 3


def test_patterns_of_architectures_and_variants(study, paths):
    models = ModelInputs(study, paths)
    assert models.architectures().split("|") == [*study.architectures]
    assert models.variants() == "attributes|calm_em|cam"
    maps = {"theirs": {"path": "maps.h5", "dataset": "birds"}}
    models = ModelInputs(study_with(own_maps=maps), paths)
    assert models.architectures().split("|") == [*study.architectures, WITHOUT_MODEL]
    assert models.variants() == f"attributes|calm_em|cam|{OWN_MAPS}"


def test_a_model_starts_from_another_of_the_study(study, paths):
    found = ModelInputs(study, paths).weights_to_start_from(CAM)
    # the other data set has no seed 4
    assert found == ["out/models/others/small/attributes/seed0/weights.safetensors"]


def test_a_model_starts_from_a_file_that_is_there(tmp_path, paths):
    for weights, expected in (
        (str(tmp_path / "w.pth"), [str(tmp_path / "w.pth")]),
        (str(tmp_path / "missing.pth"), []),  # the stage says what is missing
        ("none", []),
        ("torchvision:ResNet50_Weights.IMAGENET1K_V1", []),
        ("package:pipeline/py.typed", ["pipeline/py.typed"]),
        ("package:nowhere/w.pth", []),  # a job may run in another environment
    ):
        (tmp_path / "w.pth").touch()
        study = study_of({"draw": {}}, weights)
        found = ModelInputs(study, paths).weights_to_start_from(Names("birds", "small", "cam", 0))
        assert found == expected


def test_weights_that_are_given_need_no_shards(study, paths):
    models = ModelInputs(study, paths)
    assert models.train_shards(CAM) == ["out/shards/birds/train/manifest.json"]
    assert models.val_shards(CAM) == ["out/shards/birds/val/manifest.json"]
    given = ModelInputs(study_with(training={"epochs": 0}), paths)
    assert given.train_shards(CAM) == given.val_shards(CAM) == []
    assert not given.is_trained("birds")


def test_a_search_names_its_draws_and_hands_on_what_it_found(study, paths):
    assert ModelInputs(study, paths).found_keys(CAM) == []
    searching = study_with(search={"draws": 2, "variants": ["cam"]})
    models = ModelInputs(searching, paths)
    folder = "out/search/birds/pretrained/cam"
    assert models.found_keys(CAM) == [f"{folder}/best.json"]
    assert models.draws(CAM) == [f"{folder}/draw0.json", f"{folder}/draw1.json"]
    assert models.searched() == [Names("birds", "pretrained", "cam")]
    section = json.loads(models.draw_section(Names("birds", "pretrained", "cam", draw="1")))
    assert section["number"] == 1

from workflow_config import study_with

from pipeline.study.advice import advice


def advised(trunk="squeezenet1_0", weights="w.pth", **keys):
    """What is said of the architecture `pretrained` of the tests' study with such a trunk."""
    pretrained = {"trunk": trunk, "weights": weights}
    small = {"trunk": "resnet_small"}
    study = study_with(architectures={"small": small, "pretrained": pretrained}, training=keys)
    return [text for text in advice(study) if "/pretrained/" in text]


def test_squeezenet_with_weights_of_scale_one_is_warned_about():
    found = advised()
    assert found
    assert all("`class_init_scale: 0.02` and `location_init_scale: 0.02`" in each for each in found)
    only = advised(class_init_scale=0.02)
    assert only
    assert all("give the variant `location_init_scale: 0.02` (" in each for each in only)


def test_other_trunks_scales_and_random_weights_are_fine():
    assert advised(class_init_scale=0.02, location_init_scale=0.02) == []
    assert advised(trunk="resnet50") == []
    assert advised(weights="none") == []

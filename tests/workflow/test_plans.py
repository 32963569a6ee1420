import pytest
from workflow_run import plan


@pytest.mark.parametrize(
    ("config", "job"),
    [
        ("config", "attribute_calm synthbirds/small_pretrained/calm_em/seed0/test"),
        ("full", "attribute_noise synthbirds/small_pretrained/cam/seed0/test"),
        ("search", "search_draw synthbirds/small_pretrained/cam/9"),
        ("trunks", "train fewbirds/vgg16/inca/seed0"),
        ("paper", "wsol imagenet/resnet50/calm_ml/seed2/subset"),
        ("cub_gaze", "gaze_baseline cub/viewers"),
        ("cub_released", "cue_localization cub/lite0/calm_em/seed0/joint"),
    ],
)
def test_shipped_configs_can_be_planned(checkout, config, job):
    """Also where the data is not there: a plan reads no file of a data set."""
    assert job in plan(checkout, "--forceall", config=f"config/{config}.yaml")

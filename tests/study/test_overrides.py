import pytest
import yaml
from small_config import changed

from pipeline.runtime.errors import UserError
from pipeline.study import overrides
from pipeline.study.loading import load


@pytest.mark.parametrize("joint", [".", "__"])
def test_keys_of_the_command_line_win_over_file_and_base(tmp_path, joint):
    (tmp_path / "base.yaml").write_text(yaml.safe_dump(changed()))
    (tmp_path / "own.yaml").write_text("extends: base.yaml\ntraining: {lr: 0.5, epochs: 7}\n")
    key = joint.join(("training", "lr"))
    study = load(tmp_path / "own.yaml", settings={key: "0.01"})
    training = study.training_of("birds", "cam")
    assert (training.lr, training.epochs) == (0.01, 7)
    assert load(tmp_path / "own.yaml").training_of("birds", "cam").lr == 0.5


def test_what_snakemake_read_from_its_command_line_is_taken_apart():
    """Its values are numbers, or texts such as "true", where YAML has no number."""
    study = load(
        changed(
            training__lr=0.01,
            training__flip="false",
            datasets__birds__seeds=["3", "4"],
            evaluation__erase="null",
            seeds=["1"],
        )
    )
    training = study.training_of("birds", "cam")
    assert (training.lr, training.flip) == (0.01, False)
    assert study.datasets["birds"].seeds == (3, 4)
    assert study.evaluation.erase is None


def test_a_whole_section_and_keys_in_it_go_together():
    settings = overrides.parsed(["training.lr=0.25", "training.epochs=3"])
    training = load(changed(), settings=settings).training_of("birds", "cam")
    assert (training.lr, training.epochs) == (0.25, 3)
    with_draw = load(changed(), settings={"datasets.birds.variants.cam": "{lr: 0.125}"})
    assert with_draw.training_of("birds", "cam").lr == 0.125


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("training.learning_rate", "training: learning_rate: unknown key; did you mean 'lr'"),
        ("training.lrr", "lrr: unknown key; did you mean 'lr'"),
        ("trainning.lr", "trainning: unknown key; did you mean 'training'"),
        ("arch.small.trunk", "arch: unknown key; did you mean 'architectures'"),
        ("architectures.small.backbone", "backbone: unknown key; did you mean 'trunk'"),
        ("datasets.brids.images.eval_size", "datasets has no 'brids' to change; did you mean 'b"),
        ("datasets.birds.variants.came.lr", "variants has no 'came' to change; did you mean 'cam"),
        ("training.bs", "bs: unknown key; did you mean 'batch_size'"),
    ],
)
def test_a_wrong_key_is_answered_with_the_right_one(key, message):
    with pytest.raises(UserError) as caught:
        load(changed(), settings={key: "8"})
    assert message in str(caught.value)


def test_a_new_name_may_be_set_as_a_whole():
    study = load(changed(), settings={"datasets.birds.variants.more": "{method: cam}"})
    assert "more" in study.datasets["birds"].variants


@pytest.mark.parametrize("setting", ["training.lr", "=3"])
def test_a_setting_needs_a_key_and_a_value(setting):
    with pytest.raises(UserError, match=r"KEY=VALUE, such as training\.lr"):
        overrides.parsed([setting])


def test_snakemake_takes_two_underscores():
    assert overrides.joined("training.lr=0.01") == "training__lr=0.01"
    assert overrides.joined("results=a.b") == "results=a.b"

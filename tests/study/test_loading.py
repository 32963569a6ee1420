import re

import pytest
import yaml
from small_config import changed

from pipeline.runtime.errors import UserError
from pipeline.study.loading import load
from pipeline.study.presets import PRESETS
from pipeline.study.renamed import RENAMED


def test_the_released_preset_lies_under_the_config():
    released = load(changed(protocol="released"))
    assert released.training_of("birds", "calm_em").location == "relu"
    assert released.cues.truncate_keypoints
    own = load(changed(protocol="released", cues={"truncate_keypoints": False}))
    assert not own.cues.truncate_keypoints
    assert not load(changed()).cues.truncate_keypoints
    assert released.evaluation.cue_localization.normalisations[0] == "released"
    assert released.attribution.target == "logit"
    assert not released.attribution.gradient_maps.minmax


def test_the_released_preset_asks_for_no_evaluation():
    assert load(changed(protocol="released")).evaluation.erase is None
    off = load(changed(protocol="released", evaluation={"erase": None}))
    assert off.evaluation.erase is None
    asked = changed(protocol="released", evaluation={"erase": {"random_draws": 2}})
    erase = load(asked).evaluation.erase
    assert erase.erasers == ("zero",)
    assert erase.fractions == (0.1, 0.3, 0.5, 0.7, 0.9)
    assert erase.random_draws == 2
    plain = load(changed(evaluation={"erase": {}})).evaluation.erase
    assert plain.erasers == ("blur",)
    with pytest.raises(UserError, match="evaluation"):
        load(changed(protocol="released", evaluation=3))


def test_every_key_of_the_released_preset_changes_its_default():
    """So that the list in config/README.md says nothing that holds anyway, but for the target."""
    asked = {"evaluation": {"erase": {}}}
    plain, released = load(changed(**asked)), load(changed(**asked, protocol="released"))

    def unchanged(preset, found, default, path=""):
        for key, value in preset.items():
            one, other = getattr(found, key), getattr(default, key)
            if isinstance(value, dict):
                yield from unchanged(value, one, other, f"{path}{key}.")
            elif one == other:
                yield path + key

    preset = dict(PRESETS["released"])
    of_training = [study.training_of("birds", "calm_em") for study in (released, plain)]
    assert not list(unchanged(preset.pop("training"), *of_training))
    assert list(unchanged(preset, released, plain)) == ["attribution.target"]


def test_all_problems_are_listed_at_once_with_the_nearest_name():
    raw = changed(seedz=[1])
    raw["architectures"]["small"]["trunk"] = "resnet_smal"
    raw["datasets"]["birds"]["draw"]["clases"] = 3
    raw["datasets"]["birds"]["variants"]["cam"] = {"epochs": -1, "lrr": 2}
    with pytest.raises(UserError) as caught:
        load(raw)
    text = str(caught.value)
    assert "seedz: unknown key; did you mean 'seeds'?" in text
    assert "datasets.birds.draw.clases: unknown key; did you mean 'classes'?" in text
    assert "architectures.small.trunk" in text
    assert "resnet_smal" in text
    assert "datasets.birds.variants.cam: epochs: Input should be greater" in text
    assert "lrr: unknown key; did you mean 'lr'?" in text
    assert text.startswith("4 problem(s)")


@pytest.mark.parametrize(
    ("place", "value", "expected"),
    [
        (("datasets", "birds", "variants", "cam"), {"lrr": 1}, "did you mean 'lr'?"),
        (("datasets", "birds", "variants", "cam"), {"lr": -1}, "greater than 0"),
        (("datasets", "birds", "variants"), {"came": {}}, "did you mean 'cam'?"),
        (("datasets", "birds", "architectures"), ["smal"], "did you mean 'small'?"),
        (("architectures", "small", "weights"), "model:a/b/c", "trains no model 'a/b/c'"),
        (("datasets", "birds", "root"), "/somewhere", "exactly one of `root`"),
        (("evaluation",), {"bootstrap": {}}, "evaluation.bootstrap: unknown key"),
        (("methods",), {"cam": ["cam", "cam"]}, "twice"),
        (("methods",), {"cam": "al"}, "methods.cam: Input should be a valid tuple"),
        (("methods",), {"camm": ["cam"]}, "unknown key; did you mean 'cam'?"),
        (("datasets", "birds", "variants", "cam"), None, "write {} for the defaults"),
        (("training",), None, "training: has no value: write {} for the defaults"),
        (("seeds",), [], "at least 1"),
        (("datasets", "birds", "records"), {"classes": "1..5"}, "pattern"),
    ],
)
def test_wrong_values_are_named(place, value, expected):
    raw = changed()
    target = raw
    for key in place[:-1]:
        target = target[key]
    target[place[-1]] = value
    with pytest.raises(UserError) as caught:
        load(raw)
    assert expected in str(caught.value)


def test_missing_empty_and_broken_files_are_named(tmp_path):
    with pytest.raises(UserError, match=r"nowhere\.yaml"):
        load(tmp_path / "nowhere.yaml")
    (tmp_path / "empty.yaml").write_text("")
    with pytest.raises(UserError, match="empty"):
        load(tmp_path / "empty.yaml")
    (tmp_path / "broken.yaml").write_text("a: [1")
    with pytest.raises(UserError, match=r"broken\.yaml is not valid YAML"):
        load(tmp_path / "broken.yaml")
    (tmp_path / "latin.yaml").write_bytes("title: Vögel".encode("latin-1"))
    with pytest.raises(UserError, match=r"latin\.yaml is not valid YAML.*utf-8"):
        load(tmp_path / "latin.yaml")
    (tmp_path / "deep.yaml").write_text("[" * 5000)
    with pytest.raises(UserError, match=r"deep\.yaml is nested too deeply"):
        load(tmp_path / "deep.yaml")


def test_a_config_may_extend_another_and_its_own_keys_win(tmp_path):
    base, over = tmp_path / "base.yaml", tmp_path / "over.yaml"
    base.write_text(yaml.safe_dump(changed(seeds=[1], title="base")))
    over.write_text(
        yaml.safe_dump(
            {
                "extends": str(base),
                "title": "over",
                "datasets": {"birds": {"variants": {"cam": {"lr": 0.25}}}},
            }
        )
    )
    study = load(over)
    assert (study.title, study.seeds) == ("over", (1,))
    assert study.training_of("birds", "cam").lr == 0.25
    assert study.training_of("birds", "calm_em").lr == 0.5


def test_a_config_that_extends_itself_or_nothing_is_refused(tmp_path):
    own = tmp_path / "own.yaml"
    own.write_text(f"extends: {own}\n")
    with pytest.raises(UserError, match="extends itself"):
        load(own)
    own.write_text("extends: missing.yaml\n")
    with pytest.raises(UserError, match=r"missing\.yaml"):
        load(own)


def test_what_is_extended_counts_from_the_file_that_says_it(tmp_path, monkeypatch):
    """Wherever the command is started; `first` says ../ and is itself extended by `second`."""
    (tmp_path / "deep" / "deeper").mkdir(parents=True)
    (tmp_path / "base.yaml").write_text(yaml.safe_dump(changed(title="base")))
    (tmp_path / "deep" / "first.yaml").write_text("extends: ../base.yaml\nseeds: [5]\n")
    second = tmp_path / "deep" / "deeper" / "second.yaml"
    second.write_text("extends: ../first.yaml\n")
    for here in (tmp_path, second.parent):
        monkeypatch.chdir(here)
        assert (load(second).title, load(second).seeds) == ("base", (5,))
    # as Snakemake gives it: the keys of all files in one, and which files these were
    merged = {"extends": "../first.yaml", "title": "mine"}
    other = tmp_path / "other.yaml"
    other.write_text("title: mine\n")
    study = load(merged, files=[second, other])
    assert (study.title, study.seeds) == ("mine", (5,))


def test_a_base_named_from_the_present_folder_is_answered(tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "base.yaml").write_text(yaml.safe_dump(changed()))
    own = tmp_path / "mine" / "own.yaml"
    own.write_text("extends: mine/base.yaml\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        UserError, match=r"counts from the folder of .*own\.yaml\. Write base\.yaml"
    ):
        load(own)


def over(tmp_path, base, **keys):
    """The study of a config that lies over ``base``."""
    (tmp_path / "base.yaml").write_text(yaml.safe_dump(base))
    return load({"extends": str(tmp_path / "base.yaml"), **keys})


def test_null_drops_what_a_name_inherits(tmp_path):
    base = changed(
        search={"ranges": {"lr": {"low": 0.1, "high": 1}, "momentum": {"choices": [0.5]}}},
        own_maps={"mine": {"path": "maps.h5", "model": "birds/small/cam"}},
        evaluation={"erase": {}},
    )
    base["architectures"]["spare"] = {"trunk": "resnet18"}
    base["datasets"]["spare"] = {"draw": {}}
    whole = over(tmp_path, base)
    assert len(whole.models()) == 2
    assert set(whole.datasets) == {"birds", "spare"}
    study = over(
        tmp_path,
        base,
        architectures={"spare": None},
        datasets={"spare": None, "birds": {"variants": {"calm_em": None}}},
        own_maps={"mine": None},
        search={"ranges": {"momentum": None}},
        evaluation={"erase": None},
    )
    assert study.models() == [("birds", "small", "cam", 0)]
    assert set(study.architectures) == {"small"}
    assert set(study.datasets) == {"birds"}
    assert study.own_maps == {}
    assert set(study.search.ranges) == {"lr"}
    assert study.evaluation.erase is None  # there null is a value


def test_null_drops_in_every_layer_once(tmp_path):
    (tmp_path / "first.yaml").write_text(yaml.safe_dump(changed()))
    (tmp_path / "second.yaml").write_text(
        f"extends: {tmp_path / 'first.yaml'}\ndatasets: {{birds: {{variants: {{cam: null}}}}}}\n"
    )
    second = {"extends": str(tmp_path / "second.yaml")}
    assert [model[2] for model in load(second).models()] == ["calm_em"]
    again = load({**second, "datasets": {"birds": {"variants": {"cam": {"lr": 0.5}}}}})
    assert again.training_of("birds", "cam").lr == 0.5
    # what nothing lies under cannot be dropped: it may be meant as a variant with default keys
    with pytest.raises(UserError, match=r"variants\.cam: has no value: write \{\}"):
        load({**second, "datasets": {"birds": {"variants": {"cam": None}}}})


def test_what_refers_to_a_dropped_name_is_a_problem(tmp_path):
    with pytest.raises(UserError, match="'small' is not in architectures"):
        over(tmp_path, changed(), architectures={"small": None, "large": {"trunk": "resnet18"}})


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("datasets", "birds", "cues"), False, "datasets.birds.cue_localization"),
        (("evaluation", "cues"), {"thresholds": "even"}, "evaluation.cue_localization"),
        (("methods", "mine"), {"path": "m.h5", "model": "birds/small/cam"}, "own_maps.mine"),
    ],
)
def test_an_old_key_is_answered_with_its_new_name(place, value, message):
    raw = changed(evaluation={}, methods={}, seedz=[1])
    section = raw
    for key in place[:-1]:
        section = section[key]
    section[place[-1]] = value
    with pytest.raises(UserError) as caught:
        load(raw)
    assert f"\n  {'.'.join(place)} is now {message}\n" in f"{caught.value}\n"
    assert "seedz: unknown key" in str(caught.value)
    # the new key takes the old value
    raw.pop("seedz")
    del section[place[-1]]
    *above, last = message.split(".")
    section = raw
    for key in above:
        section = section.setdefault(key, {})
    section[last] = value
    load(raw)


def test_an_old_key_that_became_two_names_both():
    raw = changed()
    raw["datasets"]["birds"]["images"] = {"format": "png"}
    with pytest.raises(UserError) as caught:
        load(raw)
    place = "datasets.birds.images"
    assert f"{place}.format is now {place}.train_format and images.eval_format" in str(caught.value)
    raw["datasets"]["birds"]["images"] = {"train_format": "png", "eval_format": "png"}
    load(raw)


def test_every_old_key_is_tested():
    tested = {
        "datasets.*.cues",
        "datasets.*.images.format",
        "evaluation.cues",
        "methods.*",
    }  # above
    assert {old for old, _, _ in RENAMED} == tested


@pytest.mark.parametrize(
    ("place", "word", "key"),
    [
        (("training",), "learning_rate", "lr"),
        (("training",), "batchsize", "batch_size"),
        (("training",), "num_epochs", "epochs"),
        (("training",), "Weight-Decay", "weight_decay"),
        (("datasets", "birds", "variants", "cam"), "learning_rate", "lr"),
        (("architectures", "small"), "backbone", "trunk"),
        (("architectures", "small"), "checkpoint", "weights"),
        (("datasets", "birds"), "data_dir", "root"),
        ((), "models", "architectures"),
        ((), "random_seed", "seeds"),
    ],
)
def test_words_of_other_tools_are_understood(place, word, key):
    raw = changed(training={})
    section = raw
    for name in place:
        section = section[name]
    section[word] = 1
    with pytest.raises(UserError) as caught:
        load(raw)
    assert f"{word}: unknown key; did you mean {key!r}?" in str(caught.value)


@pytest.mark.parametrize(
    ("training", "said"),
    [
        ({"crop": 300}, "birds/small/cam: `crop: 300` is larger than the stored training images"),
        ({"head": "trained"}, "birds/small/cam: `head: trained` needs weights"),
        ({"frozen_stages": 1}, "birds/small/cam: `frozen_stages: 1` needs weights"),
        ({"weights": "timm"}, "birds/small/cam: `weights: timm` are what that library publishes"),
    ],
)
def test_trainings_that_could_not_start(training, said):
    with pytest.raises(UserError, match=re.escape(said)):
        load(changed(training=training))


def test_a_crop_decides_nothing_where_nothing_is_trained():
    load(changed(training={"crop": 300, "epochs": 0}))


def test_keys_that_are_valid_alone_and_not_together():
    config = changed(training={"spg": {"c_low": 0.4}})
    config["datasets"]["birds"]["variants"] = {"spg": {"spg": {"c_high": 0.2}}}
    with pytest.raises(UserError, match=r"birds/small/spg: .*c_low is above c_high"):
        load(config)


def test_contrasts_of_pairs_need_pairs():
    config = changed(evaluation={"contrastive_deletion": {"against": "pairs"}})
    assert load(config)  # cue localisation finds them
    config["datasets"]["birds"]["cue_localization"] = False
    with pytest.raises(UserError, match=r"birds has no class pairs\. Take `against: confused`"):
        load(config)
    config["datasets"]["birds"]["class_pairs"] = [["one", "two"]]
    assert load(config)

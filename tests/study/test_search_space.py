import hashlib
import math
import random

import numpy as np
import pytest

from pipeline.catalogue.training_methods import TRAINING_METHODS
from pipeline.settings import Range, Search, Training
from pipeline.study.search_space import (
    draw,
    drawable_keys,
    field_type,
    nested,
    of_job,
    space,
    uniform,
)

MODEL = ("birds", "small", "cam")
METHODS = [name for name, entry in TRAINING_METHODS.items() if entry.kind != "attributes"]


def drawn(method="cam", count=500, **keys):
    """Draws 0..count - 1 of a method's search: key -> (count,) values."""
    search, training = Search(**keys), Training(method=method)
    draws = [draw(search, training, MODEL, number) for number in range(count)]
    return {key: np.array([one[key] for one in draws]) for key in draws[0]}


def is_uniform(values, low=0.0, high=1.0):
    """Whether the deciles of 500 values are those of a uniform distribution, within 3.5 sigma."""
    levels = np.arange(0.1, 1, 0.1)
    found = (np.quantile(values, levels) - low) / (high - low)
    return (np.abs(found - levels) < 3.5 * np.sqrt(levels * (1 - levels) / len(values))).all()


def test_the_learning_rate_is_log_uniform_for_every_method():
    for method in METHODS:
        rates = drawn(method)["lr"]
        assert is_uniform(np.log10(rates), -5, 0)
        assert not is_uniform(rates, 0, 1)


@pytest.mark.parametrize("method", ["cam", "calm_em", "calm_ml"])
def test_the_methods_of_the_paper_draw_nothing_else(method):
    assert list(drawn(method, 1)) == ["lr"]


@pytest.mark.parametrize(
    "key",
    ["has.drop_rate", "acol.threshold", "adl.drop_rate", "adl.threshold", "cutmix.probability"],
)
def test_fractions_are_uniform(key):
    assert is_uniform(drawn(key.split(".")[0])[key])


def test_the_area_of_a_hidden_square_is_uniform():
    sides = drawn("has")["has.grid_size"]
    assert sides.dtype.kind == "i"
    assert sides.min() >= 1
    assert sides.max() <= Training(method="has").crop
    assert is_uniform((sides / Training(method="has").crop) ** 2)


def test_the_high_bar_is_uniform_above_the_low_one():
    found = drawn("spg") | drawn("inca")
    for low, high in (
        ("spg.b1_low", "spg.b1_high"),
        ("spg.b2_low", "spg.b2_high"),
        ("spg.c_low", "spg.c_high"),
        ("inca.low", "inca.high"),
    ):
        assert is_uniform(found[low])
        assert (found[high] >= found[low]).all()
        assert is_uniform((found[high] - found[low]) / (1 - found[low]))


def test_the_size_prior_of_cutmix_is_one_over_a_uniform_number():
    beta = drawn("cutmix")["cutmix.beta"]
    assert is_uniform(1 / (beta + 0.5), 0, 2)


@pytest.mark.parametrize("method", METHODS)
def test_every_draw_is_a_valid_training(method):
    training = Training(method=method)
    for number in range(200):
        keys = draw(Search(), training, MODEL, number)
        merged = training.merged(nested(keys))
        for key, value in keys.items():
            place = merged
            for name in key.split("."):
                place = getattr(place, name)
            assert place == value
        assert merged.method == method


def test_a_draw_depends_on_seed_names_and_number_alone():
    training = Training(method="adl")
    once = draw(Search(seed=3), training, MODEL, 7)
    state = random.getstate()
    assert once == draw(Search(seed=3, draws=500, epochs=2), training, MODEL, 7)
    assert random.getstate() == state
    others = [
        draw(Search(seed=4), training, MODEL, 7),
        draw(Search(seed=3), training, MODEL, 8),
        draw(Search(seed=3), training, ("birds", "small", "adl"), 7),
        draw(Search(seed=3), training, ("birds", "large", "cam"), 7),
    ]
    for key in once:
        assert len({draws[key] for draws in (once, *others)}) == 5
    # the same on every machine: the first 13 digits of a hash
    digits = hashlib.sha256(b'[0,"birds",1,"lr"]').hexdigest()[:13]
    assert uniform(0, "birds", 1, "lr") == pytest.approx(int(digits, 16) / 16**13, abs=1e-15)


def test_a_further_key_changes_no_other():
    before = drawn("adl", 20)
    after = drawn("adl", 20, ranges={"weight_decay": Range(low=1e-5, high=1e-3, log=True)})
    assert set(after) == {*before, "weight_decay"}
    for key in before:
        np.testing.assert_array_equal(before[key], after[key])


def test_ranges_of_the_config_win():
    found = drawn(
        "has",
        ranges={
            "lr": Range(low=0.1, high=0.3),
            "has.drop_rate": Range(choices=(0.25, 0.5)),
            "batch_size": Range(low=8, high=64, log=True),
            "schedule": Range(choices=("step", "cosine", "constant")),
            "adl.drop_rate": Range(low=0, high=1),  # of another method
        },
    )
    assert set(found) == {"lr", "has.drop_rate", "has.grid_size", "batch_size", "schedule"}
    assert is_uniform(found["lr"], 0.1, 0.3)
    assert is_uniform(np.log(found["batch_size"]), math.log(8), math.log(64))
    assert found["batch_size"].dtype.kind == "i"
    assert 0.4 < (found["has.drop_rate"] == 0.25).mean() < 0.6
    names, counts = np.unique(found["schedule"], return_counts=True)
    assert list(names) == ["constant", "cosine", "step"]
    assert counts.min() > 130


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"low": 1}, "either"),
        ({"low": 1, "high": 2, "choices": [1]}, "either"),
        ({"low": 2, "high": 1}, "above"),
        ({"low": 0, "high": 1, "log": True}, "above 0"),
        ({"choices": []}, "at least 1"),
    ],
)
def test_a_range_has_one_form(keys, message):
    with pytest.raises(ValueError, match=message):
        Range(**keys)


def test_drawable_keys_are_keys_of_the_training_and_the_map_size():
    assert {"lr", "head_lr_ratio", "adl.threshold", "has.grid_size", "map_size"} <= set(
        drawable_keys()
    )
    assert not {"method", "epochs", "weights", "adl"} & set(drawable_keys())
    assert all(key in drawable_keys() for method in METHODS for key in space(Search(), method))
    assert field_type("has.grid_size") is int


def test_drawn_keys_are_of_the_training_but_for_the_map_size():
    assert of_job({"lr": 1, "adl.threshold": 0.5, "map_size": 14}) == {
        "map_size": 14,
        "training": {"lr": 1, "adl": {"threshold": 0.5}},
    }
    assert of_job({"lr": 1}) == {"training": {"lr": 1}}

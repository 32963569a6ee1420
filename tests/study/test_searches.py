import pytest

from pipeline.runtime.errors import UserError
from pipeline.study.jobs import params
from pipeline.study.loading import load
from pipeline.study.searches import draw_job, is_searched, searched_models

MODEL = ("birds", "small", "cam")


def study(search, **keys):
    return load(
        {
            "seeds": [4, 7],
            "architectures": {"small": {"trunk": "resnet_small"}},
            "datasets": {
                "birds": {
                    "draw": {"seed": 3},
                    "architectures": ["small"],
                    "variants": {
                        "cam": {"epochs": 5, "batch_size": 9},
                        "calm_em": {},
                        "given": {"method": "cam", "epochs": 0},
                        "attributes": {},
                        "spg": {"spg": {"c_low": 0.2}, "epochs": 5, "stop_after": 4},
                    },
                }
            },
            "search": search,
            **keys,
        }
    )


def test_the_models_that_are_trained_and_studied_are_searched():
    assert searched_models(study({})) == [
        ("birds", "small", variant) for variant in ("cam", "calm_em", "spg")
    ]
    chosen = study({"variants": ["calm_em"]})
    assert searched_models(chosen) == [("birds", "small", "calm_em")]
    assert not is_searched(chosen, *MODEL)
    assert searched_models(study(None)) == []


def test_a_draw_is_the_model_of_the_first_seed_with_the_drawn_keys():
    chosen = study({"draws": 5, "epochs": 2, "proxy_per_class": 3, "score": "accuracy"})
    job = draw_job(chosen, *MODEL, 1)
    assert (job.number, job.score, job.proxy_per_class) == (1, "accuracy", 3)
    assert job.job.seed == 4
    assert job.job.training.lr == job.keys["lr"]
    assert (job.job.training.epochs, job.job.training.batch_size) == (2, 9)
    assert job.job.model_copy(update={"training": None}) == chosen.train_job(*MODEL, 4).model_copy(
        update={"training": None}
    )
    assert draw_job(study({"draws": 5}), *MODEL, 1).job.training.epochs == 5
    spg = draw_job(chosen, "birds", "small", "spg", 0)
    assert (spg.job.training.epochs, spg.job.training.stop_after) == (2, None)
    assert spg.job.training.spg.b1_high == spg.keys["spg.b1_high"]
    assert spg.job.training.spg.c_low == spg.keys["spg.c_low"] != 0.2


def test_the_map_size_of_a_draw_is_its_trunk_s():
    chosen = study({"ranges": {"map_size": {"choices": [14, 28]}}})
    jobs = [draw_job(chosen, *MODEL, number) for number in range(20)]
    assert {job.job.map_size for job in jobs} == {14, 28}
    assert all(job.job.map_size == job.keys["map_size"] for job in jobs)
    assert {job.job.training.lr for job in jobs} == {job.keys["lr"] for job in jobs}


def test_only_what_decides_the_score_of_a_draw_changes_its_job():
    once = params(draw_job(study({}), *MODEL, 3))
    same = {"bootstrap": {"replicates": 7}, "v1": True, "val_threshold": True, "masks": True}
    assert params(draw_job(study({"draws": 99}, evaluation={"wsol": same}), *MODEL, 3)) == once
    other = {"normalisation": "max"}
    assert params(draw_job(study({}, evaluation={"wsol": other}), *MODEL, 3)) != once
    assert params(draw_job(study({"seed": 1}), *MODEL, 3)) != once
    assert params(draw_job(study({}), *MODEL, 4)) != once


def test_problems_of_a_search_are_listed_at_once():
    ranges = {
        "head_lr_ration": {"choices": [1]},
        "adl": {"choices": [1]},
        "momentum": {"low": 0.5, "high": 1},
        "schedule": {"choices": ["step", "cosin"]},
        "batch_size": {"low": 8, "high": 64},
        "map_size": {"choices": [14, 21]},
    }
    with pytest.raises(UserError) as caught:
        study({"variants": ["calm"], "ranges": ranges})
    text = str(caught.value)
    assert "search.variants: the study has no variant 'calm'; did you mean" in text
    assert "no key 'head_lr_ration' can be drawn; did you mean 'head_lr_ratio'?" in text
    assert "no key 'adl' can be drawn" in text
    assert "search.ranges.momentum: Input should be less than 1 (it is 1.0)" in text
    assert "search.ranges.schedule:" in text
    assert "'cosin'" in text
    assert "ranges.batch_size" not in text
    assert "search.ranges.map_size: Input should be 7, 14, 28, 56 or 'native' (it is 21)" in text


def test_drawn_keys_that_do_not_go_together_name_draw_and_ranges():
    message = r"search: draw \d+ of birds/small/spg .*b1_low is above b1_high.*search\.ranges"
    with pytest.raises(UserError, match=message):
        study({"ranges": {"spg.b1_high": {"low": 0, "high": 1}}})
    study({"ranges": {"spg.b1_low": {"low": 0, "high": 0.5}}})  # the other is drawn above it


def test_a_training_merges_sections_key_by_key():
    training = study(None).training_of("birds", "spg")
    merged = training.merged({"lr": 0.5, "spg": {"b2_low": 0.3}})
    assert (merged.lr, merged.spg.b2_low, merged.spg.c_low) == (0.5, 0.3, 0.2)
    assert merged.merged({}) == merged
    with pytest.raises(ValueError, match="lrr"):
        training.merged({"lrr": 1})

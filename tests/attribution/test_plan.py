import os
from pathlib import Path

import pandas as pd
import pytest

from pipeline.artefacts.targets import target_classes
from pipeline.attribution.plan import make_plan
from pipeline.runtime.errors import UserError

RECORDS = pd.DataFrame({"image_id": ["a", "b", "c", "d"], "label": [2, 0, 1, 0]})
PAIRS = [(0, 1), (2, 0), (0, 7)]  # class 7 has no image


def test_class_maps_are_of_the_own_class_and_of_the_others_of_its_pairs():
    plan = make_plan(RECORDS, "class", PAIRS)
    assert plan.targets == {
        "a": ("2", "0"),
        "b": ("0", "1", "2", "7"),
        "c": ("1", "0"),
        "d": ("0", "1", "2", "7"),
    }
    assert (plan.forwards, plan.maps) == (4, 12)
    assert plan.rows()[:3] == [("a", "2"), ("a", "0"), ("b", "0")]  # order of the records


def test_without_pairs_each_image_has_its_own_class_only():
    assert make_plan(RECORDS, "class").rows() == [("a", "2"), ("b", "0"), ("c", "1"), ("d", "0")]


def test_supersets_and_prior_are_one_map_an_image():
    supersets = make_plan(RECORDS, "superset", PAIRS)
    assert supersets.rows()[:2] == [("a", "superset:2"), ("b", "superset:0")]
    assert supersets.maps == 4
    assert {target for _, target in make_plan(RECORDS, "prior").rows()} == {"prior"}


def test_counterfactuals_have_the_own_class_first_and_skip_images_without_a_pair():
    plan = make_plan(RECORDS, "counterfactual", [(0, 1), (1, 5)])
    assert plan.targets == {"b": ("0>1",), "c": ("1>0", "1>5"), "d": ("0>1",)}
    assert plan.forwards == 3


def test_a_pair_given_twice_is_computed_once():
    plan = make_plan(RECORDS, "counterfactual", [(0, 1), (1, 0), (0, 1)])
    assert plan.targets["b"] == ("0>1",)


def test_an_empty_plan_or_no_pairs_is_told():
    with pytest.raises(UserError, match="pair"):
        make_plan(RECORDS, "counterfactual", [])
    with pytest.raises(UserError, match="--pairs"):
        make_plan(RECORDS, "counterfactual")
    with pytest.raises(UserError, match="no images"):
        make_plan(RECORDS[:0], "class")
    with pytest.raises(ValueError, match="kind"):
        make_plan(RECORDS, "classes")


def test_targets_read_back_as_classes():
    supersets = {3: [1, 3, 5]}
    assert target_classes("12", supersets) == (12,)
    assert target_classes("superset:3", supersets) == (1, 3, 5)
    assert target_classes("prior", supersets) == ()
    assert target_classes("12>5", supersets) == (12, 5)
    with pytest.raises(UserError, match="label 4"):
        target_classes("superset:4", supersets)


def test_every_map_that_a_pair_s_evaluation_asks_for_is_planned():
    rows = set(make_plan(RECORDS, "class", PAIRS).rows())
    for label, other in PAIRS:
        images = RECORDS["image_id"][RECORDS["label"].isin([label, other])]
        for image in images:
            assert {(image, str(label)), (image, str(other))} <= rows


@pytest.mark.real_data
@pytest.mark.skipif("CALM_DATA" not in os.environ, reason="CALM_DATA is not set")
def test_the_pairs_of_cub_need_2579_forwards():
    from pipeline.cues.class_pairs import class_pairs

    root = Path(os.environ["CALM_DATA"]) / "CUB_200_2011"

    def column(name, value):
        return pd.read_csv(root / name, sep=" ", names=["id", value], index_col="id")[value]

    records = pd.DataFrame(
        {
            "image_id": column("images.txt", "path"),
            "label": column("image_class_labels.txt", "class") - 1,
            "train": column("train_test_split.txt", "train"),
        }
    )
    records = records[records["train"] == 0]
    pairs = class_pairs(root)
    labels = list(zip(pairs["class_a"] - 1, pairs["class_b"] - 1, strict=True))
    assert len(labels) == 191
    plan = make_plan(records, "counterfactual", labels)
    assert (plan.forwards, plan.maps) == (2579, 11039)
    both = make_plan(records, "class", labels)
    assert (both.forwards, both.maps) == (len(records), len(records) + 11039)

import json

import numpy as np
import pytest
import torch
from hand_made import Subject

from pipeline.evaluation.erasing import erase, erase_random
from pipeline.evaluation.erasing.erase import erase_mask, relative_accuracy
from pipeline.evaluation.erasing.erasing import Classified, masks_of
from pipeline.runtime.errors import UserError
from pipeline.settings import Bootstrap, Erase

SIDE = 20
SECTION = Erase(
    erasers=("zero",), fractions=(0.2, 0.5, 0.8), bootstrap=Bootstrap(replicates=40), random_draws=4
)


class LooksAtACorner(torch.nn.Module):
    """Class 1 where the upper left 5 x 5 pixels are bright on average, else class 0."""

    def forward(self, images):
        return images[:, :1, :5, :5]

    def log_probs(self, images):
        maps = self(images)
        evidence = maps.mean(dim=(1, 2, 3)) - 0.05
        return torch.log_softmax(torch.stack([-evidence, evidence], dim=1), dim=1)


def corner_map():
    score_map = torch.rand(SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    score_map[:5, :5] += 1
    return score_map


def subject(labels=(1, 1, 0), maps=None):
    """Bright images, which the model puts into class 1."""
    images = torch.ones(len(labels), 3, SIDE, SIDE)
    maps = [corner_map()] * len(labels) if maps is None else maps
    made = Subject(images, list(labels), LooksAtACorner(), maps=maps)
    result = erase_random.measure(made, SECTION)
    made.base, made.base_arrays = {"values": result.values}, result.arrays
    return made


def test_erasing_the_evidence_first_costs_the_class_at_once_and_last_keeps_it():
    values = erase.measure(subject(), SECTION).values
    assert values["accuracy.zero.most.20"] == pytest.approx(1 / 3)  # all become class 0
    assert values["kept.zero.most.20"] == 0
    assert values["kept.zero.least.80"] == 1
    assert values["accuracy.zero.least.80"] == pytest.approx(2 / 3)


def test_a_curve_takes_one_forward_pass_for_each_erased_image_and_no_other():
    """The predictions on the intact images are the base's, which all methods of a model share."""
    made = subject()
    seen = []
    made.model.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
    erase.measure(made, SECTION)
    assert sum(seen) == 3 * 2 * 3  # images, orders, fractions
    seen.clear()
    erase_random.measure(made, SECTION)
    assert sum(seen) == 3 * (1 + 4 * 3)  # the intact image, and random orders x fractions


def test_relative_accuracy_and_area_by_hand():
    erased, random = np.array([0.6, 0.2, 0.0]), np.array([0.8, 0.4, 0.1])
    relative, area = relative_accuracy(erased, random, (0.2, 0.5, 0.8))
    assert relative == pytest.approx([0.75, 0.5, 0.0])
    assert area == pytest.approx((0.625 * 0.3 + 0.25 * 0.3) / 0.6)
    relative, area = relative_accuracy(erased, np.array([0.8, 0.0, 0.1]), (0.2, 0.5, 0.8))
    assert np.isnan(relative[1])
    assert np.isnan(area)


def test_values_are_the_ratios_of_their_own_rates():
    made = subject()
    values = erase.measure(made, SECTION).values
    base = made.base["values"]
    for k in (20, 50, 80):
        for kind, relative in (("accuracy", "relative"), ("kept", "relative_kept")):
            random = base[f"{kind}.zero.{k}"]
            name = f"{relative}.zero.most.{k}"
            if random:
                expected = values[f"{kind}.zero.most.{k}"] / random
                assert values[name] == pytest.approx(expected)
            else:
                assert name not in values


def test_where_nothing_is_right_at_random_the_value_is_absent_and_counted():
    made = subject(labels=(1, 1, 1))
    made.base_arrays["correct.zero"][:, :, 1] = False
    result = erase.measure(made, SECTION)
    assert "relative.zero.most.50" not in result.values
    assert "auc.zero.most" not in result.values
    assert "auc_kept.zero.most" in result.values
    assert result.details["values_undefined"] == 4  # R_50 and the area, in both orders
    assert all(np.isfinite(value) for value in result.values.values())


def test_numerator_and_denominator_are_resampled_together():
    # random erasing loses exactly the images that erasing by the map loses: R_k is always 1
    made = subject()
    hits = erase.measure(made, SECTION).arrays["kept.zero.least"]  # (N, K)
    made.base_arrays["kept.zero"] = np.repeat(hits[:, None], 4, axis=1)
    result = erase.measure(made, SECTION)
    assert result.intervals["auc_kept.zero.least"] == pytest.approx((1, 1))
    assert (result.arrays["replicates.auc_kept.zero.least"] == 1).all()


def test_two_methods_on_the_same_images_share_their_resamples():
    # the second method erases by the reversed map, so that its least are the first one's most
    maps = [corner_map() + 0.01 * number for number in range(6)]
    labels = (1, 0, 1, 1, 0, 1)
    first = erase.measure(subject(labels, maps), SECTION).arrays
    second = erase.measure(subject(labels, [-each for each in maps]), SECTION).arrays
    expected = first["replicates.auc_kept.zero.most"]
    assert (second["replicates.auc_kept.zero.least"] == expected).all()
    assert (second["replicates.auc_kept.zero.most"] != expected).any()


def test_a_replicate_without_a_right_image_at_random_is_left_out_of_the_interval():
    made = subject(labels=(1, 1, 0))
    made.base_arrays["correct.zero"][:] = False
    made.base_arrays["correct.zero"][0] = True  # replicates without the first image have no R_k
    result = erase.measure(made, SECTION)
    assert np.isfinite(result.intervals["auc.zero.least"]).all()
    kept = result.arrays["replicates.auc.zero.least"]  # a paired difference needs their places
    assert 0 < np.isfinite(kept).sum() < len(kept)
    assert np.isfinite(result.arrays["replicates.auc_kept.zero.least"]).all()


def test_the_base_must_have_the_same_images_erasers_and_fractions():
    made = subject()
    for other in ({"erasers": ("mean",)}, {"fractions": (0.2, 0.5, 0.9)}):
        with pytest.raises(UserError, match="erasers or fractions"):
            erase.measure(made, SECTION.model_copy(update=other))
    made.base_arrays["image_id"][0] = "other.jpg"
    with pytest.raises(UserError, match="other images"):
        erase.measure(made, SECTION)
    made.base = None
    with pytest.raises(UserError, match="--base"):
        erase.measure(made, SECTION)


def test_a_map_with_nan_is_refused():
    broken = corner_map()
    broken[3, 3] = torch.nan
    with pytest.raises(UserError, match="NaN"):
        erase.measure(subject(maps=[broken] * 3), SECTION)


def test_masks_of_both_orders_come_from_one_ranking():
    ranks = np.random.default_rng(0).permutation(100).reshape(10, 10)
    most, least = (masks_of(ranks, (0.1, 0.4), order) for order in ("most", "least"))
    assert most.sum(axis=(1, 2)).tolist() == least.sum(axis=(1, 2)).tolist() == [10, 40]
    assert ranks[most[0]].max() == 9
    assert ranks[least[0]].min() == 90


def test_merged_parts_equal_the_whole():
    whole, first, second = Classified(), Classified(), Classified()
    for number in range(5):
        seen = (f"{number}", number % 2, 1, {"zero.most": np.array([number % 2, 0])})
        whole.update(*seen)
        (first if number < 2 else second).update(*seen)
    first.merge(second)
    assert first.image_ids == whole.image_ids
    for name, array in whole.compute().items():
        assert (first.compute()[name] == array).all()


@pytest.mark.parametrize("fraction", [0.0, 0.1, 0.33, 1.0])
def test_erase_mask_holds_the_most_relevant_pixels(fraction):
    maps = np.random.default_rng(0).standard_normal((2, 3, 8, 9))
    mask = erase_mask(maps, fraction)
    count = int(fraction * 72 + 0.5)
    assert mask.shape == maps.shape
    assert (mask.sum(axis=(2, 3)) == count).all()
    for one, chosen in zip(maps.reshape(6, -1), mask.reshape(6, -1), strict=True):
        assert set(np.flatnonzero(chosen)) == set(np.argsort(-one)[:count])
    same = erase_mask(torch.from_numpy(maps), fraction)
    assert same.dtype == torch.bool
    assert (same.numpy() == mask).all()


def test_erase_mask_refuses_what_is_no_map():
    with pytest.raises(ValueError, match="score_map"):
        erase_mask(np.zeros(3), 0.5)


def test_fractions_must_ascend():
    with pytest.raises(ValueError, match="ascend"):
        Erase.model_validate_json(json.dumps({"fractions": [0.5, 0.1]}))

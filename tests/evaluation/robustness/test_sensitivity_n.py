import numpy as np
import pytest
import torch
from hand_made import Evidence, Subject, add_method, contributions

from pipeline.evaluation.correlation import correlation
from pipeline.evaluation.robustness.sensitivity_n import (
    SensitivityN,
    cells_of,
    measure,
    random_subsets,
)
from pipeline.runtime.seeds import image_seed
from pipeline.settings import Bootstrap

SIDE = 16
SECTION = SensitivityN(
    fractions=(0.25, 0.5), cells=4, subsets=20, eraser="zero", seed=2,
    bootstrap=Bootstrap(replicates=20),
)  # fmt: skip
IMAGES = torch.rand(3, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
WEIGHT = torch.rand(SIDE, SIDE, generator=torch.Generator().manual_seed(1)) / 1500
LABELS = [0, 1, 0]


def measured(monkeypatch, function, section=SECTION, images=IMAGES, labels=LABELS):
    add_method(monkeypatch, function)
    return measure(Subject(images, labels, Evidence(WEIGHT)), section)


def wrong(query):
    return contributions(query).flip(2)


def test_the_contributions_of_a_linear_model_tell_every_fall_whatever_their_scale(monkeypatch):
    for scale in (1.0, 1e-4):
        result = measured(monkeypatch, lambda query, scale=scale: scale * contributions(query))
        assert result.arrays["correlation"] == pytest.approx([1.0] * 3, abs=1e-6)
    result = measured(monkeypatch, lambda query: -contributions(query))
    assert result.values["correlation"] == pytest.approx(-1.0, abs=1e-6)


def test_sensitivity_n_written_out(monkeypatch):
    """Pearson's correlation over the same subsets, in plain loops over cells of 4 x 4 pixels."""
    result = measured(monkeypatch, wrong)
    for row in range(3):
        rng = np.random.default_rng(image_seed(2, f"{row}.jpg"))
        exact = (IMAGES[row].sum(dim=0) * WEIGHT * (1 - 2 * LABELS[row])).double().numpy()
        shown = exact[:, ::-1]
        means = []
        for percent, count in ((25, 4), (50, 8)):
            sums, falls = [], []
            for order in rng.random((20, 16)).argsort(axis=1):
                pixels = np.zeros((SIDE, SIDE), bool)
                for cell in np.flatnonzero(order < count):
                    top, left = 4 * (cell // 4), 4 * (cell % 4)
                    pixels[top : top + 4, left : left + 4] = True
                sums.append(shown[pixels].sum())
                falls.append(exact[pixels].sum())
            expected = np.corrcoef(sums, falls)[0, 1]
            assert result.arrays[f"correlation.{percent}"][row] == pytest.approx(expected, abs=1e-4)
            means.append(expected)
        assert result.arrays["correlation"][row] == pytest.approx(np.mean(means), abs=1e-4)


def test_a_random_map_tells_nothing_and_a_constant_one_has_no_correlation(monkeypatch):
    images, labels = IMAGES.repeat(30, 1, 1, 1), LABELS * 30
    draws = torch.Generator().manual_seed(7)

    def random(query):
        return torch.rand(len(query.images), SIDE, SIDE, generator=draws)

    found = measured(monkeypatch, random, images=images, labels=labels).arrays["correlation"]
    assert abs(found.mean()) < 4 * found.std() / np.sqrt(len(found))
    result = measured(monkeypatch, lambda query: torch.ones(len(query.images), 4, 4))
    assert result.values == {}
    assert result.details["undefined"]["correlation"] == 3


def test_the_image_is_erased_as_the_section_says(monkeypatch):
    blurred = measured(monkeypatch, wrong, SECTION.model_copy(update={"eraser": "mean"}))
    assert blurred.values["correlation"] != measured(monkeypatch, wrong).values["correlation"]


def test_cells_are_as_equal_as_can_be_and_subsets_have_their_size():
    assert cells_of(6, 3).tolist()[2] == [3, 3, 4, 4, 5, 5]
    assert np.bincount(cells_of(10, 3).ravel()).tolist() == [16, 12, 12, 12, 9, 9, 12, 9, 9]
    subsets = random_subsets(np.random.default_rng(0), 100, 9, 0.3)
    assert set(subsets.sum(axis=1)) == {3}
    assert (subsets.mean(axis=0) > 0.15).all()
    assert random_subsets(np.random.default_rng(0), 1, 9, 0.01).sum() == 1
    assert random_subsets(np.random.default_rng(0), 1, 9, 0.99).sum() == 8


def test_numbers_that_are_equal_up_to_rounding_have_no_correlation():
    assert np.isnan(correlation(np.array([0.1 + 0.2, 0.3, 0.3]), np.array([1.0, 2.0, 3.0])))
    assert np.isnan(correlation(np.array([1.0, 2.0, 3.0]), np.zeros(3)))


def test_a_result_depends_on_the_image_and_its_seed_and_not_on_the_others(monkeypatch):
    whole = measured(monkeypatch, wrong)
    part = measured(monkeypatch, wrong, images=IMAGES[:2], labels=LABELS[:2])
    other = measured(monkeypatch, wrong, SECTION.model_copy(update={"seed": 3}))
    assert np.array_equal(whole.arrays["correlation"][:2], part.arrays["correlation"])
    assert not np.array_equal(whole.arrays["correlation"], other.arrays["correlation"])

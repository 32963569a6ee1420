import numpy as np
import pytest
import torch
from hand_made import LinearClasses, Subject, add_method, contributions

from pipeline.evaluation.erasing.contrastive_deletion import (
    ContrastiveDeletion,
    Curves,
    areas,
    measure,
    partners,
)
from pipeline.evaluation.erasing.relevance import random_ranks
from pipeline.runtime.errors import UserError
from pipeline.runtime.seeds import image_seed
from pipeline.settings import Bootstrap

SIDE = 12
FRACTIONS = (0.25, 0.5, 0.75)
SECTION = ContrastiveDeletion(
    fractions=FRACTIONS, eraser="zero", random_draws=2, seed=4, bootstrap=Bootstrap(replicates=20)
)
IMAGES = torch.rand(3, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
WEIGHTS = torch.randn(3, SIDE, SIDE, generator=torch.Generator().manual_seed(1)) / 20
LABELS = [0, 1, 2]


def measured(monkeypatch, function, *, section=SECTION, weights=WEIGHTS, images=IMAGES,
             labels=LABELS, pairs=(), targets="class"):  # fmt: skip
    add_method(monkeypatch, function, targets=targets)
    subject = Subject(images, labels, LinearClasses(weights))
    subject.pairs = list(pairs)
    return measure(subject, section)


def evidence(row, label, other):
    """(S, S): how much each pixel speaks for the label rather than the other class."""
    return (IMAGES[row].sum(dim=0) * (WEIGHTS[label] - WEIGHTS[other])).double().numpy()


def remaining(pixels, ranks):
    """What is left of the evidence after the first pixels are erased, from none on."""
    kept = [pixels[ranks >= round(fraction * pixels.size)].sum() for fraction in FRACTIONS]
    return [pixels.sum(), *kept]


def test_curves_of_a_linear_model_written_out(monkeypatch):
    """log p(A|x) - log p(B|x) is the sum of what the remaining pixels say."""
    result = measured(monkeypatch, contributions)
    for row, label in enumerate(LABELS):
        logits = (IMAGES[row].sum(dim=0) * WEIGHTS).sum(dim=(1, 2))
        logits[label] = -torch.inf
        pixels = evidence(row, label, int(logits.argmax()))
        order = np.argsort(-pixels, axis=None)
        ranks = np.empty(pixels.size, int)
        ranks[order] = np.arange(pixels.size)
        by_map = remaining(pixels.ravel(), ranks)
        draws = [
            random_ranks((SIDE, SIDE), image_seed(4, f"{row}.jpg:{draw}")).ravel()
            for draw in range(2)
        ]
        at_random = np.mean([remaining(pixels.ravel(), each) for each in draws], axis=0)
        np.testing.assert_allclose(result.arrays["curve.map"][row], by_map, atol=1e-4)
        np.testing.assert_allclose(result.arrays["curve.random"][row], at_random, atol=1e-4)
        # by trapezoids over 0, .25, .5, .75, relative to .75
        heights = [np.dot(curve, [1, 2, 2, 1]) / 6 for curve in (by_map, at_random)]
        assert result.arrays["area"][row] == pytest.approx(heights[0], abs=1e-4)
        assert result.arrays["contrast"][row] == pytest.approx(heights[1] - heights[0], abs=1e-4)
    assert (result.arrays["contrast"] > 0).all()
    assert result.details["curves"]["map"][0] == result.details["curves"]["random"][0]


def test_a_map_of_the_other_class_goes_the_wrong_way(monkeypatch):
    right = measured(monkeypatch, contributions).values["contrast"]
    assert measured(monkeypatch, lambda query: -contributions(query)).values["contrast"] < 0 < right


def test_random_and_constant_maps_do_no_better_than_random_erasing(monkeypatch):
    images, labels = IMAGES.repeat(40, 1, 1, 1), LABELS * 40
    draws = torch.Generator().manual_seed(2)

    def random(query):
        return torch.rand(len(query.images), SIDE, SIDE, generator=draws)

    def constant(query):
        return torch.ones(len(query.images), SIDE, SIDE)

    for function in (random, constant):
        found = measured(monkeypatch, function, images=images, labels=labels).arrays["contrast"]
        assert abs(found.mean()) < 4 * found.std() / np.sqrt(len(found))
        assert found.std() > 0


def test_where_all_pixels_say_the_same_the_order_does_not_matter(monkeypatch):
    weights = torch.ones(3, SIDE, SIDE) * torch.tensor([0.1, 0.2, 0.3])[:, None, None]
    images = torch.ones(1, 3, SIDE, SIDE)
    found = measured(
        monkeypatch, lambda query: query.model.weights[query.label()] *
        torch.rand(SIDE, SIDE), weights=weights, images=images, labels=[2],
    )  # fmt: skip
    assert found.values["contrast"] == pytest.approx(0, abs=1e-4)


def test_counterfactual_maps_are_followed_themselves(monkeypatch):
    def counterfactual(query):
        rows = query.output[query.images, query.label()]
        return rows - query.output[query.images, query.label(1)]

    by_classes = measured(monkeypatch, contributions)
    by_pairs = measured(monkeypatch, counterfactual, targets="counterfactual")
    np.testing.assert_allclose(
        by_pairs.arrays["curve.map"], by_classes.arrays["curve.map"], atol=1e-4
    )


def test_the_other_class_may_be_that_of_each_pair(monkeypatch):
    section = SECTION.model_copy(update={"against": "pairs"})
    result = measured(monkeypatch, contributions, section=section, pairs=[(0, 1), (2, 0)])
    intact = [
        (evidence(0, 0, 1).sum() + evidence(0, 0, 2).sum()) / 2,  # of both pairs
        evidence(1, 1, 0).sum(),
        evidence(2, 2, 0).sum(),
    ]
    np.testing.assert_allclose(result.arrays["curve.map"][:, 0], intact, atol=1e-4)
    result = measured(monkeypatch, contributions, section=section, pairs=[(0, 1)])
    assert result.details["images_without_pair"] == 1
    assert result.arrays["image_id"].tolist() == ["0.jpg", "1.jpg"]
    with pytest.raises(UserError, match="against: confused"):
        measured(monkeypatch, contributions, section=section)


def test_partners_are_those_of_any_pair():
    assert partners([(0, 1), (2, 0), (0, 1)]) == {0: [1, 2], 1: [0], 2: [0]}


def test_areas_are_mean_heights():
    found = areas(Curves(np.array([4.0, 0, 0]), np.array([4.0, 4, 4])), (0.4, 0.8))
    assert found == pytest.approx({"contrast": 3, "area": 1, "area_random": 4})

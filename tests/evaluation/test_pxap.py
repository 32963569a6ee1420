import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from pipeline.evaluation import pxap
from pipeline.evaluation.pxap import PixelAveragePrecision, average_precision
from pipeline.runtime.errors import UserError


def _released(scores, labels, kind):
    """The released rule in plain steps, with np.histogram."""
    if kind == "even":
        edges = [*np.arange(0, 1, 0.001), 1, 2, 3]
    else:
        edges = [*(10 ** -np.arange(0, 7, 0.007))[::-1], 1, 2, 3]
    positives = np.histogram(scores[labels], edges)[0]
    negatives = np.histogram(scores[~labels], edges)[0]
    total, found, above, recall = 0.0, 0, 0, 0.0
    for positive, negative in zip(positives[::-1], negatives[::-1], strict=True):
        found, above = found + positive, above + negative
        if found + above:
            total += found / (found + above) * (found / positives.sum() - recall)
            recall = found / positives.sum()
    return total


def _pixels(seed, kind, number=400):
    rng = np.random.default_rng(seed)
    labels = rng.random(number) < 0.3
    labels[0] = True
    scores = {
        "smooth": rng.normal(size=number) + labels,
        "ties": rng.integers(-3, 4, number).astype(float),
        "equal": np.full(number, 0.25),
        "sparse": np.where(rng.random(number) < 0.7, 0, rng.random(number)),
    }[kind]
    return scores, labels


@limits(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(["smooth", "ties", "equal", "sparse"]),
    st.sampled_from([np.float32, np.float64]),
    st.integers(1, 5),
)
def test_exact_pxap_is_average_precision_of_the_pooled_pixels(seed, kind, dtype, maps):
    scores, labels = _pixels(seed, kind)
    scores = scores.astype(dtype)
    evaluator = PixelAveragePrecision()
    for part in range(maps):
        evaluator.update(scores[part::maps], labels[part::maps].astype(np.uint8))
    assert evaluator.compute() == pytest.approx(average_precision_score(labels, scores), abs=1e-12)


def test_exact_pxap_does_not_depend_on_when_scores_are_compacted(monkeypatch):
    scores, labels = _pixels(1, "ties", 3000)
    expected = average_precision_score(labels, scores)
    monkeypatch.setattr(pxap, "_COMPACT_PIXELS", 100)
    evaluator = PixelAveragePrecision()
    for start in range(0, 3000, 60):
        part = slice(start, start + 60)
        evaluator.update(scores[part].reshape(6, 10), labels[part].reshape(6, 10))
    assert sum(len(run.values) for run in evaluator._runs) <= 14  # seven distinct scores
    assert evaluator.compute() == pytest.approx(expected, abs=1e-12)


def test_pixels_may_be_added_after_the_value_was_read():
    scores, labels = _pixels(2, "ties", 900)
    evaluator = PixelAveragePrecision()
    for part in np.split(np.arange(900), 3):
        evaluator.update(scores[part], labels[part])
        evaluator.compute()
    assert evaluator.compute() == pytest.approx(average_precision_score(labels, scores), abs=1e-12)
    assert evaluator.positives == labels.sum()


@limits(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["even", "log"]), st.booleans())
def test_binned_pxap_is_the_released_rule(seed, kind, single):
    rng = np.random.default_rng(seed)
    labels = rng.random(500) < 0.3
    labels[0] = True
    scores = np.where(rng.random(500) < 0.3, 0, 10 ** -rng.uniform(0, 9, 500))
    scores[:3] = 1, 0.5, 10**-6.5
    scores = scores.astype(np.float32 if single else np.float64)
    evaluator = PixelAveragePrecision(kind)
    evaluator.update(scores[:200], labels[:200])
    evaluator.update(scores[200:], labels[200:])
    assert evaluator.compute() == pytest.approx(_released(scores, labels, kind), abs=1e-12)


def test_log_thresholds_leave_out_zeros_and_exact_ones_do_not():
    scores = np.array([0.9, 0.0, 0.0, 0.5], np.float32)
    labels = np.array([1, 1, 1, 0], np.uint8)
    for kind, expected in (("log", 1.0), ("exact", average_precision_score(labels, scores))):
        evaluator = PixelAveragePrecision(kind)
        evaluator.update(scores, labels)
        assert evaluator.compute() == pytest.approx(expected)


@pytest.mark.parametrize("kind", ["exact", "even", "log"])
def test_merged_evaluators_equal_one_and_leave_the_other_as_it_was(kind):
    rng = np.random.default_rng(3)
    scores = rng.random((4, 8, 8)).round(2).clip(0.01)
    labels = rng.random((4, 8, 8)) < 0.4
    whole, first, second = (PixelAveragePrecision(kind) for _ in range(3))
    whole.update(scores, labels)
    first.update(scores[:1], labels[:1])
    second.update(scores[1:].astype(np.float64), labels[1:])
    before = second.compute()
    first.merge(second)
    assert first.compute() == pytest.approx(whole.compute(), abs=1e-12)
    assert first.positives == labels.sum()
    first.update(scores, labels)
    assert second.compute() == before
    with pytest.raises(ValueError, match="merge"):
        first.merge(PixelAveragePrecision("log" if kind == "even" else "even"))


@pytest.mark.parametrize("kind", ["exact", "even", "log"])
def test_ignored_pixels_do_not_count(kind):
    rng = np.random.default_rng(4)
    scores, mask = rng.random(300), rng.integers(0, 2, 300).astype(np.uint8)
    alone, with_ignored = PixelAveragePrecision(kind), PixelAveragePrecision(kind)
    alone.update(scores, mask)
    with_ignored.update(np.append(scores, [0.99, np.nan]), np.append(mask, [255, 255]).astype("u1"))
    assert with_ignored.compute() == alone.compute()


@pytest.mark.parametrize("kind", ["exact", "even", "log"])
def test_what_cannot_be_measured_is_an_error(kind):
    evaluator = PixelAveragePrecision(kind)
    with pytest.raises(UserError, match="positive"):
        evaluator.compute()
    evaluator.update(np.array([0.3]), np.array([False]))
    with pytest.raises(UserError, match="positive"):
        evaluator.compute()
    for bad in (np.nan, np.inf):
        with pytest.raises(UserError, match="NaN"):
            evaluator.update(np.array([bad]), np.array([True]))
    with pytest.raises(ValueError, match="shape"):
        evaluator.update(np.zeros((2, 2)), np.zeros((2, 3), bool))
    with pytest.raises(ValueError, match="0, 1 or 255"):
        evaluator.update(np.zeros(1), np.array([2], np.uint8))
    with pytest.raises(ValueError, match="bool or uint8"):
        evaluator.update(np.zeros(1), np.array([1.0]))


def test_bins_need_scores_from_0_to_1_and_exact_thresholds_do_not():
    for bad in (-0.1, 1.1):
        for kind in ("even", "log"):
            with pytest.raises(UserError, match="exact thresholds"):
                PixelAveragePrecision(kind).update(np.array([bad]), np.array([True]))
        PixelAveragePrecision().update(np.array([bad]), np.array([True]))
    with pytest.raises(ValueError, match="thresholds"):
        PixelAveragePrecision("odd")


def test_average_precision_of_histograms_works_along_the_last_axis():
    scores, labels = _pixels(5, "ties")
    positives, negatives = (
        np.array([((scores == value) & (labels == label)).sum() for value in range(-3, 4)])
        for label in (True, False)
    )
    found = average_precision(np.stack([positives, 0 * positives]), np.stack([negatives] * 2))
    assert found[0] == pytest.approx(average_precision_score(labels, scores), abs=1e-12)
    assert np.isnan(found[1])

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from pipeline.evaluation.cues import pair_bootstrap
from pipeline.evaluation.pxap import PixelAveragePrecision, average_precision
from pipeline.settings import Bootstrap


def _images(kind, number=6, side=40):
    rng = np.random.default_rng(0)
    masks = rng.random((number, side, side)) < 0.1
    noise = rng.random(masks.shape)
    scores = {
        "random": noise,
        "good": noise + 0.6 * masks,
        "skewed": 10 ** (-6 * noise + 0.8 * masks - 0.8),
        "sparse": np.where(noise < 0.5, 0, noise) * (1 + masks) / 2,
        "constant": np.ones(masks.shape),
        "fine": (0.3 + 1e-4 * noise + 1e-4 * masks),
    }[kind]
    return scores.astype(np.float32), masks


@pytest.mark.parametrize("thresholds", ["exact", "even", "log"])
@pytest.mark.parametrize("kind", ["random", "good", "skewed", "sparse", "constant", "fine"])
def test_binned_pxap_is_near_the_evaluators(kind, thresholds):
    scores, masks = _images(kind)
    scores = np.minimum(scores, 1)
    counts, edges = pair_bootstrap.image_histograms(scores, masks, thresholds)
    assert counts.shape == (6, 2, 256)
    assert (np.diff(edges) >= 0).all()
    evaluator = PixelAveragePrecision(thresholds)
    evaluator.update(scores, masks)
    assert counts[:, 1].sum() == evaluator.positives
    pooled = counts.sum(axis=0)
    assert average_precision(pooled[1], pooled[0]) == pytest.approx(evaluator.compute(), abs=0.005)


def test_an_image_drawn_twice_counts_twice():
    scores, masks = _images("good", number=3)
    counts, _ = pair_bootstrap.image_histograms(scores, masks, "exact")
    found = pair_bootstrap.pair_replicates(counts, Bootstrap(replicates=200, seed=5), (3, 9))
    drawn = [[a, b, c] for a in range(3) for b in range(a, 3) for c in range(b, 3)]
    possible = [average_precision_score(masks[d].ravel(), scores[d].ravel()) for d in drawn]
    nearest = np.abs(found[:, None] - np.array(possible)).min(axis=1)
    assert nearest.max() < 0.005
    assert found.std() > 0
    again = pair_bootstrap.pair_replicates(counts, Bootstrap(replicates=200, seed=5), (3, 9))
    np.testing.assert_array_equal(found, again)
    other = pair_bootstrap.pair_replicates(counts, Bootstrap(replicates=200, seed=5), (3, 8))
    assert (found != other).any()


@pytest.mark.parametrize("kind", ["good", "sparse", "constant"])
def test_seed_and_pair_alone_decide_which_images_are_drawn(kind):
    counts, _ = pair_bootstrap.image_histograms(*_images(kind), "exact")
    found = pair_bootstrap.pair_replicates(counts, Bootstrap(replicates=30, seed=5), (3, 9))
    for drawn, value in zip(
        np.random.default_rng([5, 3, 9]).integers(6, size=(30, 6)), found, strict=True
    ):
        others, cues = counts[drawn].sum(axis=0)
        assert value == pytest.approx(average_precision(cues, others), abs=1e-12)


def test_methods_share_the_resamples_of_pairs():
    n_parts = np.array([1, 1, 2, 3, 3, 3])
    first = np.random.default_rng(4).random((6, 50))
    found = pair_bootstrap.resampled_means(first, n_parts, Bootstrap(seed=2))
    better = pair_bootstrap.resampled_means(first + 0.125, n_parts, Bootstrap(seed=2))
    for key, means in found.items():  # alike in each replicate, so the difference is certain
        np.testing.assert_allclose(better[key] - means, 0.125, atol=1e-12)


def test_a_pair_without_cue_pixels_has_no_replicates():
    for number in (0, 2):
        scores = np.ones((number, 4, 4), np.float32)
        counts, _ = pair_bootstrap.image_histograms(scores, np.zeros(scores.shape, bool), "exact")
        found = pair_bootstrap.pair_replicates(counts, Bootstrap(replicates=7), (1, 2))
        assert found.shape == (7,)
        assert np.isnan(found).all()


def test_means_by_number_of_parts_weighted_and_unweighted():
    n_parts = np.array([1, 1, 2, 3])
    means = pair_bootstrap.mean_values(np.array([0.2, 0.4, 0.6, np.nan]), n_parts)
    assert {key: pytest.approx(float(value), nan_ok=True) for key, value in means.items()} == {
        "1": 0.3,
        "2": 0.6,
        "3": np.nan,
        "weighted": 0.4,
        "unweighted": 0.45,
    }


def test_the_published_mean_is_weighted_by_the_number_of_pairs():
    n_parts = np.repeat([1, 2, 3], [31, 64, 96])
    for row, published in (((0.241, 0.283, 0.322), 0.296), ((0.304, 0.333, 0.363), 0.343)):
        means = pair_bootstrap.mean_values(np.repeat(row, [31, 64, 96]), n_parts)
        assert means["weighted"] == pytest.approx(published, abs=0.0005)


def test_pairs_are_resampled_within_their_number_of_parts():
    replicates = np.array([[0.1], [0.3], [0.8]]) + np.zeros(3000)
    n_parts = np.array([1, 1, 2])
    found = pair_bootstrap.resampled_means(replicates, n_parts, Bootstrap(seed=1))
    assert set(np.round(found["1"], 6)) == {0.1, 0.2, 0.3}
    assert found["1"].mean() == pytest.approx(0.2, abs=0.01)
    np.testing.assert_allclose(found["2"], 0.8)
    np.testing.assert_allclose(found["weighted"], (2 * found["1"] + 0.8) / 3)
    np.testing.assert_allclose(found["unweighted"], (found["1"] + 0.8) / 2)


def test_a_pair_drawn_twice_brings_two_resamples_of_its_images():
    rng = np.random.default_rng(2)
    replicates = rng.normal(size=(4, 4000))  # four pairs alike, image resamples of variance 1
    found = pair_bootstrap.resampled_means(replicates, np.ones(4, int), Bootstrap(seed=3))
    assert found["weighted"].var() == pytest.approx(1 / 4, rel=0.1)

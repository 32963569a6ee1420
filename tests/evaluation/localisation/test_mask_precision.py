import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from pipeline.evaluation.localisation.mask_precision import EDGES, MaskPrecision
from pipeline.runtime.errors import UserError
from pipeline.settings import Bootstrap


def images(kind, number=8, side=30):
    """Scores in [0, 1] (N, S, S) and labels, a tenth of them left out."""
    rng = np.random.default_rng(0)
    labels = rng.choice([0, 1, 255], size=(number, side, side), p=[0.7, 0.2, 0.1])
    noise = rng.random(labels.shape)
    scores = {
        "random": noise,
        "good": (noise + (labels == 1)) / 2,
        "peaked": 10 ** (-30 * noise + 10 * (labels == 1) - 10),
        "ties": rng.integers(0, 5, labels.shape) / 4,
        "constant": np.zeros(labels.shape),
    }[kind]
    return scores.astype(np.float32), labels.astype(np.uint8)


def accumulate(scores, labels):
    metric = MaskPrecision()
    for score, label in zip(scores, labels, strict=True):
        metric.update(score, label)
    return metric


def expected(scores, labels):
    """Both definitions by scikit-learn; what is left out has no weight."""
    weights = (labels != 255).ravel()
    truth = (labels == 1).ravel()
    bins = np.digitize(scores.ravel().astype(np.float64), np.arange(0, 1, 0.001))
    bins[scores.ravel() == 1] += 1  # the benchmark's bin of scores of exactly 1
    return {
        "pxap": average_precision_score(truth, scores.ravel(), sample_weight=weights),
        "pxap_bins": average_precision_score(truth, bins, sample_weight=weights),
    }


@pytest.mark.parametrize("kind", ["random", "good", "peaked", "ties", "constant"])
def test_both_definitions_are_average_precision_of_the_pooled_pixels(kind):
    scores, labels = images(kind)
    assert accumulate(scores, labels).compute() == pytest.approx(expected(scores, labels), abs=1e-9)


def test_merging_equals_one_pass():
    scores, labels = images("good")
    whole = accumulate(scores, labels)
    for cut in (0, 3, 8):
        first = accumulate(scores[:cut], labels[:cut])
        first.merge(accumulate(scores[cut:], labels[cut:]))
        assert first.compute() == pytest.approx(whole.compute(), abs=1e-12)
        np.testing.assert_array_equal(first.counts, whole.counts)


def test_an_image_without_an_object_pixel_is_left_out():
    scores, labels = images("good")
    labels[2][labels[2] == 1] = 0
    labels[5] = 255
    metric = accumulate(scores, labels)
    assert metric.used.tolist() == [k not in (2, 5) for k in range(8)]
    assert metric.compute() == pytest.approx(
        expected(scores[metric.used], labels[metric.used]), abs=1e-9
    )
    assert not metric.counts[[2, 5]].any()
    assert metric.counts.shape == (8, 2, len(EDGES))
    with pytest.raises(UserError, match="positive"):
        accumulate(scores[2:3], labels[2:3]).compute()


@pytest.mark.parametrize("kind", ["random", "good", "peaked", "ties"])
def test_replicates_are_the_values_of_resampled_images(kind):
    scores, labels = images(kind)
    labels[1][labels[1] == 1] = 0  # is not drawn
    used = [0, 2, 3, 4, 5, 6, 7]
    found = accumulate(scores, labels).replicates(Bootstrap(replicates=6, seed=3))
    rng = np.random.default_rng(3)
    for row, drawn in enumerate(rng.integers(7, size=(6, 7))):
        chosen = [used[k] for k in drawn]
        value = expected(scores[chosen], labels[chosen])
        assert found["pxap"][row] == pytest.approx(value["pxap"], abs=0.003)
        assert found["pxap_bins"][row] == pytest.approx(value["pxap_bins"], abs=1e-5)

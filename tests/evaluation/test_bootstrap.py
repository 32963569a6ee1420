import numpy as np
import pytest

from pipeline.evaluation import bootstrap
from pipeline.settings import Bootstrap


def test_counts_describe_draws_with_replacement():
    counts = np.concatenate(list(bootstrap.resample_counts(np.random.default_rng(1), 7, 4000)))
    assert counts.shape == (4000, 7)
    assert (counts.sum(axis=1) == 7).all()
    # binomial(7, 1/7): mean 1, variance 6/7
    np.testing.assert_allclose(counts.mean(axis=0), 1, atol=0.06)
    np.testing.assert_allclose(counts.var(axis=0), 6 / 7, atol=0.1)


def test_chunks_do_not_change_the_draws(monkeypatch):
    whole = np.concatenate(list(bootstrap.resample_counts(np.random.default_rng(2), 5, 100)))
    monkeypatch.setattr(bootstrap, "_CHUNK_DRAWS", 35)
    chunks = list(bootstrap.resample_counts(np.random.default_rng(2), 5, 100))
    assert max(len(chunk) for chunk in chunks) == 7
    np.testing.assert_array_equal(np.concatenate(chunks), whole)


def test_no_unit_is_an_error():
    with pytest.raises(ValueError, match="unit"):
        next(bootstrap.resample_counts(np.random.default_rng(0), 0, 10))


def test_interval_of_a_mean_agrees_with_the_normal_approximation():
    hits = np.arange(400) < 100
    means = bootstrap.replicated_means(hits, Bootstrap(replicates=4000, seed=3))
    assert means.shape == (4000,)
    low, high = bootstrap.interval(means, 0.95)
    error = 1.96 * np.sqrt(0.25 * 0.75 / 400)
    np.testing.assert_allclose([low, high], [0.25 - error, 0.25 + error], atol=0.006)


def test_columns_share_their_draws_and_the_seed_decides_them():
    values = np.random.default_rng(0).random((30, 3))
    values[:, 2] = values[:, 0]
    first = bootstrap.replicated_means(values, Bootstrap(replicates=50, seed=1))
    np.testing.assert_array_equal(first[:, 0], first[:, 2])
    again = bootstrap.replicated_means(values, Bootstrap(replicates=50, seed=1))
    np.testing.assert_array_equal(first, again)
    other = bootstrap.replicated_means(values, Bootstrap(replicates=50, seed=2))
    assert (first != other).any()


def test_interval_is_the_outer_quantiles():
    assert bootstrap.interval(np.arange(101), 0.9) == pytest.approx((5, 95))

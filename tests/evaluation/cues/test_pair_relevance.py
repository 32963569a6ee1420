import json

import numpy as np
import pandas as pd
import pytest

from pipeline.artefacts.part_maps import PartMaps
from pipeline.evaluation.cues.cue_localization import evaluate
from pipeline.evaluation.cues.pair_relevance import PairRelevance, mass_and_rank
from pipeline.settings import Bootstrap, CueLocalization

SIDE = 10
SECTION = CueLocalization(normalisations=("raw",), bootstrap={"replicates": 60})
PAIRS = pd.DataFrame(
    {
        "class_a": [1, 1], "class_b": [2, 3], "label_a": [0, 0], "label_b": [1, 2],
        "parts": [(1,), (1, 7)], "n_parts": [1, 2],
    }
)  # fmt: skip


@pytest.fixture
def drawn():
    """Part maps of six images of three classes; scores of every (pair, image)."""
    rng = np.random.default_rng(0)
    parts = rng.integers(0, 8, (6, SIDE, SIDE)).astype(np.uint8)
    ids = [f"{number}.jpg" for number in range(6)]
    scores = rng.random((2, 6, SIDE, SIDE)).astype(np.float32)
    return PartMaps(ids, parts, np.ones((6, 7), bool), None, {"none": 6}), scores


def measured(part_maps, scores, section=SECTION):
    return evaluate(
        section,
        PAIRS,
        part_maps,
        np.repeat([0, 1, 2], 2),
        lambda pair, rows: scores[pair.n_parts - 1][rows],
    )


def test_values_are_means_over_pairs_of_means_over_images(drawn):
    part_maps, scores = drawn
    result = measured(part_maps, scores)
    by_pair = {"mass": [], "rank": []}
    for number, (parts, rows) in enumerate((((1,), (0, 1, 2, 3)), ((1, 7), (0, 1, 4, 5)))):
        mass, rank = [], []
        for row in rows:
            cue, score = np.isin(part_maps.labels[row], parts), scores[number, row]
            mass.append(score[cue].sum() / score.sum())
            top = np.argsort(-score, axis=None)[: cue.sum()]
            rank.append(cue.ravel()[top].mean())
        by_pair["mass"].append(np.mean(mass))
        by_pair["rank"].append(np.mean(rank))
    for name, means in by_pair.items():
        assert result.values[f"{name}_1"] == pytest.approx(means[0], rel=1e-6)
        assert result.values[f"{name}_2"] == pytest.approx(means[1], rel=1e-6)
        assert result.values[f"{name}_weighted"] == pytest.approx(np.mean(means), rel=1e-6)
        low, high = result.intervals[f"{name}_weighted"]
        assert low < np.mean(means) < high
        assert result.arrays[name].shape == result.arrays["row_image"].shape


def test_scores_of_the_cue_alone_have_one_and_constant_ones_the_share_of_cue_pixels(drawn):
    part_maps, _ = drawn
    of_cues = np.stack([np.isin(part_maps.labels, parts) for parts in PAIRS["parts"]])
    values = measured(part_maps, of_cues.astype(np.float32)).values
    assert values["mass_weighted"] == values["rank_weighted"] == 1
    constant = measured(part_maps, np.ones((2, 6, SIDE, SIDE), np.float32)).values
    share = [of_cues[0, [0, 1, 2, 3]].mean(), of_cues[1, [0, 1, 4, 5]].mean()]
    assert constant["mass_weighted"] == pytest.approx(np.mean(share))
    assert 0 < constant["rank_weighted"] < 1


def test_random_and_constant_scores_rank_cue_pixels_at_random():
    rng = np.random.default_rng(1)
    cue = np.zeros((SIDE, SIDE), bool)
    cue[2:5, 1:9] = True  # 24 of 100
    for scores in (rng.random((300, SIDE, SIDE)), np.ones((300, SIDE, SIDE))):
        found = np.array([mass_and_rank(each, cue, seed) for seed, each in enumerate(scores)])
        error = found.std(axis=0) / np.sqrt(300) + 1e-9
        assert (np.abs(found.mean(axis=0) - 0.24) < 4 * error).all()
        assert found[:, 1].std() == pytest.approx(np.sqrt(0.24 * 0.76 * 76 / 99 / 24), rel=0.2)


def test_scores_that_are_nowhere_have_no_mass_and_are_left_out(drawn):
    part_maps, scores = drawn
    scores[0, 0] = 0
    result = measured(part_maps, scores)
    assert np.isnan(result.arrays["mass"]).sum() == 1
    assert np.isfinite(result.values["mass_1"])
    assert not np.isnan(result.arrays["rank"]).any()


def test_replicates_are_means_of_resampled_images():
    found = PairRelevance()
    numbers = np.array([0.1, 0.5, np.nan, 0.9])
    found.add(numbers, (1, 2), Bootstrap(replicates=4000, seed=1))
    assert found.means == [pytest.approx(0.5)]
    draws = found.replicates[0]
    assert np.nanmean(draws) == pytest.approx(0.5, abs=0.02)
    everything = np.random.default_rng(0).integers(4, size=(100_000, 4))
    resampled = numbers[everything]
    seen = ~np.isnan(resampled).all(axis=1)
    expected = np.nanmean(resampled[seen], axis=1).std()
    assert np.nanstd(draws) == pytest.approx(expected, rel=0.05)


def test_cumulative_pooling_has_no_intervals(drawn):
    section = SECTION.model_copy(update={"pooling": "cumulative"})
    result = measured(*drawn, section)
    assert result.intervals == {}
    assert json.dumps(result.values)
    assert "mass_weighted" in result.values

import itertools

import numpy as np
import pandas as pd
import pytest

from pipeline.artefacts.files import read_json, write_json
from pipeline.runtime.errors import UserError
from pipeline.search.ledger import expected_best, run


def draw(number, score, **keys):
    """What a draw leaves; a failed one has no score."""
    failed = score is None
    return {
        "draw": number,
        "status": "failed" if failed else "ok",
        "message": "the loss is nan" if failed else "",
        "score": score,
        "val_accuracy": None if failed else score / 2,
        "seconds": 1.5,
        "keys": keys,
        "config": "c0",
    }


def gather(folder, draws):
    """Run the stage on draws in reverse order; its folder."""
    paths = []
    for one in reversed(draws):
        paths.append(folder / f"draw{one['draw']}.json")
        write_json(paths[-1], one, sort=False)
    run(["--draws", *map(str, paths), "--out", str(folder / "out")])
    return folder / "out"


DRAWS = [
    draw(0, 0.4, **{"lr": 0.1, "adl.threshold": 0.3}),
    draw(1, None, **{"lr": 1.0, "adl.threshold": 0.2}),
    draw(2, 0.8, **{"lr": 0.01, "adl.threshold": 0.9}),
    draw(3, 0.8, **{"lr": 0.02, "adl.threshold": 0.8}),
]


def test_the_ledger_has_every_draw_in_order_failed_ones_too(tmp_path):
    table = pd.read_csv(gather(tmp_path, DRAWS) / "ledger.csv")
    assert list(table.columns) == [
        "draw", "status", "score", "val_accuracy", "seconds", "lr", "adl.threshold", "message",
    ]  # fmt: skip
    assert list(table["draw"]) == [0, 1, 2, 3]
    assert list(table["status"]) == ["ok", "failed", "ok", "ok"]
    assert list(table["lr"]) == [0.1, 1.0, 0.01, 0.02]
    assert np.isnan(table["score"][1])
    assert table["message"][1] == "the loss is nan"


def test_the_best_is_the_first_of_equals_as_training_keys(tmp_path):
    best = read_json(gather(tmp_path, DRAWS) / "best.json")
    assert best == {
        "draw": 2,
        "score": 0.8,
        "keys": {"training": {"lr": 0.01, "adl": {"threshold": 0.9}}},
    }


def test_a_failed_draw_scores_nothing_in_the_curve(tmp_path):
    table = pd.read_csv(gather(tmp_path, DRAWS) / "expected_best.csv")
    assert list(table["draws"]) == [1, 2, 3, 4]
    scores = [0.4, 0.0, 0.8, 0.8]
    pairs = [max(pair) for pair in itertools.combinations(scores, 2)]
    wanted = [np.mean(scores), np.mean(pairs), 0.8, 0.8]
    np.testing.assert_allclose(table["expected_best"], wanted)


@pytest.mark.parametrize("count", [1, 2, 5, 9])
def test_the_expected_best_is_the_mean_over_all_subsets(count):
    scores = np.random.default_rng(count).random(count).round(1)  # with equal ones
    found = expected_best(scores)
    for n in range(1, count + 1):
        subsets = [max(subset) for subset in itertools.combinations(scores, n)]
        assert found[n - 1] == pytest.approx(np.mean(subsets), rel=1e-12)


def test_the_expected_best_of_many_draws_is_finite_and_rises():
    scores = np.random.default_rng(0).random(2000)
    found = expected_best(scores)
    assert found[0] == pytest.approx(scores.mean())
    assert found[-1] == scores.max()
    assert (np.diff(found) >= 0).all()


def test_a_search_of_failed_draws_alone_is_an_error_that_says_why(tmp_path):
    with pytest.raises(UserError, match=r"all 2 draws failed.*the loss is nan.*search\.ranges"):
        gather(tmp_path, [draw(0, None, lr=1.0), draw(1, None, lr=0.9)])


def test_a_file_that_is_no_draw_is_named(tmp_path):
    write_json(tmp_path / "draw0.json", {"score": 1})
    with pytest.raises(UserError, match=r"draw0\.json is not a search draw"):
        run(["--draws", str(tmp_path / "draw0.json"), "--out", str(tmp_path)])

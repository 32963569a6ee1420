"""All draws of a model's search: its ledger, the best keys, and what fewer draws would have found.

``python -m pipeline.search.ledger``.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.artefacts.searches import FOUND, read_draw, write_found
from pipeline.runtime.cli import main, parser
from pipeline.runtime.errors import UserError
from pipeline.study.search_space import of_job


def ledger(draws: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """One row per draw, failed ones too, by number: what was found, the keys, the message."""
    rows = [
        {name: draw[name] for name in FOUND} | draw["keys"] | {"message": draw["message"]}
        for draw in sorted(draws, key=lambda draw: draw["draw"])
    ]
    table = pd.DataFrame(rows)
    return table[[*(name for name in table.columns if name != "message"), "message"]]


def best_draw(draws: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The draw with the highest score; the first of equals.

    Raises:
        UserError: every draw failed.
    """
    ok = [draw for draw in draws if draw["status"] == "ok"]
    if not ok:
        raise UserError(
            f"all {len(draws)} draws failed; the first: {draws[0]['message']} Narrow "
            "`search.ranges`."
        )
    return max(ok, key=lambda draw: (draw["score"], -draw["draw"]))


def expected_best(scores: np.ndarray) -> np.ndarray:
    """The expected best score of n of the N draws, for n = 1..N.

    The mean of the maximum over all subsets of n draws (without replacement). With the scores in
    ascending order s_1 <= ... <= s_N, the k-th is the maximum of C(k - 1, n - 1) of the C(N, n)
    subsets, so that E_n = sum over k = n..N of s_k C(k - 1, n - 1) / C(N, n). Dodge et al., "Show
    Your Work: Improved Reporting of Experimental Results", EMNLP 2019, propose the curve, with
    draws that are put back.

    Args:
        scores: (N,), any order.

    Returns:
        (N,) float64; the first is the mean, the last the maximum.
    """
    scores = np.sort(np.asarray(scores, dtype=np.float64))
    count = len(scores)
    expected = np.empty(count)
    for n in range(1, count + 1):
        # C(k-1, n-1) / C(N, n), from k = N down: n / N, then times (k - n) / (k - 1)
        k = np.arange(count, n, -1)
        weights = n / count * np.cumprod(np.concatenate([[1.0], (k - n) / (k - 1)]))
        expected[n - 1] = weights @ scores[::-1][: len(weights)]
    return expected


def run(argv: list[str]) -> None:
    """Command line: the draws of one model -> ledger.csv, best.json, expected_best.csv."""
    arguments = parser("pipeline.search.ledger", "Gather the draws of a search.")
    arguments.add_argument("--draws", type=Path, nargs="+", required=True, help="draw*.json")
    arguments.add_argument("--out", type=Path, required=True, help="folder to write to")
    given = arguments.parse_args(argv)
    draws = [read_draw(path) for path in given.draws]
    best = best_draw(draws)
    found = {"draw": best["draw"], "score": best["score"], "keys": of_job(best["keys"])}
    write_found(given.out, ledger(draws), _curve(draws), found)


def _curve(draws: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Columns draws (1..N) and expected_best; a failed draw scores 0, the lowest there is."""
    scores = np.array([draw["score"] or 0.0 for draw in draws])
    return pd.DataFrame(
        {"draws": np.arange(1, len(scores) + 1), "expected_best": expected_best(scores)}
    )


if __name__ == "__main__":
    main(run)

"""What an evaluation measured, and the two files that keep it; without PyTorch."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipeline.artefacts.scores import per_image_path, write_arrays, write_score


class Result(NamedTuple):
    """What was measured.

    Attributes:
        values: name -> number.
        intervals: name -> (low, high), for some or all of the values.
        details: what else a reader needs: counts, skipped images.
        arrays: per-image results; ``image_id`` (N,), and ``replicates.<value>`` (R,) of the
            bootstrap for every value that is compared between methods.
    """

    values: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    details: dict[str, Any]
    arrays: dict[str, np.ndarray]


def write_result(
    out: str | Path,
    result: Result,
    *,
    task: str,
    identity: Mapping[str, Any],
    provenance: Mapping[str, Any],
) -> None:
    """Write the score file ``out`` (.json) and the per-image results next to it (.npz).

    Args:
        out: score file.
        result: what was measured.
        task: name of the evaluation.
        identity: what was measured, see :func:`pipeline.artefacts.scores.parse_identity`.
        provenance: from :func:`pipeline.artefacts.scores.provenance`.
    """
    arrays = per_image_path(out)
    write_arrays(arrays, result.arrays)
    write_score(
        out,
        task=task,
        identity=dict(identity),
        values=result.values,
        intervals=result.intervals,
        details=result.details,
        provenance=dict(provenance),
        vouched=[arrays],
    )

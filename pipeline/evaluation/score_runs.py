"""Runs: the distinct ones of many scores, ascending, and how often each occurs."""

from typing import NamedTuple

import numpy as np

from pipeline.evaluation.sorting import sorted_scores
from pipeline.runtime.compiled import compiled


class Run(NamedTuple):
    """Distinct scores (K,), ascending, and the number of each, (K,) int64."""

    values: np.ndarray
    counts: np.ndarray


NO_RUN = Run(np.empty(0, np.float32), np.empty(0, np.int64))


def run_of(scores: np.ndarray) -> Run:
    """The run of scores (P,), float32 or float64 without NaN."""
    return Run(*_run_lengths(sorted_scores(scores)))


def merged(first: Run, second: Run) -> Run:
    """Two runs as one."""
    if not len(first.values):
        return second
    if not len(second.values):
        return first
    dtype = np.result_type(first.values, second.values)
    return Run(
        *_merge(
            first.values.astype(dtype, copy=False),
            first.counts,
            second.values.astype(dtype, copy=False),
            second.counts,
        )
    )


def average_precision_of(positives: Run, negatives: Run) -> float:
    """Exact average precision: the sum over thresholds of precision times the gain in recall.

    Recall grows only at the scores of positives, so these are the only thresholds needed.

    Args:
        positives: not empty.
        negatives: of the other pixels.
    """
    return _exact(*positives, *negatives)


@compiled
def _run_lengths(ascending: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    values, counts = np.empty_like(ascending), np.empty(ascending.size, np.int64)
    number = 0
    for index in range(ascending.size):
        if index == 0 or ascending[index] != ascending[index - 1]:
            values[number], counts[number] = ascending[index], 1
            number += 1
        else:
            counts[number - 1] += 1
    return values[:number].copy(), counts[:number].copy()


@compiled
def _merge(
    values_a: np.ndarray, counts_a: np.ndarray, values_b: np.ndarray, counts_b: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    size = values_a.size + values_b.size - _common(values_a, values_b)
    values, counts = np.empty(size, values_a.dtype), np.empty(size, np.int64)
    a = b = 0
    for number in range(size):
        take_a = b == values_b.size or (a < values_a.size and values_a[a] <= values_b[b])
        take_b = a == values_a.size or (b < values_b.size and values_b[b] <= values_a[a])
        values[number] = values_a[a] if take_a else values_b[b]
        counts[number] = 0
        if take_a:
            counts[number] += counts_a[a]
            a += 1
        if take_b:
            counts[number] += counts_b[b]
            b += 1
    return values, counts


@compiled
def _common(values_a: np.ndarray, values_b: np.ndarray) -> int:
    """How many numbers two ascending lists of distinct numbers share."""
    a = b = number = 0
    while a < values_a.size and b < values_b.size:
        if values_a[a] == values_b[b]:
            number += 1
            a += 1
            b += 1
        elif values_a[a] < values_b[b]:
            a += 1
        else:
            b += 1
    return number


@compiled
def _exact(
    positive_values: np.ndarray,
    positive_counts: np.ndarray,
    negative_values: np.ndarray,
    negative_counts: np.ndarray,
) -> float:
    found = above = 0
    total = 0.0
    rest = negative_values.size - 1
    for index in range(positive_values.size - 1, -1, -1):
        while rest >= 0 and negative_values[rest] >= positive_values[index]:
            above += negative_counts[rest]
            rest -= 1
        found += positive_counts[index]
        total += positive_counts[index] * (found / (found + above))
    return total / found

"""The order in which a split is stored."""

import numpy as np

TRAIN_ORDER_SEED = (
    0  # of the stored order; the order of an epoch is drawn by pipeline.images.loading
)


def stored_order(count: int, split: str) -> np.ndarray:
    """(count,) row of each sample: shuffled for training, so that every shard mixes classes."""
    if split == "train":
        return np.random.default_rng(TRAIN_ORDER_SEED).permutation(count)
    return np.arange(count)

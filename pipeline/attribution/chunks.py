"""A split cut into chunks, so that the same maps are the work of several jobs.

Cuts fall between batches. A chunk then has the very batches that one job for the whole split would
have, and the same maps to the last bit: how a forward pass rounds may depend on what else is in
its batch.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from pipeline.attribution.plan import Plan


def cut(
    plans: Mapping[str, Plan],
    image_ids: Sequence[str],
    batch_size: int,
    number: int,
    chunks: int,
) -> tuple[dict[str, Plan], np.ndarray]:
    """The parts of plans that are one chunk's, and the samples that it needs.

    Batches in which no image has a map are in no chunk; the others are shared out evenly, in
    their order.

    Args:
        plans: of the whole split, by kind of target.
        image_ids: of all the split's samples, in the stored order.
        batch_size: images per batch.
        number: of the chunk, 0 .. chunks - 1.
        chunks: how many there are; 1 for the whole split.

    Returns:
        The plans of the chunk; indices of its samples, ascending, in whole batches. All are empty
        for some of the chunks where there are fewer batches than chunks.
    """
    wanted = set().union(*(plan.targets for plan in plans.values()))
    mapped = np.array([image in wanted for image in image_ids])  # (N,)
    starts = np.arange(0, len(mapped), batch_size)
    batches = starts[np.logical_or.reduceat(mapped, starts)]
    own = batches[number * len(batches) // chunks : (number + 1) * len(batches) // chunks]
    rows = (own[:, None] + np.arange(batch_size)).ravel()
    rows = rows[rows < len(mapped)]
    ids = [image_ids[row] for row in rows.tolist()]
    return {kind: plan.of(ids) for kind, plan in plans.items()}, rows

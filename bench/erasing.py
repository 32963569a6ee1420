"""Remove-and-classify: the pixels to erase, and a whole curve against the bare forward passes."""

from collections.abc import Iterator

import numpy as np
import torch

from bench.harness import Path
from pipeline.evaluation.erasing.erasers import ERASERS
from pipeline.evaluation.erasing.erasing import classes, masks_of, predictions
from pipeline.evaluation.erasing.relevance import erased_count, relevance_ranks
from pipeline.images.enlarging import upsampled
from pipeline.models.classifier import build_classifier
from pipeline.settings import Erase, Training, TrainJob

SIDE, MAP = 224, 28
SECTION = Erase()  # blur, nine fractions, both orders
FRACTIONS = SECTION.fractions


def paths() -> Iterator[Path]:
    """A map without equal values, so that the order of ties does not matter."""
    score_map = np.random.default_rng(0).random((SIDE, SIDE), dtype=np.float32)
    yield Path(
        "erase masks, 9 fractions",
        lambda: masks_of(relevance_ranks(score_map), FRACTIONS, "most"),
        lambda: _plain(score_map),
        # equal values, which float32 has a few of, may cross one fraction's limit
        lambda ours, plain: (ours != plain).sum() <= 2 * len(FRACTIONS),
        8,
    )
    yield from _curves()


def _plain(score_map: np.ndarray) -> np.ndarray:
    masks = []
    for fraction in FRACTIONS:
        order = np.argsort(-score_map.ravel())
        mask = np.zeros(score_map.size, bool)
        mask[order[: erased_count(fraction, score_map.size)]] = True
        masks.append(mask.reshape(score_map.shape))
    return np.stack(masks)


def _curves() -> Iterator[Path]:
    """From a stored map to the classes of the 18 erased images, against those images classified.

    All 18 differ, so that a curve of nine fractions in two orders needs 18 forward passes per
    image; what ours takes above theirs is the ranking, the blur and the erasing.
    """
    draws = torch.Generator().manual_seed(0)
    image = torch.randn(3, SIDE, SIDE, generator=draws)
    score_map = torch.rand(1, MAP, MAP, generator=draws).numpy()

    def masks() -> np.ndarray:
        ranks = relevance_ranks(upsampled(score_map, SIDE)[0])
        return np.concatenate([masks_of(ranks, FRACTIONS, order) for order in SECTION.orders])

    erased = ERASERS["blur"](image, 0)(torch.from_numpy(masks()))
    erased = erased.contiguous(memory_format=torch.channels_last)
    for trunk in ("resnet_small", "squeezenet1_0"):
        training = Training(method="cam")
        job = TrainJob(trunk=trunk, map_size=28, weights="none", seed=0, training=training)
        model = build_classifier(job, 200).eval().to(memory_format=torch.channels_last)
        yield Path(
            f"an erasing curve, {trunk}, against its {len(erased)} bare forwards",
            lambda m=model: predictions(m, image, "image", masks(), SECTION)["blur"],
            lambda m=model: classes(m, erased),
            np.array_equal,
            1 / 1.2,
            units=len(erased),
            repeats=5,
        )

"""Simulated populations whose true values are known, for `bench.coverage`."""

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.stats import norm

from pipeline.evaluation.localisation.boxes import THRESHOLDS
from pipeline.evaluation.pxap import average_precision

IOU_THRESHOLDS = (0.3, 0.5, 0.7)
_PEAK = 255
_LEVELS = np.arange(_PEAK + 1)


def hits(
    rng: np.random.Generator, images: int, seeds: int, models: int, training: float, mean: float
) -> np.ndarray:
    """Which images some models classify correctly, in each of their trainings: (models, S, N).

    An image is right where a sum of normal parts is positive: how easy it is for everyone, for the
    model, and for this training; how good the training is (of standard deviation ``training``); and
    ``mean``.
    """
    easy = rng.normal(size=images) + 0.5 * rng.normal(size=(models, 1, images))
    trained = training * rng.normal(size=(models, seeds, 1))
    return mean + trained + easy + 0.7 * rng.normal(size=(models, seeds, images)) > 0


def hit_rate(training: float, mean: float) -> float:
    """The expected mean of :func:`hits`."""
    return float(norm.cdf(mean / np.sqrt(1 + 0.25 + 0.49 + training**2)))


def box_curves(rng: np.random.Generator, images: int, maps: int) -> np.ndarray:
    """Best IoU of maps of the same images at each level of their bytes: (maps, N, 256).

    On the logarithm of the level the IoU rises to the image's best one and falls, in steps as parts
    of the map come apart. Best levels, widths and noise are such that the curves of accuracy look
    like those of CAM's and CALM's maps of the default study; the second map has a lower and sharper
    optimum than the first.
    """
    best_level = rng.normal(size=images)
    best_iou = rng.normal(size=images)
    curves = np.empty((maps, images, len(_LEVELS)))
    for k in range(maps):
        own = rng.normal(size=(2, images))
        centre = np.log(40) + 0.5 * (0.6 * best_level + 0.8 * own[0])
        height = 0.76 - 0.06 * k + 0.10 * (0.6 * best_iou + 0.8 * own[1])
        width = np.exp(rng.normal(np.log(1.1 - 0.2 * k), 0.3, images))
        distance = (np.log1p(_LEVELS) - centre[:, None]) / width[:, None]
        steps = np.repeat(rng.normal(0, 0.04, (images, 32)), 8, axis=1)
        curves[k] = np.clip(height[:, None] * np.exp(-0.5 * distance**2) + steps, 0, 1)
    curves[:, :, _PEAK] = -1  # no pixel lies above the largest
    return curves


def best_accuracies(maps: int, images: int = 400_000) -> np.ndarray:
    """The population's accuracy at its best map threshold: (maps, D), to about .001."""
    rng = np.random.default_rng(0)
    levels = (THRESHOLDS * _PEAK).astype(np.int64)
    counts = np.zeros((maps, len(IOU_THRESHOLDS), len(_LEVELS)))
    for _ in range(images // 4000):
        curves = box_curves(rng, 4000, maps)
        counts += np.stack([(curves >= iou).sum(axis=1) for iou in IOU_THRESHOLDS], axis=1)
    return counts[..., levels].max(axis=2) / (images // 4000 * 4000)


def confident(
    rng: np.random.Generator, images: int, powers: Sequence[float]
) -> tuple[np.ndarray, np.ndarray]:
    """Hits (models, N) bool and confidences (models, N) of some models on the same images.

    A model that is confident to the degree c, of density 3 c^2 in [0, 1], is right with probability
    c^power: calibrated at power 1, overconfident above. How confident models are, and whether they
    are right, is correlated between them by .7.
    """
    shape = (len(powers), images)
    parts = rng.normal(size=(2, 1, images)), rng.normal(size=(2, *shape))
    sure, luck = norm.cdf(np.sqrt(0.7) * parts[0] + np.sqrt(0.3) * parts[1])
    confidence = np.cbrt(sure)
    return luck < confidence ** np.asarray(powers)[:, None], confidence


def calibration_error(power: float) -> float:
    """The ECE of :func:`confident`: c - c^power has one sign, so that bins do not matter."""
    return abs(3 / 4 - 3 / (3 + power))


def trained_powers(
    rng: np.random.Generator, seeds: int, power: float, training: float
) -> np.ndarray:
    """Powers (S,) of :func:`confident` after some trainings: log-normal about ``power``."""
    return power * np.exp(training * rng.normal(size=seeds))


def trained_calibration_error(power: float, training: float) -> float:
    """The mean of :func:`calibration_error` over trainings, by quantiles."""
    quantiles = norm.ppf((np.arange(100_000) + 0.5) / 100_000)
    powers = power * np.exp(training * quantiles)
    return float(np.abs(3 / 4 - 3 / (3 + powers)).mean())


def areas(rng: np.random.Generator, images: int) -> np.ndarray:
    """Skewed numbers in [0, 1] of two maps of each image, like areas of insertion: (N, 2)."""
    of_image = rng.normal(size=(images, 1))
    own = rng.normal(size=(images, 2))
    return norm.cdf(np.array([-1.0, -0.8]) + 0.8 * of_image + 0.6 * own)


AREAS = norm.cdf(np.array([-1.0, -0.8]) / np.sqrt(2))  # the expected means of `areas`


def masked_maps(rng: np.random.Generator, images: int, strength: np.ndarray | float) -> tuple:
    """Score maps (N, 16, 16) and masks of objects of many sizes, which score higher.

    Args:
        rng: of all draws.
        images: N.
        strength: mean difference of an image's scores, scalar or (N,).
    """
    shape = (images, 16, 16)
    inside = rng.uniform(0.03, 0.25, size=(images, 1, 1))
    masks = rng.random(shape) < inside
    difference = np.broadcast_to(strength, images) + rng.normal(0, 0.5, images)
    noise = rng.normal(size=shape) + rng.normal(0, 0.3, size=(images, 1, 1))
    scores = norm.cdf((noise + difference[:, None, None] * masks - 1) / 1.5)
    return scores.astype(np.float32), masks


def object_precision(images: int) -> float:
    """PxAP of all pixels of many images of :func:`masked_maps`, of strength 1."""
    scores, masks = masked_maps(np.random.default_rng(0), images, 1.0)
    return _precision(scores, masks)


def pairs(
    rng: np.random.Generator, number: int, classes: int, images: int
) -> Iterator[tuple[int, int, np.ndarray, np.ndarray]]:
    """Class pairs with the scores and cue masks of their images: ids, (2 images, 16, 16) each.

    How clearly a pair's cue is seen depends on the pair, on the class and on the image. Pairs share
    the images' clearness where they share a class.

    Args:
        rng: of all draws.
        number: of pairs.
        classes: of all pairs; 2 ``number`` for pairs that share none.
        images: of each class.
    """
    if classes == 2 * number:
        chosen = np.arange(classes).reshape(number, 2)
    else:
        chosen = np.array([rng.choice(classes, 2, replace=False) for _ in range(number)])
    clear = rng.normal(0, 0.3, size=(classes, 1)) + rng.normal(0, 0.5, size=(classes, images))
    for a, b in chosen:
        strength = rng.normal(1, 0.4) + np.concatenate([clear[a], clear[b]])
        yield int(a), int(b), *masked_maps(rng, 2 * images, strength)


def pair_precision(images: int, number: int = 4000) -> float:
    """The expected PxAP of a pair of :func:`pairs`, by many of them."""
    found = pairs(np.random.default_rng(0), number, 2 * number, images)
    return float(np.mean([_precision(scores, masks) for *_, scores, masks in found]))


def _precision(scores: np.ndarray, masks: np.ndarray) -> float:
    order = np.argsort(scores, axis=None)
    cues = masks.ravel()[order].astype(np.float64)
    return float(average_precision(cues, 1 - cues))


def erased(rng: np.random.Generator, images: int, draws: int) -> tuple[np.ndarray, np.ndarray]:
    """Hits with relevant and with random pixels erased: (N, K), and (N, K) means of some draws."""
    easy = rng.normal(size=(images, 1))
    by_map = easy + rng.normal(size=(images, len(_RANDOM))) + _BY_MAP > 0
    at_random = easy[..., None] + rng.normal(size=(images, len(_RANDOM), draws))
    return by_map.astype(float), (at_random + _RANDOM[:, None] > 0).mean(axis=2)


FRACTIONS = (0.1, 0.5, 0.9)  # of the pixels that are erased
_BY_MAP, _RANDOM = np.array([0.3, -1.0, -2.2]), np.array([0.9, 0.0, -1.4])
RATIOS = norm.cdf(_BY_MAP / np.sqrt(2)) / norm.cdf(_RANDOM / np.sqrt(2))  # the true R_k

"""``python -m bench.coverage``: how often our intervals cover the true value.

Data are drawn again and again from populations whose true values are known (`bench.populations`),
the product's own functions make the interval, and the table says how many of them hold the truth.
Needs no PyTorch; four minutes on one core.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from bench import populations
from pipeline.evaluation.accuracy.reliability import Strategy, binned, error_replicates
from pipeline.evaluation.bootstrap import defined_interval, interval, replicated_means
from pipeline.evaluation.cues.pair_bootstrap import (
    image_histograms,
    pair_replicates,
    resampled_means,
)
from pipeline.evaluation.erasing.ratios import relative_accuracy
from pipeline.evaluation.localisation.boxes import MaxBoxAccuracy
from pipeline.evaluation.localisation.mask_precision import MaskPrecision
from pipeline.evaluation.localisation.wsol_summary import replicated_accuracies
from pipeline.evaluation.over_seeds import interval_of_ends, interval_of_mean
from pipeline.settings import Bootstrap

LEVEL = 0.95
REPLICATES = 400

Ends = tuple[float, float]


@dataclass(frozen=True)
class Case:
    """A kind of interval.

    Attributes:
        name: what it is an interval of, with the size of the data.
        draw: source of random numbers -> the interval of one simulated study.
        truth: what it should hold.
    """

    name: str
    draw: Callable[[np.random.Generator], Ends]
    truth: float


def cases() -> Iterator[Case]:
    """Every kind of interval that the product prints."""
    for images, mean in ((400, 1.0), (400, 3.0), (100, 3.0)):
        truth = populations.hit_rate(0, mean)
        yield Case(
            f"top-1, {images} images, {truth:.0%} right", partial(_top1, images, mean), truth
        )
    truth = float(populations.AREAS[0])
    for images in (100, 400):
        yield Case(f"mean over {images} images (insertion ...)", partial(_mean, images), truth)
    truth = float(populations.AREAS[1] - populations.AREAS[0])
    yield Case("difference of two means, 400 images", partial(_mean_difference, 400), truth)
    for k, (fraction, truth) in enumerate(
        zip(populations.FRACTIONS, populations.RATIOS, strict=True)
    ):
        yield Case(f"R{100 * fraction:g}, 400 images", partial(_ratio, 400, k), float(truth))
    truth = relative_accuracy(populations.RATIOS, np.ones(3), populations.FRACTIONS)[1]
    yield Case("mean R, 400 images", partial(_ratio, 400, None), float(truth))

    best = populations.best_accuracies(2)  # (2, D)
    for images in (100, 400, 1389):
        yield Case(f"MaxBoxAccV2, {images} images", partial(_boxes, images), float(best[0].mean()))
    for d, iou in enumerate(populations.IOU_THRESHOLDS):
        name = f"MaxBoxAcc at IoU {iou}, 400 images, {best[0, d]:.0%} right"
        yield Case(name, partial(_boxes, 400, iou=d), float(best[0, d]))
    truth = float(best[1].mean() - best[0].mean())
    for images in (100, 400, 1389):
        name = f"difference of two MaxBoxAccV2, {images} images"
        yield Case(name, partial(_box_difference, images), truth)
    truth = populations.object_precision(20_000)
    yield Case("PxAP of localisation, 100 images", partial(_object_pixels, 100), truth)
    truth = populations.pair_precision(12)
    for classes, words in ((80, "no class in two"), (27, "a class in three on average")):
        yield Case(f"mPxAP, 40 pairs, {words}", partial(_pairs, 40, classes, 12), truth)
    yield from _calibration()
    yield from _over_seeds()


def _calibration() -> Iterator[Case]:
    """Intervals of the calibration error, of models from calibrated to overconfident."""
    models = {"calibrated": 1.0, "slightly overconfident": 1.2, "overconfident": 2.0}
    for images in (100, 400, 1389):
        for words, power in models.items():
            truth = populations.calibration_error(power)
            name = f"ECE, {images} images, {words}"
            yield Case(name, partial(_ece, images, power, "uniform"), truth)
    for seeds in (2, 3, 5):
        for words, power in models.items():
            truth = populations.trained_calibration_error(power, 0.1)
            name = f"ECE, mean over {seeds} seeds, 400 images, {words}"
            yield Case(name, partial(_ece_over_seeds, 400, seeds, power, 0.1), truth)
    for words, power in models.items():
        truth = populations.calibration_error(power)
        name = f"ECE of equal-mass bins, 400 images, {words}"
        yield Case(name, partial(_ece, 400, power, "quantile"), truth)


def _over_seeds() -> Iterator[Case]:
    """Intervals over seeds; training moves the value a third, once or twice as far as images."""
    for seeds in (2, 3, 5):
        for training, words in ((0.03, "1/3"), (0.09, "1"), (0.18, "2")):
            truth = populations.hit_rate(training, 0.7)
            end = f"{seeds} seeds, 400 images, spread of training : of images = {words}"
            draw = partial(_seeds, 400, seeds, training, 0.7)
            yield Case(f"mean, {end}", draw, truth)
            yield Case(f"difference of two models, {end}", partial(draw, difference=True), 0.0)
    name = "mean, 3 seeds, each on 400 images of its own, spread of training : of images = 1"
    yield Case(name, partial(_seeds_apart, 400, 3, 0.09, 0.7), populations.hit_rate(0.09, 0.7))


def bootstrap(rng: np.random.Generator) -> Bootstrap:
    """Replicates with a seed of their own: equal ones would tie all simulated studies together."""
    return Bootstrap(replicates=REPLICATES, seed=int(rng.integers(2**31)))


def _top1(images: int, mean: float, rng: np.random.Generator) -> Ends:
    hits = populations.hits(rng, images, 1, 1, 0, mean)[0, 0]
    return interval(replicated_means(hits, bootstrap(rng)), LEVEL)


def _mean(images: int, rng: np.random.Generator) -> Ends:
    drawn = replicated_means(populations.areas(rng, images), bootstrap(rng))
    return interval(drawn[:, 0], LEVEL)


def _mean_difference(images: int, rng: np.random.Generator) -> Ends:
    drawn = replicated_means(populations.areas(rng, images), bootstrap(rng))
    return interval(drawn[:, 1] - drawn[:, 0], LEVEL)


def _ratio(images: int, k: int | None, rng: np.random.Generator) -> Ends:
    by_map, at_random = populations.erased(rng, images, 3)
    same = bootstrap(rng)
    r_k, area = relative_accuracy(
        replicated_means(by_map, same), replicated_means(at_random, same), populations.FRACTIONS
    )
    return defined_interval(area if k is None else r_k[:, k], LEVEL) or (np.nan, np.nan)


def box_replicates(curves: np.ndarray, section: Bootstrap) -> np.ndarray:
    """Replicates (R, D) of the accuracies of best-IoU curves (N, 256)."""
    peak = np.full(len(curves), 255)
    metric = MaxBoxAccuracy.from_best_iou(curves, peak, populations.IOU_THRESHOLDS)
    return replicated_accuracies(metric, section)


def _boxes(images: int, rng: np.random.Generator, iou: int | None = None) -> Ends:
    drawn = box_replicates(populations.box_curves(rng, images, 1)[0], bootstrap(rng))
    return interval(drawn.mean(axis=1) if iou is None else drawn[:, iou], LEVEL)


def _box_difference(images: int, rng: np.random.Generator) -> Ends:
    same = bootstrap(rng)
    cam, other = (box_replicates(c, same) for c in populations.box_curves(rng, images, 2))
    return interval((other - cam).mean(axis=1), LEVEL)


def _ece(images: int, power: float, strategy: Strategy, rng: np.random.Generator) -> Ends:
    (hits,), (confidence,) = populations.confident(rng, images, (power,))
    found = binned(hits, confidence, 15, strategy)
    return interval(error_replicates(found, bootstrap(rng))[0].clip(0), LEVEL)


def _ece_over_seeds(
    images: int, seeds: int, power: float, training: float, rng: np.random.Generator
) -> Ends:
    powers = populations.trained_powers(rng, seeds, power, training)
    found = [
        binned(hits, confidence, 15, "uniform")
        for hits, confidence in zip(*populations.confident(rng, images, powers), strict=True)
    ]
    same = bootstrap(rng)
    drawn = np.array([error_replicates(each, same)[0] for each in found])  # (S, R)
    low, high = interval_of_mean([each.error() for each in found], drawn, LEVEL) or (np.nan, np.nan)
    return max(low, 0.0), high


def _object_pixels(images: int, rng: np.random.Generator) -> Ends:
    metric = MaskPrecision()
    for scores, mask in zip(*populations.masked_maps(rng, images, 1.0), strict=True):
        metric.update(scores, mask.astype(np.uint8))
    return interval(metric.replicates(bootstrap(rng))["pxap"], LEVEL)


def _pairs(number: int, classes: int, images: int, rng: np.random.Generator) -> Ends:
    same = bootstrap(rng)
    drawn = np.array(
        [
            pair_replicates(image_histograms(scores, masks, "exact")[0], same, (a, b))
            for a, b, scores, masks in populations.pairs(rng, number, classes, images)
        ]
    )
    n_parts = np.repeat([1, 2, 3], [number // 4, number // 4, number - number // 4 * 2])
    return interval(resampled_means(drawn, n_parts, same)["weighted"], LEVEL)


def _seeds(
    images: int,
    seeds: int,
    training: float,
    mean: float,
    rng: np.random.Generator,
    difference: bool = False,
) -> Ends:
    found = populations.hits(rng, images, seeds, 2, training, mean).astype(float)
    values = found[1] - found[0] if difference else found[0]  # (S, N)
    drawn = replicated_means(values.T, bootstrap(rng)).T  # (S, R)
    return interval_of_mean(values.mean(axis=1), drawn, LEVEL) or (np.nan, np.nan)


def _seeds_apart(
    images: int, seeds: int, training: float, mean: float, rng: np.random.Generator
) -> Ends:
    found = [populations.hits(rng, images, 1, 1, training, mean)[0, 0] for _ in range(seeds)]
    ends = [interval(replicated_means(hits, bootstrap(rng)), LEVEL) for hits in found]
    return interval_of_ends([hits.mean() for hits in found], ends, LEVEL)


def coverage(case: Case, trials: int, seed: int = 0) -> dict[str, float]:
    """The shares of simulated intervals that hold the truth or miss it, and their mean width."""
    rng = np.random.default_rng(seed)
    low, high = np.array([case.draw(rng) for _ in range(trials)]).T
    holds = float(((low <= case.truth) & (case.truth <= high)).mean())
    return {
        "coverage": holds,
        "error": float(np.sqrt(holds * (1 - holds) / trials)),
        "too_high": float((low > case.truth).mean()),
        "too_low": float((high < case.truth).mean()),
        "width": float((high - low).mean()),
        "truth": case.truth,
    }


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(prog="python -m bench.coverage", description=__doc__)
    arguments.add_argument(
        "words", nargs="*", help="only intervals with one of these in their name"
    )
    arguments.add_argument("--trials", type=int, default=400, help="simulated studies for each")
    arguments.add_argument("--out", type=Path, help="CSV file to write")
    given = arguments.parse_args()
    rows = []
    for case in cases():
        if given.words and not any(word in case.name for word in given.words):
            continue
        rows.append({"interval": case.name, **coverage(case, given.trials)})
        print(
            "{interval:82s} {coverage:6.1%} ± {error:.1%}  interval above {too_high:5.1%}, "
            "below {too_low:5.1%}  width {width:.3f}  truth {truth:.3f}".format(**rows[-1]),
            flush=True,
        )
    if given.out:
        pd.DataFrame(rows).round(4).to_csv(given.out, index=False)


if __name__ == "__main__":
    main()

"""Remove-and-classify: accuracy with the most or least relevant pixels erased (section 5.3).

The paper's R_k is the accuracy with the k % most relevant pixels erased, relative to that with k %
erased at random (`pipeline.evaluation.erasing.erase_random`); lower is better. The model is also
judged by its own predictions on the intact images instead of the labels: then a model that is often
wrong is not rewarded for it.
"""

import numpy as np
import torch
from torch import Tensor

from pipeline.evaluation.bootstrap import defined_interval, replicated_means
from pipeline.evaluation.erasing.erasers import blur_baseline
from pipeline.evaluation.erasing.erasing import BATCH, Classified, masks_of, percent, predictions
from pipeline.evaluation.erasing.ratios import relative_accuracy
from pipeline.evaluation.erasing.relevance import erased_count, relevance_ranks
from pipeline.evaluation.subject import Result, Subject
from pipeline.images.enlarging import upsampled
from pipeline.runtime.errors import UserError
from pipeline.runtime.seeds import image_seed
from pipeline.settings import Erase

__all__ = ["blur_baseline", "erase_mask", "measure", "relative_accuracy"]

# what is counted -> names of its rate, of the rate relative to random, and of the area under that
_KINDS = {
    "correct": ("accuracy", "relative", "auc"),
    "kept": ("kept", "relative_kept", "auc_kept"),
}


def erase_mask(score_map: np.ndarray | Tensor, fraction: float) -> np.ndarray | Tensor:
    """The most relevant pixels (section 5.3).

    Args:
        score_map: (..., H, W), any finite numbers; each map is ranked by itself.
        fraction: of the pixels, in [0, 1]; their number is rounded to the nearest, halves to even.

    Returns:
        (..., H, W) bool, of the input's kind and device; exactly that number of pixels of each map.
        Of equal pixels those of a fixed random order (seed 0) come first.

    Raises:
        ValueError: the fraction is not in [0, 1], or the map has less than two axes.
        UserError: the map has NaN or infinite values.
    """
    if isinstance(score_map, Tensor):
        mask = erase_mask(score_map.detach().cpu().numpy(), fraction)
        return torch.from_numpy(mask).to(score_map.device)
    score_map = np.asarray(score_map)
    if score_map.ndim < 2:
        raise ValueError(f"score_map must be (..., H, W), not {score_map.shape}")
    maps = score_map.reshape(-1, *score_map.shape[-2:])
    count = erased_count(fraction, maps[0].size)
    return np.stack([relevance_ranks(each) < count for each in maps]).reshape(score_map.shape)


def measure(subject: Subject, section: Erase) -> Result:
    """Erase every image by its map and classify it.

    Values, for every eraser and order at K percent: ``accuracy.ERASER.ORDER.K``,
    ``kept.ERASER.ORDER.K``, ``relative.ERASER.ORDER.K``, ``relative_kept.ERASER.ORDER.K``,
    ``auc.ERASER.ORDER`` and ``auc_kept.ERASER.ORDER``. Where random erasing leaves no image right,
    R_k is not defined: the value is absent, and counted in the details.

    Raises:
        UserError: there are no maps, or the base is absent or of other images, erasers or
            fractions.
    """
    _check_base(subject, section)
    base = subject.base_arrays
    classified = Classified()
    intact = dict(zip(base["image_id"].tolist(), base["prediction"].tolist(), strict=True))
    for chunk in subject.chunks(BATCH):
        if chunk.maps is None:
            raise UserError(
                "--maps: remove-and-classify needs attribution maps. Give a file of them."
            )
        score_maps = upsampled(chunk.maps.numpy(), subject.size)  # (B, S, S)
        for row, (image_id, score_map) in enumerate(zip(chunk.image_ids, score_maps, strict=True)):
            ranks = relevance_ranks(score_map, image_seed(section.seed, image_id))
            orders = [masks_of(ranks, section.fractions, order) for order in section.orders]
            found = predictions(
                subject.model, chunk.images[row], image_id, np.concatenate(orders), section
            )
            by_order = {
                f"{eraser}.{order}": predicted
                for eraser, of_eraser in found.items()
                for order, predicted in zip(
                    section.orders, np.split(of_eraser, len(section.orders)), strict=True
                )
            }
            classified.update(image_id, int(chunk.labels[row]), intact[image_id], by_order)
    return summarise(classified, base, section)


def summarise(classified: Classified, base: dict[str, np.ndarray], section: Erase) -> Result:
    """The result from predictions and from the arrays of the base, both of the same images.

    Numerators and denominators are resampled together. An interval leaves out the replicates in
    which random erasing leaves no image right; among those that are kept they are NaN.
    """
    arrays = classified.compute()
    rates = {name: hits.astype(np.float64) for name, hits in arrays.items()}  # (N, K)
    bases = {
        f"{kind}.{e}": base[f"{kind}.{e}"].mean(axis=1) for kind in _KINDS for e in section.erasers
    }
    drawn = {
        name: replicated_means(rate, section.bootstrap)  # (R, K), of the same images by the seed
        for name, rate in (rates | bases).items()
    }

    values: dict[str, float] = {}
    intervals: dict[str, tuple[float, float]] = {}
    replicates: dict[str, np.ndarray] = {}
    undefined = 0
    for name, rate in rates.items():
        kind, eraser, order = name.split(".")
        plain, relative, area = _KINDS[kind]
        of_base = bases[f"{kind}.{eraser}"].mean(axis=0)  # (K,)
        r_k, auc = relative_accuracy(rate.mean(axis=0), of_base, section.fractions)
        drawn_r_k, drawn_auc = relative_accuracy(
            drawn[name], drawn[f"{kind}.{eraser}"], section.fractions
        )
        columns = {f"{area}.{eraser}.{order}": (auc, drawn_auc)}
        for k, fraction in enumerate(section.fractions):
            end = f"{eraser}.{order}.{percent(fraction)}"
            columns[f"{plain}.{end}"] = rate[:, k].mean(), drawn[name][:, k]
            columns[f"{relative}.{end}"] = r_k[k], drawn_r_k[:, k]
        for key, (value, of_replicates) in columns.items():
            if not np.isfinite(value):
                undefined += 1
                continue
            values[key] = float(value)
            if ends := defined_interval(of_replicates, section.bootstrap.level):
                intervals[key] = ends
            if key.startswith(area):
                replicates[f"replicates.{key}"] = of_replicates
    details = {
        "images": len(classified.image_ids),
        "values_undefined": undefined,
        "tie_seed": section.seed,
    }
    ids = {"image_id": np.array(classified.image_ids)}
    return Result(values, intervals, details, ids | arrays | replicates)


def _check_base(subject: Subject, section: Erase) -> None:
    if subject.base is None:
        raise UserError("--base: remove-and-classify needs the score of erase_random.")
    if subject.base_arrays["image_id"].tolist() != subject.records["image_id"].tolist():
        raise UserError("--base measures other images than --records: run erase_random again.")
    needed = {
        f"{rate}.{eraser}.{percent(fraction)}"
        for rate, *_ in _KINDS.values()
        for eraser in section.erasers
        for fraction in section.fractions
    }
    if set(subject.base["values"]) != needed:
        raise UserError(
            "--base has other erasers or fractions than --section: run erase_random again."
        )

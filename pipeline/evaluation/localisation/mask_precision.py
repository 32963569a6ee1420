"""PxAP of localisation maps against object masks (paper, Appendix E), with its bootstrap.

All pixels of all images are ranked together. The exact definition takes every distinct score as a
threshold; the WSOL benchmark's takes 1000 even ones (Choe et al., "Evaluating Weakly Supervised
Object Localization Methods Right", CVPR 2020).
"""

from functools import cache

import numpy as np

from pipeline.evaluation.bootstrap import resample_counts
from pipeline.evaluation.histogram import Bins
from pipeline.evaluation.localisation.rows import Rows
from pipeline.evaluation.pxap import BIN_EDGES, PixelAveragePrecision, average_precision
from pipeline.settings import Bootstrap

# Lower edges of the bins in which each image is kept, (K,): the benchmark's, and eight per octave
# down to float32's smallest normal number, since most pixels of a peaked map are near 0.
EDGES = np.union1d(BIN_EDGES["even"], np.exp2(-np.arange(0, 126, 1 / 8)))
_BENCHMARK = np.searchsorted(EDGES, BIN_EDGES["even"])  # the first bin of each of its bins


@cache  # not at the import, which would load Numba's compiler for boxes too
def _bins() -> Bins:
    return Bins(EDGES)


class MaskPrecision:
    """PxAP over images, of float32 scores.

    An image without an object pixel is counted, but left out: nothing in it can be retrieved. What
    grows with the data are 16 kB of histograms per image (K = 2007 bins) and the distinct scores
    (see :class:`pipeline.evaluation.pxap.PixelAveragePrecision`).
    """

    def __init__(self) -> None:
        self._exact = PixelAveragePrecision("exact")
        self._counts = Rows((2, len(EDGES)), np.uint32)

    def update(self, score_map: np.ndarray, labels: np.ndarray) -> None:
        """Add an image.

        Args:
            score_map: (H, W) in [0, 1].
            labels: (H, W) uint8: 1 object, 0 background, 255 left out.

        Raises:
            ValueError: the shapes differ, or the labels have another type or other values.
            UserError: a score that counts is NaN or infinite.
        """
        scores = score_map.astype(np.float32)
        counts = np.zeros((2, len(EDGES)), np.uint32)
        if (labels == 1).any():
            self._exact.update(scores, labels)
            counts[:] = _bins().count(scores.reshape(1, -1), labels.reshape(1, -1))[0]
        self._counts.append(counts)

    def merge(self, other: "MaskPrecision") -> None:
        """Add the images of ``other``, after one's own."""
        self._exact.merge(other._exact)
        self._counts.extend(other._counts)

    @property
    def counts(self) -> np.ndarray:
        """(N, 2, K) uint32 pixels of background and object by ascending score, on `EDGES`.

        All zero for an image without an object pixel.
        """
        return self._counts.array()

    @property
    def used(self) -> np.ndarray:
        """(N,) bool: the image has an object pixel."""
        blocks = [block[:, 1].any(axis=1) for block in self._counts.blocks()]
        return np.concatenate([np.zeros(0, bool), *blocks])

    def compute(self) -> dict[str, float]:
        """PxAP in [0, 1] as ``pxap`` (exact) and ``pxap_bins`` (1000 even thresholds).

        Raises:
            UserError: no image has an object pixel.
        """
        return {
            "pxap": self._exact.compute(),
            "pxap_bins": float(_benchmark_precision(self.counts.sum(axis=0, dtype=np.int64))),
        }

    def replicates(self, bootstrap: Bootstrap) -> dict[str, np.ndarray]:
        """The values of :meth:`compute` in bootstrap replicates of the used images, (R,) each.

        Those of ``pxap`` are taken from the histograms, on whose bins it is near the exact value.
        """
        table = self.counts[self.used].astype(np.float32)  # (N, 2, K)
        rng = np.random.default_rng(bootstrap.seed)
        found: dict[str, list[np.ndarray]] = {"pxap": [], "pxap_bins": []}
        for drawn in resample_counts(rng, len(table), bootstrap.replicates):
            pooled = (drawn @ table.reshape(len(table), -1)).reshape(-1, 2, len(EDGES))
            found["pxap"].append(average_precision(pooled[:, 1], pooled[:, 0]))
            found["pxap_bins"].append(_benchmark_precision(pooled))
        return {name: np.concatenate(parts) for name, parts in found.items()}


def _benchmark_precision(counts: np.ndarray) -> np.ndarray:
    """Average precision at the benchmark's thresholds: (..., 2, K) counts on `EDGES` -> (...)."""
    even = np.add.reduceat(counts, _BENCHMARK, axis=-1, dtype=np.float64)
    return average_precision(even[..., 1, :], even[..., 0, :])

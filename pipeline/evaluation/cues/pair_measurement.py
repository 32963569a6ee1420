"""What is measured of one class pair after another (paper, section 5.2), and for its intervals."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline import settings
from pipeline.artefacts.part_maps import PARTS, PartMaps, StoredMaps, part_table
from pipeline.evaluation.cues.difference_maps import Source, normalise
from pipeline.evaluation.cues.pair_bootstrap import image_histograms, pair_replicates
from pipeline.evaluation.cues.pair_relevance import PairRelevance, relevance_of_images
from pipeline.evaluation.pxap import PixelAveragePrecision
from pipeline.runtime.errors import UserError


@dataclass(frozen=True)
class Masks:
    """Label maps that cue masks are read off.

    Attributes:
        prefix: of the names of the values: "" for estimated parts, "true_" for known ones.
        labels: (N, S, S) uint8.
        visible: (N, 7) bool; an image in which no differing part is visible is skipped.
    """

    prefix: str
    labels: np.ndarray | StoredMaps
    visible: np.ndarray


@dataclass
class Measured:
    """What was measured with one kind of masks and one normalisation.

    Attributes:
        pxap: one per pair; NaN where no cue pixel was ranked.
        replicates: (R,) per pair.
        edges: (K,) per pair, the lower edges of its bins.
        counts: (n, 2, K) per pair.
    """

    pxap: list[float] = field(default_factory=list)
    replicates: list[np.ndarray] = field(default_factory=list)
    edges: list[np.ndarray] = field(default_factory=list)
    counts: list[np.ndarray] = field(default_factory=list)


class PairMeasurement:
    """PxAP of every pair, and the shares of `pair_relevance`, from a source of score maps.

    Args:
        section: thresholds must be resolved (not ``"released"``).
        part_maps: label maps of the images of all pairs.
        labels: (N,) class label of each image of ``part_maps``.
        source: gives the scores, see `pipeline.evaluation.cues.difference_maps`.
        calm: whether they come from maps of CALM, which the released code treats in its own way.
    """

    def __init__(
        self,
        section: settings.CueLocalization,
        part_maps: PartMaps,
        labels: np.ndarray,
        source: Source,
        *,
        calm: bool = False,
    ) -> None:
        self.calm = calm
        self.section, self.part_maps, self.labels, self.source = section, part_maps, labels, source
        self.masks = [Masks("", part_maps.labels, part_maps.visible)]
        if part_maps.truth is not None:
            shown = [np.isin(list(PARTS), np.unique(parts)) for parts in part_maps.truth]
            self.masks.append(Masks("true_", part_maps.truth, np.array(shown)))
        self.measured: dict[tuple[str, str], Measured] = defaultdict(Measured)
        # by name, with the prefix of the masks
        self.relevance: dict[str, PairRelevance] = defaultdict(PairRelevance)
        self.rows: dict[str, list[np.ndarray]] = defaultdict(list)  # images used, by prefix
        self.skipped: dict[str, int] = defaultdict(int)
        self._running: dict[tuple[str, str], PixelAveragePrecision] = {}

    def add(self, pair: Any) -> None:
        """Measure one more pair: a row of pairs.csv as a named tuple."""
        rows = np.flatnonzero(np.isin(self.labels, [pair.label_a, pair.label_b]))
        if not len(rows):
            raise UserError(
                f"The records have no image of class {pair.class_a} or {pair.class_b}: they and "
                "the pairs belong to different data; run the cues stage again."
            )
        columns = np.array(pair.parts) - 1
        shown = [masks.visible[rows][:, columns].any(axis=1) for masks in self.masks]  # (n,) each
        table = part_table(pair.parts)
        cues = [  # (n', S, S) each
            table[masks.labels[rows[chosen]]]
            for masks, chosen in zip(self.masks, shown, strict=True)
        ]
        raw = self.source(pair, rows)  # (n, S, S)
        for normalisation in self.section.normalisations:
            maps = normalise(raw, normalisation, calm=self.calm)
            if self.section.thresholds != "exact":
                maps = np.minimum(maps, 1)  # raw maps may exceed 1; the released code clips them
            for masks, chosen, of_masks in zip(self.masks, shown, cues, strict=True):
                self._measure(pair, (masks.prefix, normalisation), maps[chosen], of_masks)
        for masks, chosen, of_masks in zip(self.masks, shown, cues, strict=True):
            ids = [self.part_maps.image_ids[row] for row in rows[chosen]]
            shares = relevance_of_images(raw[chosen], of_masks, ids)
            for name, numbers in shares.items():
                self.relevance[masks.prefix + name].add(
                    numbers, (pair.class_a, pair.class_b), self.section.bootstrap
                )
            self.rows[masks.prefix].append(rows[chosen])
            self.skipped[masks.prefix] += int((~chosen).sum())

    def _measure(self, pair: Any, key: tuple[str, str], maps: np.ndarray, cues: np.ndarray) -> None:
        thresholds, found = self.section.thresholds, self.measured[key]
        evaluator = PixelAveragePrecision(thresholds)
        if self.section.pooling == "cumulative":
            evaluator = self._running.setdefault(key, evaluator)
        evaluator.update(maps, cues)
        found.pxap.append(evaluator.compute() if evaluator.positives else np.nan)
        counts, edges = image_histograms(maps, cues, thresholds)
        found.counts.append(counts.astype(np.uint32))
        found.edges.append(edges)
        if self.section.pooling == "pair":
            classes = pair.class_a, pair.class_b
            found.replicates.append(pair_replicates(counts, self.section.bootstrap, classes))

"""Cue localisation: mean PxAP of |s_A - s_B| over class pairs (paper, section 5.2, Table 1)."""

import logging
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline import settings
from pipeline.artefacts import scores
from pipeline.artefacts.maps import MapStore
from pipeline.artefacts.pairs import read_pairs
from pipeline.artefacts.part_maps import PartMaps
from pipeline.artefacts.records import read_records
from pipeline.catalogue.methods import METHODS
from pipeline.evaluation.bootstrap import defined_interval
from pipeline.evaluation.cues.difference_maps import BASELINES, Source, stored
from pipeline.evaluation.cues.pair_bootstrap import mean_values, resampled_means
from pipeline.evaluation.cues.pair_measurement import PairMeasurement
from pipeline.evaluation.result import Result, write_result
from pipeline.runtime.cli import add_section, main, parser, read_section
from pipeline.runtime.errors import UserError
from pipeline.runtime.progress import track

log = logging.getLogger(__name__)


def evaluate(
    section: settings.CueLocalization,
    pairs: pd.DataFrame,
    part_maps: PartMaps,
    labels: np.ndarray,
    source: Source,
    *,
    calm: bool = False,
) -> Result:
    """Measure all pairs.

    Args:
        section: its thresholds are ``"exact"``, ``"even"`` or ``"log"``.
        pairs: from :func:`pipeline.artefacts.pairs.read_pairs`; measured in the order of n_parts,
            class_a, class_b, which matters to cumulative pooling alone.
        part_maps: of the images of all pairs.
        labels: (N,) class label of each image of ``part_maps``.
        source: gives the scores, see `pipeline.evaluation.cues.difference_maps`.
        calm: whether they come from maps of CALM, for the normalisation ``"released"``.

    Returns:
        Values are fractions (mpxap_1_raw, ..., mass_1, ..., rank_1, ..., and with the prefix true_
        against known parts); cumulative pooling has no intervals, because its pairs are not
        independent units.

    Raises:
        UserError: a map is missing, or no pair has a PxAP.
    """
    pairs = pairs.sort_values(["n_parts", "class_a", "class_b"], ignore_index=True)
    measurement = PairMeasurement(section, part_maps, labels, source, calm=calm)
    for pair in track(pairs.itertuples(), len(pairs), "cue localisation: class pairs"):
        measurement.add(pair)

    values, replicates = _summary(measurement, pairs)
    if not values:
        raise UserError("No class pair has a cue pixel: look at check.json of the cues stage.")
    intervals = {
        name: ends
        for name, found in replicates.items()
        if (ends := defined_interval(found, section.bootstrap.level))
    }
    arrays = _arrays(measurement, pairs)
    arrays |= {f"replicates.{name}": found for name, found in replicates.items()}
    return Result(values, intervals, _details(measurement, pairs), arrays)


def _summary(
    measurement: PairMeasurement, pairs: pd.DataFrame
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Values and their replicates (R,) by name; NaN where a replicate has no cue pixel."""
    n_parts, bootstrap = pairs["n_parts"].to_numpy(), measurement.section.bootstrap
    independent = measurement.section.pooling == "pair"
    # the name of a value, with a place for what it is a mean over -> per pair, and its replicates
    found = {
        f"{prefix}mpxap_{{}}_{normalisation}": (each.pxap, each.replicates)
        for (prefix, normalisation), each in measurement.measured.items()
    } | {
        f"{name}_{{}}": (each.means, each.replicates if independent else [])
        for name, each in measurement.relevance.items()
    }
    values, replicates = {}, {}
    for name, (of_pairs, drawn) in found.items():
        resampled: Mapping[str, np.ndarray] = {}
        if drawn:
            resampled = resampled_means(np.array(drawn), n_parts, bootstrap)
        for key, value in mean_values(np.array(of_pairs), n_parts).items():
            if np.isnan(value):
                continue
            values[name.format(key)] = float(value)
            if key in resampled:
                replicates[name.format(key)] = resampled[key]
    return values, replicates


def _details(measurement: PairMeasurement, pairs: pd.DataFrame) -> dict[str, Any]:
    section, maps = measurement.section, measurement.part_maps
    independent = section.pooling == "pair"
    return {
        "thresholds": section.thresholds,
        "pooling": section.pooling,
        "pairs": {
            str(number): int(count) for number, count in pairs["n_parts"].value_counts().items()
        },
        "pairs_undefined": {
            "".join(key): int(np.isnan(found.pxap).sum())
            for key, found in measurement.measured.items()
        },
        "image_pairs": {
            f"{prefix}masks": sum(map(len, rows)) for prefix, rows in measurement.rows.items()
        },
        "image_pairs_skipped": {
            f"{prefix}masks": number for prefix, number in measurement.skipped.items()
        },
        "images": len(maps.image_ids),
        "foreground": maps.foreground,
        "intervals": "pairs within n_parts, then images within a pair"
        if independent
        else "none: cumulative pooling mixes the pairs",
    }


def _arrays(measurement: PairMeasurement, pairs: pd.DataFrame) -> dict[str, np.ndarray]:
    """Per-pair PxAP and per-image histograms.

    ``pxap_*`` (P,) and ``bin_edges_*`` (P, K) by pair; ``counts_*`` (rows, 2, K), ``mass`` and
    ``rank`` (rows,) by image and pair, with ``row_pair`` and ``row_image`` (rows,) saying which;
    ``image_id`` (N,).
    """
    arrays = {"image_id": np.array(measurement.part_maps.image_ids)}
    arrays |= {name: pairs[name].to_numpy() for name in ("class_a", "class_b", "n_parts")}
    for (prefix, normalisation), found in measurement.measured.items():
        suffix = prefix + normalisation
        arrays[f"pxap_{suffix}"] = np.array(found.pxap)
        arrays[f"bin_edges_{suffix}"] = np.array(found.edges)
        arrays[f"counts_{suffix}"] = np.concatenate(found.counts)
    for name, shares in measurement.relevance.items():
        arrays[name] = np.concatenate(shares.of_images)
    for prefix, rows in measurement.rows.items():
        arrays[f"{prefix}row_pair"] = np.repeat(np.arange(len(rows)), [len(used) for used in rows])
        arrays[f"{prefix}row_image"] = np.concatenate(rows)
    return arrays


def localise_cues(
    section: settings.CueLocalization,
    pairs: Path,
    part_maps: Path,
    records: Path,
    method: str,
    *,
    maps: Path | None = None,
    baseline: str | None = None,
) -> Result:
    """Measure the maps of a method, or a baseline.

    Args:
        section: thresholds, pooling, normalisations and bootstrap.
        pairs: pairs.csv of the data set.
        part_maps: file of the part maps of its test images.
        records: of the test images.
        method: name of the method, which decides what is ``"released"`` in the section.
        maps: file of its maps.
        baseline: name of a baseline, instead of maps.

    Raises:
        UserError: a file cannot be read, the files do not belong together, or no pair has a PxAP.
    """
    resolved = section.model_copy(update={"thresholds": _thresholds(section, method, baseline)})
    table = read_pairs(pairs)
    with ExitStack() as files:
        parts = files.enter_context(PartMaps.open(part_maps))
        labels = _labels(parts, read_records(records))
        if maps is not None:
            source = stored(files.enter_context(MapStore.open(maps)), parts, labels)
        elif baseline is not None:
            source = BASELINES[baseline](parts)
        else:
            raise UserError("give --maps or --baseline: there is nothing to measure.")
        return evaluate(resolved, table, parts, labels, source, calm=_is_calm(method))


def _thresholds(section: settings.CueLocalization, method: str, baseline: str | None) -> str:
    """Resolve "released"; chance is the fraction of cue pixels, whatever the thresholds."""
    if baseline == "chance":
        return "exact"
    if section.thresholds == "released":
        return "log" if _is_calm(method) else "even"
    return section.thresholds


def _is_calm(method: str) -> bool:
    """Whether only CALM has such maps, as ``joint``."""
    entry = METHODS.get(method)
    return entry is not None and entry.models == ("calm",)


def _labels(part_maps: PartMaps, records: pd.DataFrame) -> np.ndarray:
    """(N,) class label of each image of the part maps."""
    label_of = dict(zip(records["image_id"], records["label"], strict=True))
    missing = [image_id for image_id in part_maps.image_ids if image_id not in label_of]
    if missing:
        raise UserError(
            f"The records lack {missing[0]} and {len(missing) - 1} more images of the part maps: "
            "they belong to different data; run the cues stage again."
        )
    return np.array([label_of[image_id] for image_id in part_maps.image_ids])


def run(argv: list[str]) -> None:
    """Write a score file of one method's maps, or of a baseline."""
    arguments = parser("pipeline.evaluation.cues.cue_localization", "Mean PxAP over class pairs.")
    add_section(arguments, settings.CueLocalization)
    source_from = arguments.add_mutually_exclusive_group(required=True)
    source_from.add_argument("--maps", type=Path, help="attribution maps of one method, .h5")
    source_from.add_argument("--baseline", choices=sorted(BASELINES), help="instead of maps")
    arguments.add_argument("--pairs", type=Path, required=True, help="class pairs, .csv")
    arguments.add_argument("--part-maps", type=Path, required=True, help="part maps, .h5")
    arguments.add_argument(
        "--records", type=Path, required=True, help="records of the test split, .parquet"
    )
    arguments.add_argument("--identity", required=True, help="what is measured, JSON")
    arguments.add_argument("--out", required=True, help="score file, .json, with .npz per image")
    options = arguments.parse_args(argv)
    section = read_section(options.section, settings.CueLocalization)
    identity = scores.parse_identity(options.identity)
    inputs = {"pairs": options.pairs, "part_maps": options.part_maps, "records": options.records}
    result = localise_cues(
        section, **inputs, method=identity["method"], maps=options.maps, baseline=options.baseline
    )
    inputs |= {"maps": options.maps} if options.maps else {}
    write_result(
        options.out,
        result,
        task="cue_localization",
        identity=identity,
        provenance=scores.provenance(section, inputs),
    )
    log.info("%s: %s", options.out, ", ".join(f"{k} {v:.3f}" for k, v in result.values.items()))


if __name__ == "__main__":
    main(run)

"""Stage 3: estimated cue masks from attributes and keypoints (paper, section 5.2).

The cue for class A instead of B consists of the parts whose attributes differ. Every pixel of an
image's foreground belongs to its nearest visible part, which gives one label map per image; the cue
mask of a class pair is a look-up in it.
"""

import json
import logging
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from pipeline import settings
from pipeline.artefacts.classes import read_classes
from pipeline.artefacts.files import write_json
from pipeline.artefacts.pairs import write_pairs
from pipeline.artefacts.part_maps import PartMaps
from pipeline.artefacts.records import read_records
from pipeline.cues.checks import check
from pipeline.cues.class_pairs import class_pairs, select_pairs
from pipeline.cues.drawing import draw_part_maps
from pipeline.cues.named_pairs import check_measured
from pipeline.images.geometry import RESIZES
from pipeline.runtime.cli import add_section, main, parser, read_section

log = logging.getLogger(__name__)


class Estimate(NamedTuple):
    """The estimated cues of a data set.

    Attributes:
        pairs: class pairs that differ in few parts, see `pipeline.artefacts.pairs`.
        part_maps: of the test images of these classes.
        check: report of checks.
    """

    pairs: pd.DataFrame
    part_maps: PartMaps
    check: dict[str, Any]


def estimate(
    section: settings.Cues,
    root: Path,
    records: Path,
    classes: Path,
    size: int = 224,
    resize: str = "square",
) -> Estimate:
    """Estimate the cues of a data set.

    Args:
        section: how.
        root: folder in the layout of CUB-200-2011.
        records: of the test split.
        classes: classes.csv of the same records.
        size: side of the part maps, pixels.
        resize: ``images.resize`` of the shards.

    Raises:
        UserError: a file is missing or malformed, or no two classes differ in few parts.
    """
    pairs = class_pairs(root, section.max_parts, section.threshold)
    pairs = select_pairs(pairs, read_classes(classes))
    table = read_records(records)
    in_a_pair = table["label"].isin({*pairs["label_a"], *pairs["label_b"]})
    table = table[in_a_pair].reset_index(drop=True)
    maps = draw_part_maps(table, section, size, resize)
    return Estimate(pairs, maps, check(pairs, table, maps))


def run(argv: list[str]) -> None:
    """Write the class pairs, the part maps of their test images, and a report of checks."""
    arguments = parser("pipeline.cues", "Estimate cue masks from attributes and keypoints.")
    add_section(arguments, settings.Cues)
    arguments.add_argument(
        "--root", type=Path, required=True, help="folder in the layout of CUB-200-2011"
    )
    arguments.add_argument(
        "--records", type=Path, required=True, help="records of the test split, .parquet"
    )
    arguments.add_argument(
        "--classes", type=Path, required=True, help="classes.csv of the same records"
    )
    arguments.add_argument("--size", type=int, default=224, help="side of the part maps, pixels")
    arguments.add_argument(
        "--resize", choices=RESIZES, default="square", help="images.resize of the shards"
    )
    arguments.add_argument(
        "--named", type=json.loads, default=[], help="pairs that must be found: [[name, name], ...]"
    )
    arguments.add_argument("--pairs-out", required=True, help="class pairs, .csv")
    arguments.add_argument("--maps-out", required=True, help="part maps, .h5")
    arguments.add_argument("--check-out", required=True, help="report of checks, .json")
    options = arguments.parse_args(argv)
    section = read_section(options.section, settings.Cues)

    cues = estimate(
        section, options.root, options.records, options.classes, options.size, options.resize
    )
    check_measured(read_classes(options.classes), options.named, cues.pairs)
    write_pairs(options.pairs_out, cues.pairs)
    cues.part_maps.save(options.maps_out)
    write_json(options.check_out, cues.check, vouched=[options.pairs_out])
    images = len(cues.part_maps.image_ids)
    log.info("%d class pairs, part maps of %d images", len(cues.pairs), images)


if __name__ == "__main__":
    main(run)

"""Class pairs that the config names, for data sets without attributes.

Command line: ``python -m pipeline.cues.named_pairs --named JSON --classes classes.csv
--pairs-out pairs.csv --check-out check.json``.
Nothing is known of the parts in which such classes differ.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from pipeline.artefacts.classes import read_classes
from pipeline.artefacts.files import write_json
from pipeline.artefacts.pairs import named_labels, write_pairs
from pipeline.runtime.cli import main, parser
from pipeline.runtime.errors import UserError
from pipeline.settings import ClassPair


def named_pairs(classes: pd.DataFrame, pairs: Sequence[ClassPair]) -> pd.DataFrame:
    """The pairs as rows of `pipeline.artefacts.pairs.read_pairs`, without parts.

    Args:
        classes: label, class_id and name.
        pairs: two names each.

    Raises:
        UserError: names that no class or several have: all of them in one message.
    """
    labels, faults = named_labels(classes["name"].to_list(), pairs)
    if faults:
        raise UserError("\n".join(faults))
    ids = classes["class_id"].to_list()
    rows = [
        {
            "class_a": ids[a],
            "class_b": ids[b],
            "label_a": a,
            "label_b": b,
            "parts": (),
            "n_parts": 0,
        }
        for a, b in labels
    ]
    return pd.DataFrame(rows)


def check_measured(classes: pd.DataFrame, named: Sequence[ClassPair], pairs: pd.DataFrame) -> None:
    """Check that pairs which the config names are among those of cue localisation.

    Args:
        classes: label, class_id and name.
        named: two names each.
        pairs: that differ in few parts.

    Raises:
        UserError: some are not, or a name is unknown: all of them in one message.
    """
    labels, faults = named_labels(classes["name"].to_list(), named)
    found = {frozenset(pair) for pair in zip(pairs["label_a"], pairs["label_b"], strict=True)}
    names = classes["name"].to_list()
    faults += [
        f"class_pairs: {names[a]!r} and {names[b]!r} differ in no part or in more than "
        "`cues.max_parts`, so that they have no cue mask. Name another pair, or raise the key."
        for a, b in labels
        if frozenset((a, b)) not in found
    ]
    if faults:
        raise UserError("\n".join(faults))


def run(argv: list[str]) -> None:
    """Write the pairs that a config names."""
    arguments = parser("pipeline.cues.named_pairs", "Write the class pairs that a config names.")
    arguments.add_argument("--named", type=json.loads, required=True, help="[[name, name], ...]")
    arguments.add_argument("--classes", type=Path, required=True, help="classes.csv")
    arguments.add_argument("--pairs-out", type=Path, required=True, help="class pairs, .csv")
    arguments.add_argument("--check-out", type=Path, required=True, help="report of checks, .json")
    options = arguments.parse_args(argv)
    pairs = named_pairs(read_classes(options.classes), options.named)
    write_pairs(options.pairs_out, pairs)
    write_json(options.check_out, {"pairs": len(pairs)}, vouched=[options.pairs_out])


if __name__ == "__main__":
    main(run)

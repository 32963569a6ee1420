"""Which bird part an attribute or a keypoint of CUB-200-2011 belongs to, and class pairs by parts.

Part ids are 1..7 = head, back, belly, breast, tail, leg, wing. Class ids are 1-based, as in the
files. Source: section 5.2 of the paper.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.artefacts.part_maps import BACK, BELLY, BREAST, HEAD, LEG, PARTS, TAIL, WING
from pipeline.runtime.errors import UserError

# Groups of attributes (the name before "::"). The last ones describe the whole bird, or several
# parts at once, and so belong to no part: 64 of the 312 attributes.
_PART_OF_GROUP = {
    "has_bill_shape": HEAD,
    "has_bill_length": HEAD,
    "has_bill_color": HEAD,
    "has_head_pattern": HEAD,
    "has_eye_color": HEAD,
    "has_forehead_color": HEAD,
    "has_crown_color": HEAD,
    "has_nape_color": HEAD,
    "has_throat_color": HEAD,
    "has_back_color": BACK,
    "has_back_pattern": BACK,
    "has_belly_color": BELLY,
    "has_belly_pattern": BELLY,
    "has_breast_color": BREAST,
    "has_breast_pattern": BREAST,
    "has_tail_shape": TAIL,
    "has_tail_pattern": TAIL,
    "has_upper_tail_color": TAIL,
    "has_under_tail_color": TAIL,
    "has_leg_color": LEG,
    "has_wing_color": WING,
    "has_wing_pattern": WING,
    "has_wing_shape": WING,
    "has_size": None,
    "has_shape": None,
    "has_primary_color": None,
    "has_upperparts_color": None,
    "has_underparts_color": None,
}

# Keypoints by their number in parts/parts.txt less one. Each inner tuple is one point of the
# nearest-part assignment: the seven head keypoints (beak, crown, forehead, left eye, nape, right
# eye, throat) are averaged into one, and the left and right legs and wings stay two points each.
POINTS: tuple[tuple[int, tuple[int, ...]], ...] = (
    (HEAD, (1, 4, 5, 6, 9, 10, 14)),
    (BACK, (0,)),
    (BELLY, (2,)),
    (BREAST, (3,)),
    (TAIL, (13,)),
    (LEG, (7,)),
    (LEG, (11,)),
    (WING, (8,)),
    (WING, (12,)),
)


def attribute_parts(attribute_names: Iterable[str]) -> list[set[int]]:
    """The parts that each attribute describes, by its group.

    Args:
        attribute_names: names as in attributes.txt, ``has_bill_shape::dagger``.

    Returns:
        One set of part ids per attribute; empty for those of the whole bird (its size, its shape,
        its primary colour, the colour of its upper or under parts).

    Raises:
        UserError: an attribute is of no known group.
    """
    parts = []
    for name in attribute_names:
        group = name.partition("::")[0]
        if group not in _PART_OF_GROUP:
            raise UserError(
                f"Attribute {name!r} belongs to no known group; add {group!r} to the table in "
                f"pipeline/cues/class_pairs.py (known: {', '.join(sorted(_PART_OF_GROUP))})."
            )
        part = _PART_OF_GROUP[group]
        parts.append(set() if part is None else {part})
    return parts


def class_pairs(root: str | Path, max_parts: int = 3, threshold: float = 50.0) -> pd.DataFrame:
    """Class pairs that differ in a few parts (section 5.2).

    A class has the attributes that at least ``threshold`` percent of annotators saw; two classes
    differ in the parts of the attributes that exactly one of them has.

    Args:
        root: folder in the layout of CUB-200-2011.
        max_parts: largest number of differing parts.
        threshold: percent, 0 to 100; the comparison is >=.

    Returns:
        One row per unordered pair with 1..max_parts differing parts, in ascending order of classes:
        ``class_a`` < ``class_b`` (1-based ids), ``parts`` (ascending tuple of part ids).

    Raises:
        UserError: an annotation file is missing or malformed.
    """
    parts_of = attribute_parts(_attribute_names(Path(root)))
    table_path = Path(root) / "attributes" / "class_attribute_labels_continuous.txt"
    percent = _read_table(table_path)  # (classes, attributes)
    if percent.shape[1] != len(parts_of):
        raise UserError(
            f"{table_path} has {percent.shape[1]} columns but attributes.txt names "
            f"{len(parts_of)} attributes: the two files do not belong together."
        )
    present = percent >= threshold
    differs = np.zeros((len(PARTS), len(present), len(present)), dtype=bool)
    for part in PARTS:
        columns = [index for index, parts in enumerate(parts_of) if part in parts]
        if columns:
            # classes with the same attributes of this part get the same number
            _, same = np.unique(present[:, columns], axis=0, return_inverse=True)
            differs[part - 1] = same[:, None] != same[None, :]
    number = differs.sum(axis=0)  # (classes, classes)
    first, second = np.nonzero(np.triu((number >= 1) & (number <= max_parts), k=1))
    return pd.DataFrame(
        {
            "class_a": first + 1,
            "class_b": second + 1,
            "parts": [
                tuple(int(part) + 1 for part in np.flatnonzero(differs[:, a, b]))
                for a, b in zip(first, second, strict=True)
            ],
        }
    )


def _attribute_names(root: Path) -> list[str]:
    """Names in the order of attributes.txt, which official archives keep in several places."""
    folders = (root, root / "attributes", root.parent)
    places = [folder / "attributes.txt" for folder in folders]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise UserError(
            f"attributes.txt is missing: looked for {', '.join(str(place) for place in places)}. "
            "It comes with CUB-200-2011; copy it to the first of these."
        )
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read as a list of attributes: {error}") from error
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line.strip()]
    if any(len(line) != 2 or line[0] != str(index) for index, line in enumerate(lines, start=1)):
        raise UserError(f"{path}: expected lines '<number> <name>', numbered from 1.")
    return [name.strip() for _, name in lines]


def _read_table(path: Path) -> np.ndarray:
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise UserError(f"{path} is no regular file. Put the table of CUB-200-2011 there.")
    try:
        return np.loadtxt(path, ndmin=2)
    except OSError as error:
        raise UserError(f"{path} is missing; it comes with CUB-200-2011.") from error
    except ValueError as error:
        raise UserError(f"{path} is not a table of percentages: {error}") from error


def select_pairs(pairs: pd.DataFrame, classes: pd.DataFrame) -> pd.DataFrame:
    """The pairs whose two classes are both selected, with their labels.

    Args:
        pairs: from :func:`class_pairs`.
        classes: columns label and class_id.

    Returns:
        class_a, class_b, label_a, label_b, parts, n_parts; in the order of ``pairs``.

    Raises:
        UserError: there is none.
    """
    label_of = dict(zip(classes["class_id"], classes["label"], strict=True))
    chosen = pairs["class_a"].isin(label_of) & pairs["class_b"].isin(label_of)
    if not chosen.any():
        raise UserError(
            f"No two of the {len(label_of)} selected classes differ in few enough parts: select "
            "more classes (records.classes), raise cues.max_parts, or set "
            "`cue_localization: false`."
        )
    selected = pairs[chosen].reset_index(drop=True)
    return pd.DataFrame(
        {
            "class_a": selected["class_a"],
            "class_b": selected["class_b"],
            "label_a": selected["class_a"].map(label_of),
            "label_b": selected["class_b"].map(label_of),
            "parts": selected["parts"],
            "n_parts": selected["parts"].map(len),
        }
    )

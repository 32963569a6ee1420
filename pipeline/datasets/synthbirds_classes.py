"""Genotypes of the SynthBirds classes: a colour and a pattern for each part, and their attributes.

What distinguishes two classes is known by construction: the parts whose genotypes differ.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipeline.settings import SynthBirds

PARTS = ("head", "back", "belly", "breast", "tail", "leg", "wing")  # part ids 1..7

# The well distinguishable ones of CUB's colour names, as RGB.
PALETTE = {
    "blue": (48, 98, 200),
    "brown": (116, 72, 38),
    "purple": (118, 60, 150),
    "grey": (134, 136, 140),
    "yellow": (244, 208, 58),
    "green": (52, 136, 66),
    "pink": (238, 138, 168),
    "orange": (236, 124, 34),
    "black": (30, 28, 32),
    "white": (238, 236, 230),
    "red": (196, 36, 38),
}
LEG_COLOURS = ("grey", "yellow", "pink", "orange", "black", "red")
PATTERNS = ("solid", "spotted", "striped", "multi-colored")
HEAD_PATTERNS = ("plain", "spotted", "striped", "capped")

FAMILY_SIZE = 4
FAMILY_DISTANCE = 4  # classes of different families differ in at least this many parts
CONTRAST = 110.0  # least RGB distance between a part's colours within a family

# Percent of imagined annotators who see an attribute of the genotype, its second colour, another.
SEEN, PARTLY_SEEN, UNSEEN = 90.0, 30.0, 0.0

ATTRIBUTES_FILE = Path(__file__).parent / "cub_attributes.txt"


class Look(NamedTuple):
    """Colour (a name in `PALETTE`) and pattern of one part."""

    colour: str
    pattern: str

    @property
    def accent(self) -> str:
        """Second colour of the pattern: white on dark colours, black on light ones."""
        red, green, blue = PALETTE[self.colour]
        return "white" if 0.30 * red + 0.59 * green + 0.11 * blue < 128 else "black"


Genotype = tuple[Look, ...]  # one look per part, in the order of PARTS


def differing_parts(first: Genotype, second: Genotype) -> tuple[int, ...]:
    """Ids (1..7, ascending) of the parts in which two genotypes differ."""
    pairs = enumerate(zip(first, second, strict=True), start=1)
    return tuple(part for part, (one, other) in pairs if one != other)


def genotypes(section: SynthBirds) -> list[Genotype]:
    """The genotype of every class, in the order of class ids.

    With ``pair_structure``, classes come in families of four: a founder, the founder with part a
    changed, with parts b and c changed, and with all three changed. So each whole family has two
    pairs that differ in one part, two in two parts, two in three. Part a goes round all seven
    parts from family to family. Classes of different families differ in at least
    `FAMILY_DISTANCE` parts, so that these are all pairs that differ in 1 to 3 parts.
    """
    rng = np.random.default_rng([section.seed, 0])
    if not section.pair_structure:
        return [_random_genotype(rng) for _ in range(section.classes)]
    order = rng.permutation(len(PARTS))
    chosen: list[Genotype] = []
    while len(chosen) < section.classes:
        first = order[len(chosen) // FAMILY_SIZE % len(PARTS)]
        family = _family(int(first), rng)
        if all(
            len(differing_parts(member, other)) >= FAMILY_DISTANCE
            for member in family
            for other in chosen
        ):
            chosen += family
    return chosen[: section.classes]


def _family(first: int, rng: np.random.Generator) -> list[Genotype]:
    """A founder and three members, in which part ``first`` and two others are changed."""
    founder = _random_genotype(rng)
    others = [part for part in range(len(PARTS)) if part != first]
    second, third = rng.choice(others, size=2, replace=False)
    changed = {part: _other_look(founder[part], part, rng) for part in (first, second, third)}

    def member(*parts: int) -> Genotype:
        return tuple(changed[part] if part in parts else look for part, look in enumerate(founder))

    return [founder, member(first), member(second, third), member(first, second, third)]


def _random_genotype(rng: np.random.Generator) -> Genotype:
    return tuple(_random_look(part, rng) for part in range(len(PARTS)))


def _random_look(part: int, rng: np.random.Generator) -> Look:
    if PARTS[part] == "leg":  # CUB knows no pattern of legs, and they are thin
        return Look(str(rng.choice(LEG_COLOURS)), "solid")
    patterns = HEAD_PATTERNS if PARTS[part] == "head" else PATTERNS
    return Look(str(rng.choice(list(PALETTE))), str(rng.choice(patterns)))


def _other_look(look: Look, part: int, rng: np.random.Generator) -> Look:
    """A look of clearly another colour."""
    while True:
        other = _random_look(part, rng)
        if np.linalg.norm(np.subtract(PALETTE[look.colour], PALETTE[other.colour])) >= CONTRAST:
            return other


def attribute_names() -> list[str]:
    """The 312 attributes of CUB-200-2011, in its order: 'has_bill_shape::dagger'."""
    return [line.split()[1] for line in ATTRIBUTES_FILE.read_text().splitlines()]


def attribute_percentages(genotype: Genotype) -> np.ndarray:
    """Percent of annotators who would see each attribute: (312,), 0 to 100.

    What a genotype does not say (shapes, size, bill, eyes) is the same for all classes, as it is
    in the drawings. Attributes from 50 percent on give a part's look back: two classes differ in
    them exactly in their differing parts.
    """
    look = dict(zip(PARTS, genotype, strict=True))
    head = look["head"]
    seen = {
        "has_bill_shape": {"all-purpose"},
        "has_bill_length": {"shorter_than_head"},
        "has_bill_color": {"grey"},
        "has_eye_color": {"black"},
        "has_head_pattern": {head.pattern},
        "has_crown_color": {head.accent if head.pattern == "capped" else head.colour},
        "has_tail_shape": {"fan-shaped_tail"},
        "has_wing_shape": {"rounded-wings"},
        "has_size": {"small_(5_-_9_in)"},
        "has_shape": {"perching-like"},
        "has_leg_color": {look["leg"].colour},
        "has_upperparts_color": {look["back"].colour, look["wing"].colour},
        "has_underparts_color": {look["belly"].colour, look["breast"].colour},
        "has_primary_color": {look["back"].colour},
    }
    partly: dict[str, str] = {}
    for group in ("forehead", "nape", "throat"):
        seen[f"has_{group}_color"] = {head.colour}
        if head.pattern != "plain":
            partly[f"has_{group}_color"] = head.accent
    for part in ("back", "belly", "breast", "tail", "wing"):
        for side in ("upper_", "under_") if part == "tail" else ("",):
            seen[f"has_{side}{part}_color"] = {look[part].colour}
            if look[part].pattern != "solid":
                partly[f"has_{side}{part}_color"] = look[part].accent
        seen[f"has_{part}_pattern"] = {look[part].pattern}

    def percent(name: str) -> float:
        group, _, value = name.partition("::")
        if value in seen[group]:
            return SEEN
        return PARTLY_SEEN if partly.get(group) == value else UNSEEN

    return np.array([percent(name) for name in attribute_names()])

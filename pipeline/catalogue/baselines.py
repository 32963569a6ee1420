"""What maps and models are compared with, and how the tables and the report speak of it."""

from typing import NamedTuple


class Baseline(NamedTuple):
    """A baseline: a row of some tables, or a map without a model among the methods.

    Attributes:
        words: in a sentence.
        meaning: what it is, for a list of names.
        blind: it looks at no image, so that what is no better shows nothing.
    """

    words: str
    meaning: str
    blind: bool


BASELINES = {
    "chance": Baseline("chance", "what a guess gets that looks at no image", True),
    "always_head": Baseline(
        "always pointing at the head", "a map that always points at the head", False
    ),
    "random": Baseline("random pixels", "pixels taken at random", True),
    "center_gaussian": Baseline(
        "a Gaussian in the centre", "the same blob in the centre of every image", True
    ),
    "uniform": Baseline("a uniform map", "a map with the same value everywhere", True),
    "viewers": Baseline(
        "other people's fixations",
        "each person's fixations, as predicted by those of all others: the ceiling",
        False,
    ),
}

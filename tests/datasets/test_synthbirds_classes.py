from collections import Counter
from itertools import combinations

import numpy as np
import pytest

from pipeline.cues import class_pairs as cue_parts
from pipeline.datasets.synthbirds_classes import (
    ATTRIBUTES_FILE,
    CONTRAST,
    PALETTE,
    PARTS,
    attribute_names,
    attribute_percentages,
    differing_parts,
    genotypes,
)
from pipeline.settings import SynthBirds


def distances(looks):
    return Counter(len(differing_parts(*pair)) for pair in combinations(looks, 2))


@pytest.mark.parametrize("seed", range(5))
def test_pairs_by_number_of_differing_parts(seed):
    looks = genotypes(SynthBirds(seed=seed, classes=20))
    count = distances(looks)
    assert [count[parts] for parts in (0, 1, 2, 3)] == [0, 10, 10, 10]
    single = [differing_parts(*pair) for pair in combinations(looks, 2)]
    assert len({parts for parts in single if len(parts) == 1}) == 5  # not always the same part


def test_an_unfinished_family():
    looks = genotypes(SynthBirds(classes=6))
    assert looks == genotypes(SynthBirds(classes=8))[:6]
    assert [distances(looks)[parts] for parts in (1, 2, 3)] == [3, 2, 2]


def test_many_classes_stay_apart():
    # with this seed, families drawn without regard to each other come too near five times
    count = distances(genotypes(SynthBirds(seed=18, classes=200)))
    assert [count[parts] for parts in (0, 1, 2, 3)] == [0, 100, 100, 100]


def test_differing_parts_have_clearly_other_colours_within_a_family():
    looks = genotypes(SynthBirds(classes=40))
    for first in range(0, 40, 4):
        for one, other in zip(looks[first], looks[first + 3], strict=True):
            if one != other:
                gap = np.subtract(PALETTE[one.colour], PALETTE[other.colour])
                assert np.sqrt((gap**2).sum()) >= CONTRAST


def test_without_pair_structure_classes_have_no_kin():
    looks = genotypes(SynthBirds(classes=60, pair_structure=False))
    assert sum(distances(looks)[parts] for parts in (0, 1, 2)) == 0


def test_the_seed_decides():
    assert genotypes(SynthBirds(seed=1)) == genotypes(SynthBirds(seed=1))
    assert genotypes(SynthBirds(seed=1)) != genotypes(SynthBirds(seed=2))


def test_part_names_are_those_of_the_cues():
    assert dict(enumerate(PARTS, start=1)) == cue_parts.PARTS


def test_attributes_give_the_differing_parts_back():
    """Oracle: attributes from 50 % on, mapped to parts by the words of their group."""
    words = {
        1: {"bill", "crown", "eye", "forehead", "head", "nape", "throat"},
        2: {"back"},
        3: {"belly"},
        4: {"breast"},
        5: {"tail"},
        6: {"leg"},
        7: {"wing"},
    }
    groups = [set(name.split("::")[0].split("_")) for name in attribute_names()]
    looks = genotypes(SynthBirds(classes=24)) + genotypes(
        SynthBirds(seed=5, classes=30, pair_structure=False)
    )
    has = [attribute_percentages(genotype) >= 50 for genotype in looks]
    for first, second in combinations(range(len(looks)), 2):
        unlike = [groups[index] for index in np.flatnonzero(has[first] != has[second])]
        parts = {part for part in words for group in unlike if words[part] & group}
        assert tuple(sorted(parts)) == differing_parts(looks[first], looks[second])


def test_every_value_of_a_genotype_is_an_attribute():
    names = attribute_names()
    assert len(names) == len(set(names)) == 312
    for genotype in genotypes(SynthBirds(classes=100, pair_structure=False)):
        has = {
            name
            for name, percent in zip(names, attribute_percentages(genotype), strict=True)
            if percent >= 50
        }
        for part, look in zip(PARTS, genotype, strict=True):
            if part == "leg":
                assert f"has_leg_color::{look.colour}" in has
                continue
            assert f"has_{part}_pattern::{look.pattern}" in has
            group = {"head": "forehead", "tail": "under_tail"}.get(part, part)
            assert f"has_{group}_color::{look.colour}" in has


@pytest.mark.real_data
def test_attribute_names_are_those_of_cub(calm_data):
    real = calm_data / "CUB_200_2011" / "attributes.txt"
    assert ATTRIBUTES_FILE.read_text().split() == real.read_text().split()

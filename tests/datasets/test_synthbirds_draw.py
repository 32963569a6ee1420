import numpy as np
import pytest

from pipeline.datasets.synthbirds_classes import PALETTE, PARTS, Look, genotypes
from pipeline.datasets.synthbirds_draw import draw_bird
from pipeline.datasets.synthbirds_pose import KEYPOINT_PARTS, Pose, pose_bird
from pipeline.settings import SynthBirds

LOOKS = genotypes(SynthBirds())


@pytest.fixture(scope="module")
def birds():
    return [
        draw_bird(LOOKS[index % 20], 160, np.random.default_rng([7, index])) for index in range(60)
    ]


def test_shapes_and_sizes(birds):
    for bird in birds:
        height, width, channels = bird.image.shape
        assert channels == 3
        assert bird.image.dtype == bird.parts.dtype == np.uint8
        assert bird.parts.shape == (height, width)
        assert 128 <= min(height, width) <= max(height, width) <= 192
        assert bird.parts.max() <= 7
    assert len({bird.parts.shape for bird in birds}) > 40


def test_every_part_can_be_seen(birds):
    """At the pixels of a 112 x 112 picture, most images show a fair piece of each part."""
    for part, name in enumerate(PARTS, start=1):
        area = [(bird.parts == part).mean() * 112**2 for bird in birds]
        assert np.median(area) > 60, name


def test_visible_keypoints_lie_on_their_part(birds):
    for bird in birds:
        for (x, y, visible), part in zip(bird.keypoints, KEYPOINT_PARTS.values(), strict=True):
            if visible:
                assert bird.parts[int(y), int(x)] == part
            else:
                assert x == y == 0


def test_keypoints_are_seen_as_often_as_a_profile_shows_them(birds):
    seen = dict(
        zip(KEYPOINT_PARTS, np.mean([bird.keypoints[:, 2] for bird in birds], 0), strict=True)
    )
    for name in ("back", "beak", "belly", "breast", "crown", "forehead", "tail", "throat"):
        assert seen[name] > 0.75, name
    both_wings = [bird.keypoints[8, 2] + bird.keypoints[12, 2] for bird in birds]
    assert max(both_wings) == 1  # the far wing is hidden
    for side in ("left", "right"):
        assert 0.2 < seen[f"{side} wing"] < 0.8
        assert 0.2 < seen[f"{side} eye"] < 0.9


def test_the_visible_side_follows_the_direction(birds):
    """Birds that face right show their right wing."""
    names = list(KEYPOINT_PARTS)
    checked = 0
    for bird in birds:
        at = dict(zip(names, bird.keypoints, strict=True))
        if at["breast"][2] and at["tail"][2]:
            faces_right = at["breast"][0] > at["tail"][0]
            assert not at["left wing" if faces_right else "right wing"][2]
            checked += 1
    assert checked > 30


def test_a_frontal_head_shows_both_eyes_and_hides_the_nape():
    pose = Pose(
        tilt=20, yaw=78, nod=0, plump=1, head=1, tail=1, tail_lift=0, stance=0
    )  # degrees and factors
    shown = dict(zip(KEYPOINT_PARTS, pose_bird(pose).shown, strict=True))
    assert shown["left eye"]
    assert shown["right eye"]
    assert not shown["nape"]
    profile = Pose(tilt=20, yaw=0, nod=0, plump=1, head=1, tail=1, tail_lift=0, stance=0)
    shown = dict(zip(KEYPOINT_PARTS, pose_bird(profile).shown, strict=True))
    assert not shown["left eye"]
    assert shown["nape"]


def test_true_parts_have_the_colours_of_the_genotype():
    """Masks and picture are one drawing: inside a red part of a green bird, red prevails."""
    for part, name in enumerate(PARTS, start=1):
        genotype = tuple(
            Look("red" if other == name else "green", "plain" if other == "head" else "solid")
            for other in PARTS
        )
        for index in range(4):
            bird = draw_bird(genotype, 160, np.random.default_rng([index, part]))
            inside = bird.image[bird.parts == part].mean(axis=0)
            outside = bird.image[(bird.parts > 0) & (bird.parts != part)].mean(axis=0)
            assert inside[0] > inside[1], name
            assert outside[1] > outside[0], name


def test_patterns_bring_the_second_colour():
    assert Look("black", "spotted").accent == "white"
    assert Look("yellow", "spotted").accent == "black"
    rest = tuple(Look("black", "plain" if part == "head" else "solid") for part in PARTS)
    for pattern in ("spotted", "striped", "multi-colored"):
        light = []
        for belly in (Look("black", "solid"), Look("black", pattern)):
            genotype = tuple(
                belly if part == "belly" else look for part, look in zip(PARTS, rest, strict=True)
            )
            bird = draw_bird(genotype, 160, np.random.default_rng(4))
            light.append((bird.image[bird.parts == 3].mean(axis=1) > 110).mean())
        assert light[0] < 0.05
        assert 0.1 < light[1] < 0.9


def test_the_same_random_state_draws_the_same_bird():
    first, second = (draw_bird(LOOKS[0], 96, np.random.default_rng(1)) for _ in range(2))
    assert np.array_equal(first.image, second.image)
    assert np.array_equal(first.keypoints, second.keypoints)


def test_the_smallest_size_works():
    for seed in range(10):
        bird = draw_bird(LOOKS[seed], 32, np.random.default_rng(seed))
        assert bird.parts.any()


def test_palette_colours_differ():
    colours = np.array(list(PALETTE.values()), dtype=float)
    gaps = np.linalg.norm(colours[:, None] - colours[None], axis=2)
    assert gaps[~np.eye(len(colours), dtype=bool)].min() > 45

"""Pose of a SynthBird: outlines of its parts and its 15 keypoints, as points in the plane.

The bird is modelled in profile, facing right, x to the right and y down, its trunk about 0.64
long with its centre in the origin. A viewer of a bird that faces right sees its right side.
Angles are in degrees, anticlockwise for the viewer where they lift the head.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

# Keypoints of CUB-200-2011 in the order of parts/parts.txt, and the part (1..7) each lies on.
KEYPOINT_PARTS = {
    "back": 2,
    "beak": 1,
    "belly": 3,
    "breast": 4,
    "crown": 1,
    "forehead": 1,
    "left eye": 1,
    "left leg": 6,
    "left wing": 7,
    "nape": 1,
    "right eye": 1,
    "right leg": 6,
    "right wing": 7,
    "tail": 5,
    "throat": 1,
}

NECK = np.array([0.18, -0.12])  # where the neck leaves the trunk
EYE_AZIMUTH = 50.0  # of the eyes from the beak
_CIRCLE = np.linspace(0, 2 * np.pi, 28, endpoint=False)


@dataclass(frozen=True)
class Pose:
    """What varies from image to image; lengths relative to the model's."""

    tilt: float  # the trunk's, head up
    yaw: float  # the head's towards the viewer: 0 is profile, 90 would be frontal
    nod: float  # the head's, beak up
    plump: float  # height of the trunk
    head: float  # radius of the head
    tail: float  # length of the tail
    tail_lift: float  # angle of the tail to the trunk
    stance: float  # angle of the legs to the vertical

    @classmethod
    def random(cls, rng: np.random.Generator) -> "Pose":
        """A pose of a perched bird."""
        return cls(
            tilt=rng.uniform(-8, 38),
            yaw=rng.triangular(-15, 0, 80),
            nod=rng.uniform(-14, 16),
            plump=rng.uniform(0.88, 1.15),
            head=rng.uniform(0.90, 1.12),
            tail=rng.uniform(0.8, 1.2),
            tail_lift=rng.uniform(-16, 16),
            stance=rng.uniform(-12, 12),
        )


class Shape(NamedTuple):
    """A polygon, and the direction along which its pattern runs."""

    points: np.ndarray  # (N, 2)
    angle: float = 0.0


@dataclass(frozen=True)
class Bird:
    """A posed bird in model units, facing right."""

    shapes: dict[str, Shape]
    keypoints: np.ndarray  # (15, 2)
    shown: np.ndarray  # (15,) bool: on the side that the viewer sees


def turn(points: np.ndarray, degrees: float, centre: np.ndarray | float = 0.0) -> np.ndarray:
    """Rotate points (..., 2) anticlockwise, as seen with y down."""
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return (points - centre) @ np.array([[cos, -sin], [sin, cos]]) + centre


def ellipse(x: float, y: float, width: float, height: float) -> np.ndarray:
    """Outline (28, 2) of an ellipse with the given half axes."""
    return np.stack([x + width * np.cos(_CIRCLE), y + height * np.sin(_CIRCLE)], axis=1)


def pose_bird(pose: Pose) -> Bird:
    """Outlines and keypoints of a bird in a pose."""
    places: dict[str, np.ndarray] = {}
    shapes = {**_trunk(pose, places), **_legs(pose, places), **_head(pose, places)}
    hidden = {"left wing"} | {
        name for name in ("left eye", "right eye", "nape", "forehead") if name not in places
    }
    keypoints = np.array([places.get(name, np.zeros(2)) for name in KEYPOINT_PARTS])
    shown = np.array([name not in hidden for name in KEYPOINT_PARTS])
    return Bird(shapes, keypoints, shown)


def _trunk(pose: Pose, places: dict[str, np.ndarray]) -> dict[str, Shape]:
    """Trunk with back, breast, belly, wing and tail, turned by the tilt."""
    swell = 0.225 * pose.plump * (1 + 0.18 * np.cos(_CIRCLE))
    trunk = np.stack([0.32 * np.cos(_CIRCLE), swell * np.sin(_CIRCLE)], axis=1)
    trunk[:, 1] -= 0.10 * trunk[:, 0]  # the chest is higher than the rump
    high = pose.plump
    back = np.array(
        [
            [-0.45, 0.02],
            [-0.30, -0.05],
            [-0.12, -0.09 * high],
            [0.06, -0.13 * high],
            [0.16, -0.22],
            [0.16, -0.45],
            [-0.45, -0.45],
        ]
    )
    breast = np.array(
        [[0.05, 0.40], [0.08, 0.10], [0.04, -0.10], [0.10, -0.40], [0.5, -0.4], [0.5, 0.4]]
    )
    wing = np.array(
        [
            [0.13, -0.09],
            [0.10, -0.135],
            [0.02, -0.14],
            [-0.12, -0.115],
            [-0.28, -0.055],
            [-0.42, 0.035],
            [-0.40, 0.055],
            [-0.28, 0.060],
            [-0.12, 0.065],
            [0.02, 0.045],
            [0.10, 0.0],
        ]
    ) * [1, high]
    length = 0.34 * pose.tail
    root = np.array([-0.26, 0.02])
    tail = np.array(
        [
            [0.04, -0.055],
            [-length, -0.085],
            [-length - 0.02, -0.03],
            [-length - 0.025, 0.03],
            [-length, 0.085],
            [0.04, 0.055],
        ]
    )
    tail = turn(tail, pose.tail_lift) + root
    places["back"] = turn(np.array([-0.07, -0.165 * high]), pose.tilt)
    places["belly"] = turn(np.array([-0.06, 0.135 * high]), pose.tilt)
    places["breast"] = turn(np.array([0.20, 0.03]), pose.tilt)
    places["right wing"] = turn(np.array([-0.08, -0.03 * high]), pose.tilt)
    places["left wing"] = places["right wing"]
    tail_middle = turn(np.array([-0.62 * length, 0.0]), pose.tail_lift) + root
    places["tail"] = turn(tail_middle, pose.tilt)
    angles = {"tail": pose.tilt + pose.tail_lift, "wing": pose.tilt - 12}
    outlines = {"tail": tail, "trunk": trunk, "breast": breast, "back": back, "wing": wing}
    return {
        name: Shape(turn(points, pose.tilt), angles.get(name, pose.tilt))
        for name, points in outlines.items()
    }


def _legs(pose: Pose, places: dict[str, np.ndarray]) -> dict[str, Shape]:
    """Two legs that hang down from the belly, each with a foot."""
    hip = turn(np.array([-0.03, 0.17 * pose.plump]), pose.tilt)
    leg = np.array(
        [
            [-0.045, -0.08],
            [0.045, -0.08],
            [0.024, 0.06],
            [0.022, 0.17],
            [0.12, 0.19],
            [0.12, 0.215],
            [-0.06, 0.215],
            [-0.06, 0.19],
            [-0.022, 0.17],
            [-0.024, 0.06],
        ]
    )
    shapes = {}
    for name, side, offset in (("far leg", "left leg", 0.085), ("near leg", "right leg", -0.035)):
        shapes[name] = Shape(turn(leg, pose.stance) + hip + [offset, 0.0])
        places[side] = turn(np.array([0.0, 0.13]), pose.stance) + hip + [offset, 0.0]
    return shapes


def _head(pose: Pose, places: dict[str, np.ndarray]) -> dict[str, Shape]:
    """Neck and a spherical head that turns towards the viewer; its level is kept by the bird."""
    radius = 0.135 * pose.head
    shoulder = turn(NECK, pose.tilt)
    centre = shoulder + turn(np.array([0.11, -0.10]), 0.6 * pose.tilt)
    level = 0.25 * pose.tilt + pose.nod
    facing = 90.0 - pose.yaw  # azimuth of the beak, 0 is towards the viewer, 90 to the right

    def on_head(azimuth: float, height: float, reach: float = 1.0) -> np.ndarray:
        """A point on the sphere: azimuth and height in degrees -> model units."""
        ring = reach * radius * np.cos(np.deg2rad(height))
        return np.array(
            [ring * np.sin(np.deg2rad(azimuth)), -reach * radius * np.sin(np.deg2rad(height))]
        )

    def place(point: np.ndarray) -> np.ndarray:
        return turn(point, level) + centre

    base = on_head(facing, -8, 0.85)
    out = np.array([np.sin(np.deg2rad(facing)), 0.18 + 0.55 * np.cos(np.deg2rad(facing))])
    tip = base + 0.135 * out / max(float(np.linalg.norm(out)), 1.0)
    across = 0.036 * np.array([-out[1], out[0]]) / np.linalg.norm(out)
    beak = np.array([base - across, tip, base + across])
    places["beak"] = place(0.6 * base + 0.4 * tip)
    places["crown"] = place(on_head(facing, 76, 0.86))
    places["throat"] = place(on_head(facing, -58, 0.86))
    points = {
        "forehead": (facing, 40.0),
        "nape": (facing + 180, 5.0),
        "right eye": (facing - EYE_AZIMUTH, 14.0),
        "left eye": (facing + EYE_AZIMUTH, 14.0),
    }
    shapes = {}
    for name, (azimuth, height) in points.items():
        if np.cos(np.deg2rad(azimuth)) > (0.15 if "eye" in name else -0.3):
            places[name] = place(on_head(azimuth, height, 0.86))
            if "eye" in name:
                squeeze = max(np.cos(np.deg2rad(azimuth)), 0.5)
                eye = ellipse(0, 0, 0.026 * squeeze, 0.026)
                shapes[name] = Shape(turn(eye, level) + places[name])
    sphere = ellipse(0, 0, radius, 0.97 * radius)
    cap = sphere[sphere[:, 1] < -0.3 * radius]
    side = 0.85 * radius * turn(np.array([0.0, 1.0]), 0.5 * pose.tilt - 45)
    neck = np.array([centre - side, shoulder - 1.15 * side, shoulder + 1.15 * side, centre + side])
    return {
        "neck": Shape(neck, level),
        "head": Shape(turn(sphere, level) + centre, level),
        "cap": Shape(turn(cap[np.argsort(cap[:, 0])], level) + centre, level),
        "beak": Shape(turn(beak, level) + centre),
        **shapes,
    }

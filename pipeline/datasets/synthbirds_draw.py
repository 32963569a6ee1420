"""Drawing of one SynthBird: picture, label map of its true parts, keypoints.

The bird is painted by numbers: every region gets an index on one canvas of `OVERSAMPLING` times
the resolution. A palette turns indices into colours and a table turns them into parts, so that
the picture and the true part masks are the same drawing.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageChops, ImageDraw

from pipeline.datasets.synthbirds_background import FOLIAGE, background, leaf
from pipeline.datasets.synthbirds_classes import PALETTE, PARTS, Genotype
from pipeline.datasets.synthbirds_pose import KEYPOINT_PARTS, Bird, Pose, Shape, pose_bird, turn

OVERSAMPLING = 3  # odd, so that a pixel has a middle sample

# Indices on the canvas: 1..7 parts in their colour, 8 more for their accent, then these.
ACCENT = 8
BEAK, EYE, FAR_LEG, LEAF = 16, 17, 18, 19
_TRUE_PART = np.zeros(256, dtype=np.uint8)
_TRUE_PART[1:8] = _TRUE_PART[9:16] = range(1, 8)
_TRUE_PART[[BEAK, EYE, FAR_LEG]] = 1, 1, 6


class Drawn(NamedTuple):
    """One drawn image."""

    image: np.ndarray  # (H, W, 3) uint8, RGB
    parts: np.ndarray  # (H, W) uint8, 0 background, 1..7 parts
    keypoints: np.ndarray  # (15, 3) x, y in pixels and visible; zeros where not visible


def draw_bird(genotype: Genotype, size: int, rng: np.random.Generator) -> Drawn:
    """Draw a bird in a random pose and scene; the image's sides are ``size`` +- 20 %."""
    width, height = (int(side) for side in np.rint(size * rng.uniform(0.8, 1.2, 2)))
    scene = background(width, height, rng)
    bird = pose_bird(Pose.random(rng))
    flip = bool(rng.random() < 0.5)
    scale, offset = _placement(bird, (width, height), rng)

    def to_pixels(points: np.ndarray) -> np.ndarray:
        pixels = points * scale + offset
        return np.stack([width - pixels[..., 0], pixels[..., 1]], -1) if flip else pixels

    canvas = _Canvas((width, height), to_pixels, scale, rng)
    _paint(canvas, bird, genotype)
    _occlude(canvas, bird, rng)
    parts = _TRUE_PART[np.asarray(canvas.image)[1::OVERSAMPLING, 1::OVERSAMPLING]]  # (H, W)
    image = _develop(canvas.image, scene, genotype, parts, rng)
    return Drawn(image, parts, _keypoints(bird, to_pixels, flip, parts))


def _placement(
    bird: Bird, size: tuple[int, int], rng: np.random.Generator
) -> tuple[float, np.ndarray]:
    """Pixels per model unit and the pixel of the model's origin, so that the bird fits in."""
    points = np.concatenate([shape.points for shape in _whole(bird)])
    low, high = points.min(axis=0), points.max(axis=0)
    scale = rng.uniform(0.62, 0.94) * float(np.min(np.array(size) / (high - low)))
    room = np.array(size) - scale * (high - low)
    return scale, rng.uniform(0.05, 0.95, 2) * room - scale * low


def _whole(bird: Bird) -> list[Shape]:
    """The shapes that are not cut off at another's border."""
    return [shape for name, shape in bird.shapes.items() if name not in ("back", "breast")]


class _Canvas:
    """An image of indices that takes shapes in model units."""

    def __init__(
        self,
        size: tuple[int, int],
        to_pixels: Callable[[np.ndarray], np.ndarray],
        scale: float,
        rng: np.random.Generator,
    ):
        width, height = size
        self.image = Image.new("L", (width * OVERSAMPLING, height * OVERSAMPLING))
        self.draw = ImageDraw.Draw(self.image)
        self.to_pixels, self.unit, self.rng = to_pixels, scale * OVERSAMPLING, rng

    def points(self, points: np.ndarray) -> list[float]:
        return (self.to_pixels(points) * OVERSAMPLING).ravel().tolist()

    def fill(self, shape: Shape, index: int) -> None:
        self.draw.polygon(self.points(shape.points), index)

    def mask(self, *shapes: Shape) -> Image.Image:
        """255 inside any of the shapes."""
        mask = Image.new("L", self.image.size)
        draw = ImageDraw.Draw(mask)
        for shape in shapes:
            draw.polygon(self.points(shape.points), 255)
        return mask

    def paste(self, index: int, *masks: Image.Image) -> None:
        """Set the index where all masks are 255."""
        box = masks[0].getbbox()
        if box:
            first, *others = (mask.crop(box) for mask in masks)
            for other in others:
                first = ImageChops.darker(first, other)
            self.image.paste(index, box, first)


def _paint(canvas: _Canvas, bird: Bird, genotype: Genotype) -> None:
    """All parts, from back to front."""
    shapes = bird.shapes
    number = {name: index for index, name in enumerate(PARTS, start=1)}
    pattern = dict(zip(PARTS, (look.pattern for look in genotype), strict=True))
    trunk = canvas.mask(shapes["trunk"])

    def part(name: str, shape: Shape, *masks: Image.Image) -> None:
        canvas.paste(number[name], *masks)
        if pattern[name] not in ("solid", "plain", "capped"):
            marks = _marks(canvas, pattern[name], shape)
            canvas.paste(number[name] + ACCENT, *masks, marks)

    canvas.fill(shapes["far leg"], FAR_LEG)
    canvas.fill(shapes["near leg"], number["leg"])
    part("tail", shapes["tail"], canvas.mask(shapes["tail"]))
    part("belly", shapes["trunk"], trunk)
    for name in ("breast", "back"):
        part(name, shapes["trunk"], trunk, canvas.mask(shapes[name]))
    part("head", shapes["head"], canvas.mask(shapes["neck"], shapes["head"]))
    if pattern["head"] == "capped":
        canvas.fill(shapes["cap"], number["head"] + ACCENT)
    part("wing", shapes["wing"], canvas.mask(shapes["wing"]))
    canvas.fill(shapes["beak"], BEAK)
    for name in ("left eye", "right eye"):
        if name in shapes:
            canvas.fill(shapes[name], EYE)


def _marks(canvas: _Canvas, pattern: str, shape: Shape) -> Image.Image:
    """The accent of a pattern over the region of a shape: 255 where the second colour goes."""
    marks = Image.new("L", canvas.image.size)
    draw = ImageDraw.Draw(marks)
    centre = (shape.points.min(axis=0) + shape.points.max(axis=0)) / 2
    reach = float(np.ptp(shape.points, axis=0).max()) * 0.75
    shift = canvas.rng.uniform(0, 0.08)

    def place(points: np.ndarray) -> np.ndarray:
        return turn(points, shape.angle) + centre

    if pattern == "striped":  # bars across the part
        for x in np.arange(-reach, reach, 0.08) + shift:
            bar = np.array([[x, -reach], [x + 0.038, -reach], [x + 0.038, reach], [x, reach]])
            draw.polygon(canvas.points(place(bar)), 255)
    elif pattern == "spotted":
        grid = np.arange(-reach, reach, 0.075) + shift
        radius = 0.024 * canvas.unit
        across, down = np.meshgrid(grid, grid)
        across[::2] += 0.0375  # every other row is shifted by half a step
        spots = place(np.stack([across, down], axis=-1).reshape(-1, 2))
        for x, y in (canvas.to_pixels(spots) * OVERSAMPLING).tolist():
            draw.ellipse([x - radius, y - radius, x + radius, y + radius], 255)
    else:  # multi-colored: two broad patches
        for left, right in ((-reach, -0.35 * reach), (0.05 * reach, 0.4 * reach)):
            patch = np.array(
                [[left, -reach], [right, -reach], [right + 0.08, reach], [left + 0.08, reach]]
            )
            draw.polygon(canvas.points(place(patch)), 255)
    return marks


def _occlude(canvas: _Canvas, bird: Bird, rng: np.random.Generator) -> None:
    """Leaves in front of half of the birds."""
    if rng.random() < 0.5:
        return
    points = np.concatenate([shape.points for shape in _whole(bird)])
    low, high = points.min(axis=0), points.max(axis=0)
    for _ in range(rng.integers(1, 5)):
        place = rng.uniform(low, high)
        canvas.fill(Shape(leaf(rng, rng.uniform(0.18, 0.36), place)), LEAF)


def _develop(
    canvas: Image.Image,
    scene: Image.Image,
    genotype: Genotype,
    parts: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Colour the canvas, lay it over the scene, light it: (H, W, 3) uint8."""
    palette = np.zeros((256, 4))
    for index, look in enumerate(genotype, start=1):
        palette[index, :3] = PALETTE[look.colour]
        palette[index + ACCENT, :3] = PALETTE[look.accent]
    palette[BEAK, :3], palette[EYE, :3] = (92, 90, 88), (14, 12, 12)
    palette[FAR_LEG] = 0.75 * palette[PARTS.index("leg") + 1]
    palette[LEAF, :3] = FOLIAGE[rng.integers(len(FOLIAGE))]
    palette[1:, :3] += rng.normal(0, 7, (255, 3))
    palette[1:, 3] = 255
    canvas.putpalette(np.clip(palette, 0, 255).astype(np.uint8).tobytes(), "RGBA")
    painted_box = canvas.getbbox()
    assert painted_box is not None  # there is a bird
    left, top, right, bottom = painted_box
    corner = left // OVERSAMPLING, top // OVERSAMPLING  # whole pixels around all that is painted
    right, bottom = (-(-edge // OVERSAMPLING) * OVERSAMPLING for edge in (right, bottom))
    painted = canvas.crop((corner[0] * OVERSAMPLING, corner[1] * OVERSAMPLING, right, bottom))
    painted = painted.convert("RGBA").reduce(OVERSAMPLING)
    scene.paste(painted, corner, painted)
    image = np.asarray(scene).astype(np.float32)  # (H, W, 3)

    height, width = parts.shape
    rows = np.flatnonzero(parts.any(axis=1))
    down = (np.arange(height) - rows[0]) / max(np.ptp(rows), 1)  # 0 to 1 from head to foot
    light = np.where(parts > 0, (1.1 - 0.3 * down).astype(np.float32)[:, None], np.float32(1))
    angle, strength = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.25)
    light *= np.float32(
        1
        + strength * np.cos(angle) * np.linspace(-1, 1, width)
        + strength * np.sin(angle) * np.linspace(-1, 1, height)[:, None]
    )
    image *= light[..., None]
    image *= np.float32(rng.uniform(0.72, 1.15) * rng.uniform(0.94, 1.06, 3))
    noise = rng.standard_normal(image.shape, dtype=np.float32)
    image += noise * np.float32(rng.uniform(1, 5))
    return np.clip(image, 0, 255, out=image).astype(np.uint8)


def _keypoints(
    bird: Bird, to_pixels: Callable[[np.ndarray], np.ndarray], flip: bool, parts: np.ndarray
) -> np.ndarray:
    """(15, 3) keypoints; visible are those on the viewer's side whose pixel shows their part."""
    names = list(KEYPOINT_PARTS)
    points = np.round(to_pixels(bird.keypoints), 1)  # (15, 2)
    keypoints = np.zeros((len(names), 3))
    height, width = parts.shape
    for row, (name, part) in enumerate(KEYPOINT_PARTS.items()):
        x, y = points[row]
        if not (bird.shown[row] and 0 <= x < width and 0 <= y < height):
            continue
        if parts[int(y), int(x)] == part:
            # a mirrored bird shows its left side
            other = {"left": "right", "right": "left"}
            side, _, rest = name.partition(" ")
            mirrored = f"{other[side]} {rest}" if flip and side in other else name
            keypoints[names.index(mirrored)] = x, y, 1
    return keypoints

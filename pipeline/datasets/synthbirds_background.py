"""What is behind and in front of a SynthBird: gradients, leaves, branches, bird-like clutter."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from pipeline.datasets.synthbirds_classes import PALETTE

# Colours of sky, water, foliage, bark and soil.
SCENERY = (
    (176, 202, 226), (120, 156, 190), (206, 212, 210), (96, 128, 70), (58, 92, 48),
    (150, 170, 90), (128, 108, 80), (92, 74, 58), (180, 160, 120), (70, 84, 90),
)  # fmt: skip
FOLIAGE = ((70, 112, 50), (104, 140, 62), (46, 78, 42), (150, 150, 66), (140, 92, 48))
BARK = ((86, 66, 50), (120, 98, 76), (66, 58, 52))


def background(width: int, height: int, rng: np.random.Generator) -> Image.Image:
    """An RGB picture (width x height pixels) without a bird."""
    scene = _far(width, height, rng)
    draw = ImageDraw.Draw(scene)
    side = min(width, height)
    for _ in range(rng.integers(0, 4)):  # branches
        start, end = rng.uniform(-0.2, 1.2, (2, 2)) * (width, height)
        draw.line([*start, *end], _shade(BARK, rng), width=int(side * rng.uniform(0.01, 0.05)) + 1)
    for _ in range(rng.integers(0, 14)):
        place = rng.uniform(0, 1, 2) * (width, height)
        draw.polygon(_flat(leaf(rng, side * rng.uniform(0.04, 0.12), place)), _shade(FOLIAGE, rng))
    for _ in range(rng.integers(0, 4)):
        _distractor(draw, rng, side, rng.uniform(0, 1, 2) * (width, height))
    return scene.filter(ImageFilter.BoxBlur(float(rng.uniform(0.4, 1.6))))


def leaf(rng: np.random.Generator, length: float, place: np.ndarray) -> np.ndarray:
    """Outline (12, 2) of a leaf at a random angle."""
    along = np.linspace(0, 1, 7)
    half = 0.28 * np.sin(np.pi * along**0.8)
    outline = np.concatenate([np.stack([along, half], 1), np.stack([along, -half], 1)[-2:0:-1]])
    angle = rng.uniform(0, 2 * np.pi)
    cos, sin = np.cos(angle), np.sin(angle)
    return outline @ np.array([[cos, sin], [-sin, cos]]) * length + place


def _far(width: int, height: int, rng: np.random.Generator) -> Image.Image:
    """A gradient with soft blobs, out of focus: drawn small, then enlarged."""
    small = (max(width // 4, 2), max(height // 4, 2))
    ramp = np.linspace(0, 1, small[1])[:, None, None]
    top, bottom = (np.array(_shade(SCENERY, rng)) for _ in range(2))
    rows = (top * (1 - ramp) + bottom * ramp).astype(np.uint8)  # (h, 1, 3)
    scene = Image.fromarray(np.repeat(rows, small[0], axis=1))
    draw = ImageDraw.Draw(scene)
    for _ in range(rng.integers(2, 10)):
        x, y = rng.uniform(0, 1, 2) * small
        reach_x, reach_y = rng.uniform(0.05, 0.3, 2) * small[0]
        draw.ellipse([x - reach_x, y - reach_y, x + reach_x, y + reach_y], _shade(SCENERY, rng))
    scene = scene.filter(ImageFilter.BoxBlur(float(rng.uniform(0.5, 3.0))))
    return scene.resize((width, height), Image.Resampling.BICUBIC)


def _distractor(
    draw: ImageDraw.ImageDraw, rng: np.random.Generator, side: int, place: np.ndarray
) -> None:
    """A blob in the colours and with the patterns of birds, but not in their shape."""
    colours = [PALETTE[str(name)] for name in rng.choice(list(PALETTE), size=2, replace=False)]
    reach = side * rng.uniform(0.04, 0.10)
    (x, y), flatness = place, rng.uniform(0.5, 1.0)
    draw.ellipse([x - reach, y - reach * flatness, x + reach, y + reach * flatness], colours[0])
    if rng.random() < 0.5:
        for offset in rng.uniform(-0.6, 0.6, (6, 2)) * (reach, reach * flatness):
            dot = reach * 0.14
            centre = place + offset
            draw.ellipse([*(centre - dot), *(centre + dot)], colours[1])
    else:
        for offset in np.arange(-0.6, 0.7, 0.4) * reach:
            half = 0.6 * reach * flatness
            stripe = [x + offset, y - half, x + offset, y + half]
            draw.line(stripe, colours[1], width=max(int(reach * 0.15), 1))


def _shade(colours: tuple, rng: np.random.Generator) -> tuple[int, int, int]:
    """One of the colours, a little lighter or darker."""
    base = colours[rng.integers(len(colours))]
    factor = rng.uniform(0.75, 1.2)
    red, green, blue = (min(int(channel * factor), 255) for channel in base)
    return red, green, blue


def _flat(points: np.ndarray) -> list[float]:
    return points.ravel().tolist()

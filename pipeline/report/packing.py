"""How the data of the explorer are packed: what assets/explorer_data.js unpacks."""

import base64
import gzip
import io
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import colormaps
from PIL import Image

_QUALITY = 85  # of the JPEG images


def packed(score_map: np.ndarray) -> dict[str, Any]:
    """A map (h, w) as JSON: value = low + (high - low) * byte / 255, row after row.

    The error is at most (high - low) / 510, where the difference is finite in float64.
    """
    score_map = score_map.astype(np.float64)
    low, high = float(score_map.min()), float(score_map.max())
    steps = np.rint((score_map - low) / ((high - low) or 1.0) * 255).astype(np.uint8)
    return {
        "shape": list(score_map.shape),
        "low": low,
        "high": high,
        "data": base64.b64encode(steps.tobytes()).decode(),
    }


def runs(labels: np.ndarray) -> list[int]:
    """A label map (S, S), row after row, as label, length, label, length, ..."""
    flat = labels.ravel()
    starts = np.concatenate([[0], np.flatnonzero(np.diff(flat)) + 1])
    lengths = np.diff(np.append(starts, flat.size))
    return np.stack([flat[starts], lengths], axis=1).ravel().tolist()


def jpeg(image: np.ndarray) -> str:
    """An image (S, S, 3) uint8 as base64 of a JPEG file."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=_QUALITY)
    return base64.b64encode(stream.getvalue()).decode()


def colour_table(name: str) -> str:
    """A Matplotlib colour map as base64 of 256 times red, green, blue."""
    colours = colormaps[name](np.arange(256), bytes=True)[:, :3]  # (256, 3) uint8
    return base64.b64encode(colours.tobytes()).decode()


def chunk(image: Mapping[str, Any]) -> str:
    """An image's part of the page: base64 of gzipped JSON. Equal images give equal text."""
    text = json.dumps(image, sort_keys=True, separators=(",", ":"))
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()

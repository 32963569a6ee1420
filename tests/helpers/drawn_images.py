"""Small photographs for tests."""

import numpy as np
import pandas as pd
from PIL import Image


def draw_records(folder, count, classes=3):
    """Records of ``count`` photographs of random sizes, smooth so that JPEG keeps them."""
    random = np.random.default_rng(0)
    rows = []
    for number in range(count):
        width, height = random.integers(30, 60, 2)
        image = Image.fromarray(random.integers(0, 256, (4, 4, 3), np.uint8))
        label = number * classes // count
        path = folder / f"{label}.class" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        image.resize((width, height), Image.Resampling.BICUBIC).save(path)
        rows.append((f"{path.parent.name}/{path.name}", str(path), label))
    return pd.DataFrame(rows, columns=["image_id", "path", "label"])

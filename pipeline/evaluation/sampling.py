"""Which of a split's images are measured, where an evaluation measures only some of them."""

import numpy as np
import pandas as pd


def spread(records: pd.DataFrame, images: int | None) -> pd.DataFrame:
    """At most ``images`` records, evenly spread over the split, which is sorted by class."""
    if images is None or images >= len(records):
        return records
    rows = np.linspace(0, len(records) - 1, images).round().astype(int)
    return records.iloc[np.unique(rows)]

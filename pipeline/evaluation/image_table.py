"""Values of each image, some undefined for some images, and their means."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.evaluation.bootstrap import interval, replicated_means
from pipeline.evaluation.result import Result
from pipeline.settings import Bootstrap


class ImageTable:
    """Named numbers of images; NaN where a number is not defined.

    Args:
        names: of the columns.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self.image_ids: list[str] = []
        self._rows: list[list[float]] = []

    def update(self, image_id: str, numbers: Mapping[str, float]) -> None:
        """Add an image.

        Raises:
            ValueError: the numbers are not those of the columns.
        """
        if set(numbers) != set(self.names):
            raise ValueError(f"expected the numbers {self.names}, got {tuple(numbers)}")
        self.image_ids.append(image_id)
        self._rows.append([float(numbers[name]) for name in self.names])

    def merge(self, other: "ImageTable") -> None:
        """Append the images of ``other``.

        Raises:
            ValueError: ``other`` has other columns.
        """
        if other.names != self.names:
            raise ValueError(f"cannot merge columns {other.names} into {self.names}")
        self.image_ids += other.image_ids
        self._rows += other._rows

    def add_column(self, name: str, numbers: Iterable[float]) -> None:
        """Add a column: (N,) numbers in the order of the images."""
        self.names += (name,)
        for row, number in zip(self._rows, numbers, strict=True):
            row.append(float(number))

    def column(self, name: str) -> np.ndarray:
        """(N,) float64."""
        return self._table()[:, self.names.index(name)]

    def compute(self) -> dict[str, float]:
        """The mean of each column over the images that it is defined for.

        A column that is defined for none has no mean, and is absent.
        """
        table = self._table()
        defined = ~np.isnan(table)
        return {
            name: float(table[defined[:, k], k].mean())
            for k, name in enumerate(self.names)
            if defined[:, k].any()
        }

    def replicates(self, bootstrap: Bootstrap) -> dict[str, np.ndarray]:
        """The means in bootstrap replicates of the images: (R,) float64 by column.

        All images are drawn, also those that a column is not defined for: columns and methods
        with equal images then share their replicates, and can be compared in pairs. A replicate
        that draws no image with a number has the mean itself.
        """
        means = self.compute()
        if not means:
            return {}
        table = self._table()[:, [self.names.index(name) for name in means]]  # (N, K)
        defined = ~np.isnan(table)
        sums = replicated_means(np.where(defined, table, 0), bootstrap)  # (R, K)
        shares = replicated_means(defined, bootstrap)  # (R, K)
        drawn = np.where(shares > 0, sums / np.where(shares > 0, shares, 1), list(means.values()))
        return dict(zip(means, drawn.T, strict=True))

    def _table(self) -> np.ndarray:
        return np.array(self._rows, dtype=np.float64).reshape(-1, len(self.names))  # (N, K)


def summarise(
    table: ImageTable,
    bootstrap: Bootstrap,
    *,
    compared: Sequence[str],
    details: Mapping[str, Any],
    values: Sequence[str] | None = None,
) -> Result:
    """The result of an evaluation whose values are means over images.

    Args:
        table: what was measured.
        bootstrap: of the intervals.
        compared: values whose replicates are kept, to compare methods in pairs.
        details: over the number of images, and of those without a number by column.
        values: columns that are values; all if not given. The others are only kept per image.

    Raises:
        ValueError: there is no image.
    """
    if not table.image_ids:
        raise ValueError("no image was measured")
    means, replicates = table.compute(), table.replicates(bootstrap)
    reported = [name for name in values or table.names if name in means]
    undefined = {name: int(np.isnan(table.column(name)).sum()) for name in table.names}
    arrays = {"image_id": np.array(table.image_ids)}
    arrays |= {name: table.column(name) for name in table.names}
    arrays |= {f"replicates.{name}": replicates[name] for name in compared if name in means}
    return Result(
        {name: means[name] for name in reported},
        {name: interval(replicates[name], bootstrap.level) for name in reported},
        {
            "images": len(table.image_ids),
            "undefined": {name: count for name, count in undefined.items() if count},
            **details,
        },
        arrays,
    )

"""A table that grows by one row per image, in large blocks of memory."""

from collections.abc import Iterator

import numpy as np

_BLOCK = 1024  # rows: small arrays by the thousand would scatter over the heap, and keep it


class Rows:
    """N rows of one shape and type.

    Args:
        shape: of a row.
        dtype: of its numbers.
    """

    def __init__(self, shape: tuple[int, ...], dtype: type[np.generic]) -> None:
        self._shape = shape
        self._dtype = dtype
        self._blocks: list[np.ndarray] = []
        self._room = 0  # free rows of the last block

    def append(self, row: np.ndarray) -> None:
        """Add a row."""
        if not self._room:
            self._blocks.append(np.empty((_BLOCK, *self._shape), self._dtype))
            self._room = _BLOCK
        self._blocks[-1][_BLOCK - self._room] = row
        self._room -= 1

    def extend(self, other: "Rows") -> None:
        """Add the rows of ``other``."""
        for block in other.blocks():
            for row in block:
                self.append(row)

    def blocks(self) -> Iterator[np.ndarray]:
        """All rows in their order, (n, ...) at a time, not copied."""
        yield from self._blocks[:-1]
        if self._blocks:
            yield self._blocks[-1][: _BLOCK - self._room]

    def array(self) -> np.ndarray:
        """All rows, copied: (N, ...)."""
        return np.concatenate([np.empty((0, *self._shape), self._dtype), *self.blocks()])

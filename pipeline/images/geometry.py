"""Which part of an image is stored, and where its boxes, keypoints and masks lie on that part.

``images.resize`` is ``"square"``: the whole image, squeezed into a square; or ``"short_side"``: the
centred square whose side is the image's shorter side. Either is then resized to the stored size,
so that a place at (x, y) of a part of w x h pixels is at (x S / w, y S / h) of the stored image.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RESIZES = ("square", "short_side")


@dataclass(frozen=True)
class Cut:
    """A part of an image: a rectangle of whole pixels.

    Attributes:
        left, top: of the part, in pixels of the image.
        size: (width, height) of the part.
        image_size: (width, height) of the image.
    """

    left: int
    top: int
    size: tuple[int, int]
    image_size: tuple[int, int]

    @property
    def box(self) -> tuple[int, int, int, int]:
        """x0, y0, x1, y1 of the part, in pixels of the image, x1 and y1 excluded."""
        return self.left, self.top, self.left + self.size[0], self.top + self.size[1]

    @property
    def is_whole(self) -> bool:
        """Nothing of the image is cut away."""
        return self.size == self.image_size

    def boxes(self, boxes: Sequence[float] | np.ndarray) -> np.ndarray:
        """What is left of boxes on the part.

        Args:
            boxes: (4 K,) x0, y0, x1, y1 in pixels of the image.

        Returns:
            (4 L,) float64 in pixels of the part, clipped to it; boxes wholly outside are dropped.
            Of a whole image nothing is changed.
        """
        boxes = np.asarray(boxes, dtype=np.float64)
        if self.is_whole:
            return boxes
        corners = boxes.reshape(-1, 2, 2) - (self.left, self.top)  # (K, 2, 2)
        meets = (corners[:, 0] < self.size).all(axis=1) & (corners[:, 1] > 0).all(axis=1)
        return np.clip(corners[meets], 0, self.size).ravel()

    def stored_boxes(self, boxes: Sequence[float] | np.ndarray, size: int) -> np.ndarray:
        """What is left of boxes, on the stored image of ``size`` x ``size`` pixels.

        Args:
            boxes: as of :meth:`boxes`.
            size: side of the stored image, pixels.

        Returns:
            (L, 4) float64.
        """
        corners = self.boxes(boxes).reshape(-1, 2) * size / np.array(self.size)  # (2 L, 2)
        return corners.reshape(-1, 4)

    def keypoints(self, keypoints: np.ndarray) -> np.ndarray:
        """Keypoints on the part; those outside it are not visible.

        Args:
            keypoints: (P, 3) x, y in pixels of the image, and visible (> 0).

        Returns:
            (P, 3) float64, x and y in pixels of the part. Of a whole image nothing is changed.
        """
        keypoints = np.array(keypoints, dtype=np.float64)
        if not self.is_whole:
            keypoints[:, :2] -= self.left, self.top
            places = keypoints[:, :2]
            inside = ((places >= 0) & (places <= self.size)).all(axis=1)
            keypoints[~inside, 2] = 0
        return keypoints


def stored_part(image_size: tuple[int, int], resize: str) -> Cut:
    """The part of an image that is stored.

    Args:
        image_size: (width, height), pixels.
        resize: ``"square"`` or ``"short_side"``, see :class:`pipeline.settings.Images`.

    Raises:
        ValueError: ``resize`` is neither.
    """
    width, height = (int(length) for length in image_size)
    if resize == "square":
        return Cut(0, 0, (width, height), (width, height))
    if resize == "short_side":
        side = min(width, height)
        return Cut((width - side) // 2, (height - side) // 2, (side, side), (width, height))
    raise ValueError(f"resize must be one of {RESIZES}, not {resize!r}")

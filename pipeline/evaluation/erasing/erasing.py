"""Classifying erased images: what remove-and-classify and its random base share."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from pipeline.evaluation.erasing.erasers import ERASERS
from pipeline.evaluation.erasing.relevance import erased_count
from pipeline.models.study_models import Model
from pipeline.runtime.errors import UserError
from pipeline.runtime.seeds import image_seed
from pipeline.settings import Erase

BATCH = 32  # erased images per forward pass


class Classified:
    """Predictions on erased images, as an accumulator.

    Attributes:
        image_ids: N names.
    """

    def __init__(self) -> None:
        self.image_ids: list[str] = []
        self._labels: list[int] = []
        self._intact: list[int] = []
        self._predicted: list[dict[str, np.ndarray]] = []

    def update(
        self, image_id: str, label: int, intact: int, predicted: Mapping[str, np.ndarray]
    ) -> None:
        """Add an image: its label, the prediction on it, and those on its erased versions."""
        self.image_ids.append(image_id)
        self._labels.append(label)
        self._intact.append(intact)
        self._predicted.append(dict(predicted))

    def merge(self, other: "Classified") -> None:
        """Add the images of ``other``, after one's own."""
        self.image_ids += other.image_ids
        self._labels += other._labels
        self._intact += other._intact
        self._predicted += other._predicted

    def compute(self) -> dict[str, np.ndarray]:
        """``correct.NAME`` and ``kept.NAME``: bool (N, ...), equal to label or intact prediction.

        Raises:
            UserError: there is no image.
        """
        if not self.image_ids:
            raise UserError("There is no image to erase: the split is empty.")
        found = {}
        for name in self._predicted[0]:
            predicted = np.stack([each[name] for each in self._predicted])  # (N, ...)
            shape = (-1,) + (1,) * (predicted.ndim - 1)
            found[f"correct.{name}"] = predicted == np.reshape(self._labels, shape)
            found[f"kept.{name}"] = predicted == np.reshape(self._intact, shape)
        return found


def masks_of(ranks: np.ndarray, fractions: Sequence[float], order: str) -> np.ndarray:
    """The pixels to erase at every fraction: bool (K, H, W).

    Args:
        ranks: (H, W), 0 for the most relevant pixel.
        fractions: K in [0, 1].
        order: ``"most"`` or ``"least"`` relevant first.
    """
    if order == "least":
        ranks = ranks.size - 1 - ranks
    return np.stack([ranks < erased_count(fraction, ranks.size) for fraction in fractions])


def predictions(
    model: Model, image: Tensor, image_id: str, masks: np.ndarray, section: Erase
) -> dict[str, np.ndarray]:
    """The most likely class of an image with pixels erased.

    Args:
        model: in evaluation mode, on the image's device.
        image: (3, S, S) normalised.
        image_id: decides the noise of an eraser that has some.
        masks: bool (M, S, S), the pixels to erase.
        section: its erasers.

    Returns:
        eraser -> (M,) int64.
    """
    chunks = torch.from_numpy(masks).split(BATCH)
    found: dict[str, np.ndarray] = {}
    for name in section.erasers:
        erase = ERASERS[name](image, image_seed(section.seed, image_id))
        found[name] = np.concatenate([classes(model, erase(chunk)) for chunk in chunks])
    return found


@torch.inference_mode()
def classes(model: Model, images: Tensor) -> np.ndarray:
    """The most likely class of each image: (B, 3, S, S) -> (B,) int64."""
    images = images.contiguous(memory_format=torch.channels_last)
    return model.log_probs(images).argmax(dim=1).cpu().numpy()


def percent(fraction: float) -> str:
    """A fraction as it stands in the names of values: .1 -> "10"."""
    return f"{100 * fraction:g}"

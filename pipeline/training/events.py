"""TensorBoard event files: the history of a training, to be watched while it runs."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.runtime.errors import UserError


class Events:
    """Scalars of each epoch in a folder of event files; nothing at all without a folder.

    The file is opened at the first epoch, so that of several processes only the one that records
    writes any.

    Raises:
        UserError: the package tensorboard is not installed.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._writer: Any = None
        if folder is None:
            return
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise UserError(
                "tensorboard: true needs the package tensorboard (pip install tensorboard). "
                "Install it, or leave the key out of the config."
            ) from error
        self._open = SummaryWriter

    def record(self, row: Mapping[str, float]) -> None:
        """Add one row of a history; its ``epoch`` is the step. What is not finite is left out."""
        if self._folder is None:
            return
        if self._writer is None:
            # what an interrupted training wrote of this epoch and later ones is hidden
            self._writer = self._open(str(self._folder), purge_step=int(row["epoch"]))
        for name, value in row.items():
            if name != "epoch" and math.isfinite(value):
                self._writer.add_scalar(name, value, int(row["epoch"]))
        self._writer.flush()

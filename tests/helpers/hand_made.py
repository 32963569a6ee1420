"""Models, maps and images whose measurement is known, in place of trained ones."""

import sys
import types

import pandas as pd
import torch

from pipeline.catalogue.methods import METHODS, Entry
from pipeline.evaluation.subject import Chunk
from pipeline.images.enlarging import upsampled
from pipeline.runtime.errors import UserError
from pipeline.settings import Attribution


def add_method(monkeypatch, function, name="made", targets="class"):
    """Put ``function(query) -> maps (K, h, w)`` into the catalogue."""
    entry = Entry(f"{name}_in_a_test", "a test's", targets=targets)
    module = types.ModuleType(entry.code)
    setattr(module, name, function)
    monkeypatch.setitem(METHODS, name, entry)
    monkeypatch.setitem(sys.modules, entry.code, module)


class Subject:
    """Stands for `pipeline.evaluation.subject.Subject`, with images (N, 3, S, S) in memory."""

    def __init__(self, images, labels, model=None, method="made", maps=None, records=None):
        self.model = model
        self.method = method
        self.options = Attribution()
        self.resize = "square"
        self.size = images.shape[-1]
        self.device = torch.device("cpu")
        self.pairs, self.fixations = [], None
        ids = [f"{number}.jpg" for number in range(len(images))]
        self.records = (
            pd.DataFrame({"image_id": ids, "label": labels}) if records is None else records
        )
        self._images = dict(zip(ids, images, strict=True))
        self._maps = dict(zip(ids, [None] * len(ids) if maps is None else maps, strict=True))

    def chunks(self, batch_size):
        for start in range(0, len(self.records), batch_size):
            part = self.records.iloc[start : start + batch_size]
            ids = part["image_id"].to_list()
            maps = [self._maps[name] for name in ids]
            yield Chunk(
                torch.stack([self._images[name] for name in ids]),
                torch.tensor(part["label"].to_list()),
                ids,
                None if maps[0] is None else torch.stack(maps),
            )

    def score_maps(self, evaluation):
        for chunk in self.chunks(3):
            if chunk.maps is None:
                raise UserError(f"--maps: evaluation.{evaluation} measures maps.")
            part = self.records[self.records["image_id"].isin(chunk.image_ids)]
            yield from zip(part.itertuples(), upsampled(chunk.maps.numpy(), self.size), strict=True)


class Evidence(torch.nn.Module):
    """p(0|x) = base + the sum of weight * channel sum over pixels; p(1|x) is the rest.

    The contribution of each pixel is known, and removing pixels takes away just theirs.
    """

    def __init__(self, weight, base=0.1):
        super().__init__()
        self.weight = weight  # (S, S), so small that p(0|x) stays in (0, 1)
        self.base = base

    def forward(self, images):
        contribution = images.sum(dim=1) * self.weight  # (B, S, S)
        return torch.stack([contribution, -contribution], dim=1)

    def log_probs(self, images):
        maps = self(images)
        first = self.base + maps[:, 0].double().sum(dim=(1, 2))
        return torch.stack([first, 1 - first], dim=1).log()


class LinearClasses(torch.nn.Module):
    """log p of C classes whose logits are sums of weight * channel sum over pixels.

    The contribution of each pixel to log p(A|x) - log p(B|x) is known.
    """

    def __init__(self, weights):
        super().__init__()
        self.weights = weights  # (C, S, S)
        self.num_classes = len(weights)

    def forward(self, images):
        return images.sum(dim=1)[:, None] * self.weights  # (B, C, S, S)

    def log_probs(self, images):
        return self(images).double().sum(dim=(2, 3)).log_softmax(dim=1)


def contributions(query):
    """The exact map of :class:`Evidence` and :class:`LinearClasses`."""
    return query.output[query.images, query.label()]

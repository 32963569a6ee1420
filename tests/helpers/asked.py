"""Requests for maps of classes of three images, and the model as a function of images."""

import torch

from pipeline.attribution.query import Query
from pipeline.settings import Attribution

IMAGES = torch.tensor([2, 0, 1, 2, 0])  # unordered, several per image
LABELS = [4, 0, 3, 1, 2]
RAW = {"gradient_maps": {"blur_sigma": 0, "minmax": False}}


def asked(model, inputs, **options):
    """A query for ``LABELS`` of ``IMAGES``; maps are neither blurred nor stretched."""
    return Query(
        model,
        inputs,
        IMAGES,
        [(label,) for label in LABELS],
        ["a", "b", "c"],
        Attribution.model_validate({**RAW, **options}),
    )


def log_probs_of(model):
    """Images (n, 3, S, S) -> log p(y|x) (n, C)."""
    return model.log_probs


def scores_of(model, target="logit"):
    """Images (n, 3, S, S) -> what is explained (n, C): CAM's pooled activations, or log p(y|x)."""
    if target == "logit" and model.head.kind == "cam":
        return lambda images: model(images).flatten(2).mean(2)
    return log_probs_of(model)


class Counting(torch.nn.Module):
    """A model that counts the images that go through it, and through its trunk alone."""

    def __init__(self, model):
        super().__init__()
        self.model = model
        self.head = model.head
        self.images = 0

    def forward(self, images):
        self.images += len(images)
        return self.model(images)

    def trunk(self, images):
        self.images += len(images)
        return self.model.trunk(images)

    def log_probs(self, images):
        return self.head.log_probs(self(images))

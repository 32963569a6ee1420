"""A query whose model's output is known: requests for CAM and CALM."""

from types import SimpleNamespace

import torch

from pipeline.attribution.query import Query

IMAGES = torch.tensor([0, 0, 1, 2, 2, 2])  # several requests per image
CLASSES = [(3,), (0,), (1,), (4,), (0,), (3,)]
SETS = [(0, 2), (1,), (0, 1, 2, 3, 4)]  # one per image
PAIRS = [(3, 1), (0, 4), (1, 0), (4, 2), (0, 3), (3, 2)]
REQUESTS = {
    "class": (IMAGES, CLASSES),
    "superset": (torch.arange(3), SETS),
    "prior": (torch.arange(3), [()] * 3),
    "counterfactual": (IMAGES, PAIRS),
}


class GivenOutput(torch.nn.Module):
    """Gives maps (B, C, h, w), and log probabilities by a function of them, for any images."""

    def __init__(self, output, log_probs=None):
        super().__init__()
        self.output = output
        self.head = SimpleNamespace(log_probs=log_probs)

    def forward(self, images):
        return self.output

    def class_maps(self, inputs, maps, images, labels):
        return maps[images, labels]


def query_of(output, targets, log_probs=None):
    """The requests of ``REQUESTS`` for maps of a kind."""
    images, classes = REQUESTS[targets]
    inputs = torch.zeros(3, 3, 8, 8)
    return Query(GivenOutput(output, log_probs), inputs, images, classes, ["a", "b", "c"])

from itertools import pairwise

import torch

from pipeline.models.methods.has import Has, hidden
from pipeline.settings import Training


def test_whole_squares_of_the_grid_are_hidden_in_all_channels():
    torch.manual_seed(0)
    images = torch.ones(20, 3, 10, 10)
    result = hidden(images, 4, 0.5)
    assert set(result.unique().tolist()) == {0.0, 1.0}
    edges = (0, 4, 8, 10)  # the last square is cut
    for top, bottom in pairwise(edges):
        for left, right in pairwise(edges):
            square = result[:, :, top:bottom, left:right].flatten(1)
            assert torch.equal(square.amin(dim=1), square.amax(dim=1))
    assert len(result.flatten(1).unique(dim=0)) > 10  # each image has its own


def test_squares_are_hidden_with_the_given_probability():
    torch.manual_seed(0)
    images = torch.ones(8, 3, 224, 224)
    for rate in (0.0, 0.25, 1.0):  # 25,088 squares: a standard deviation of 0.003
        assert abs((hidden(images, 4, rate) == 0).double().mean() - rate) < 0.015


def test_training_sees_the_hidden_images_and_the_test_does_not():
    head = Has(3, 2, Training(method="has", has={"drop_rate": 1.0}), {})
    torch.nn.init.ones_(head.classes.bias)
    images, labels = torch.rand(2, 3, 8, 8), torch.tensor([0, 1])
    maps, loss = head.training_step(lambda x: {"features": x}, images, labels)
    assert (maps == 1).all()
    assert torch.equal(loss, head.loss(maps, labels))
    assert not (head(images) == 1).any()

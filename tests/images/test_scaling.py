import torch

from pipeline.images.scaling import maximum, minmax


def test_maximum_is_equation_2_and_minmax_stretches():
    f = torch.tensor([[[-1.0, 3.0], [1.5, 0.0]], [[2.0, 4.0], [3.0, 2.5]]])
    assert maximum(f).tolist() == [[[0, 1], [0.5, 0]], [[0.5, 1], [0.75, 0.625]]]
    assert minmax(f).tolist() == [[[0, 1], [0.625, 0.25]], [[0, 1], [0.5, 0.25]]]


def test_a_map_without_a_positive_value_or_without_a_range_becomes_zero():
    for how in (maximum, minmax):
        assert how(torch.full((1, 2, 2), -3.0)).tolist() == [[[0, 0], [0, 0]]]

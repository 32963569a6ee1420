import numpy as np
import pytest
import torch
from given_output import CLASSES, IMAGES, SETS, query_of

from pipeline.images.scaling import maximum, minmax


@pytest.fixture
def activation():
    return torch.randn((3, 5, 4, 6), generator=torch.Generator().manual_seed(1))


def test_cam_is_the_raw_signed_activation(activation):
    maps = query_of(activation, "class").maps("cam")
    assert (maps < 0).any()
    for row, (image, (label,)) in enumerate(zip(IMAGES.tolist(), CLASSES, strict=True)):
        assert torch.equal(maps[row], activation[image, label])


def test_the_scaled_variants_are_cam_scaled(activation):
    query = query_of(activation, "class")
    assert torch.equal(query.maps("cam_max"), maximum(query.maps("cam")))
    assert torch.equal(query.maps("cam_minmax"), minmax(query.maps("cam")))


def test_cam_of_a_superset_sums_scaled_maps_and_a_constant_map_adds_nothing(activation):
    activation[0, 2] = 7.5
    maps = query_of(activation, "superset").maps("cam_superset")
    values = activation.numpy().astype(np.float64)
    for image, members in enumerate(SETS):
        expected = np.zeros((4, 6))
        for label in members:
            low, high = values[image, label].min(), values[image, label].max()
            if high > low:
                expected += (values[image, label] - low) / (high - low)
        assert np.allclose(maps[image].numpy(), expected, atol=1e-6)


def test_cam_of_a_superset_may_sum_the_positive_values_as_they_are(activation):
    maps = query_of(activation, "superset").maps("cam_superset_positive")
    values = activation.numpy().astype(np.float64)
    assert (values < 0).any()
    for image, members in enumerate(SETS):
        expected = sum(
            np.where(values[image, label] > 0, values[image, label], 0) for label in members
        )
        assert np.allclose(maps[image].numpy(), expected, rtol=1e-5)

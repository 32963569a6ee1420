import numpy as np
import pytest
import torch

from pipeline.evaluation.axioms.sensitivity import (
    blocks_of,
    location_responses,
    of_blocks,
    of_locations,
    wrong_shares,
)


def test_shares_of_wrongly_zero_and_wrongly_nonzero_places():
    matters = torch.tensor([True, True, True, False, False])
    attributions = torch.tensor([1.0, 0.0, 0.009, 0.3, 0.0])
    assert wrong_shares(matters, attributions, 0.01) == pytest.approx((2 / 3, 1 / 2))
    assert np.isnan(wrong_shares(matters | True, attributions, 0.01)[1])
    assert wrong_shares(matters, torch.zeros(5), 0.01) == (1.0, 0.0)


class Head:
    """A head alone; its maps are given."""

    def __init__(self, kind):
        self.kind = kind


def test_the_response_of_cam_is_that_of_the_mean_without_the_location():
    output = 20 * torch.rand(3, 2, 4, generator=torch.Generator().manual_seed(0))
    found = location_responses(Head("cam"), output, 1)
    whole = output.double().mean(dim=(1, 2)).softmax(dim=0)[1]
    for row in range(2):
        for column in range(4):
            without = output.double().clone()
            without[:, row, column] = 0
            changed = without.mean(dim=(1, 2)).softmax(dim=0)[1]
            assert found[row, column].item() == pytest.approx((changed - whole).abs().item())
    assert found.max() > 0.01


def test_the_response_of_calm_is_what_is_missing_from_the_sum():
    output = torch.rand(3, 2, 4, generator=torch.Generator().manual_seed(0)).log()
    found = location_responses(Head("calm"), output, 2)
    assert found.flatten().tolist() == pytest.approx(output[2].exp().flatten().tolist())


def test_maps_at_the_inputs_resolution_are_averaged_over_locations():
    output = torch.zeros(2, 2, 2)
    output[0, 0] = 100.0  # for class 0 and against class 1, at the two upper locations
    attribution = torch.zeros(8, 8)
    attribution[3, 0] = -1.0  # in the upper left location
    attribution[7, 7] = 1.0
    assert of_locations(Head("cam"), output, 1, attribution, 0.1) == (0.5, 0.5)


def test_blocks_part_the_image():
    masks = blocks_of(10, 3)
    assert masks.shape == (9, 10, 10)
    assert (masks.sum(dim=0) == 1).all()
    assert masks[0].nonzero().amax(dim=0).tolist() == [3, 3]
    assert masks[5, 4, 9]


class Corner(torch.nn.Module):
    """p(0|x) is the mean of the red channel in the upper left quarter."""

    def forward(self, images):
        half = images.shape[-1] // 2
        return images[:, :1, :half, :half]

    def log_probs(self, images):
        maps = self(images)
        first = maps.mean(dim=(1, 2, 3)).double()
        return torch.stack([first, 1 - first], dim=1).log()


@pytest.mark.parametrize(
    ("quarters", "expected"),
    [
        ([0], (0.0, 0.0)),  # upper left, upper right, lower left, lower right
        ([3], (1.0, 1 / 3)),
        ([0, 1], (0.0, 1 / 3)),
        ([0, 1, 2, 3], (0.0, 1.0)),
        ([], (1.0, 0.0)),
    ],
)
def test_sensitivity_of_a_model_that_sees_one_quarter(quarters, expected):
    image = torch.full((1, 3, 12, 12), 0.5)
    pixel_map = sum((blocks_of(12, 2)[quarter] for quarter in quarters), torch.zeros(12, 12))
    label = torch.tensor([0])
    found = of_blocks(Corner(), image, label, -pixel_map.double(), 2, response=0.01, zero=0.01)
    assert found == pytest.approx(expected)

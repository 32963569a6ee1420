import numpy as np
import torch
from asked import IMAGES, LABELS, Counting, asked
from hand_made import Evidence

from pipeline.attribution.methods.rise import RiseOptions, random_masks
from pipeline.attribution.query import maps_of
from pipeline.settings import Attribution

FEW = {"masks": 25, "cells": 3, "seed": 4}


def test_rise_is_equation_6_of_its_masks(model, inputs):
    maps = asked(model, inputs, rise=FEW).maps("rise")
    masks = torch.cat(list(random_masks(RiseOptions(**FEW), 24))).double()
    assert masks.shape == (25, 1, 24, 24)
    for found, image, label in zip(maps, IMAGES.tolist(), LABELS, strict=True):
        p = model.log_probs(masks * inputs[image]).exp()[:, label]
        expected = sum(pi * mask for pi, mask in zip(p, masks[:, 0], strict=True)) / (25 * 0.5)
        torch.testing.assert_close(found, expected)


def test_masks_are_smooth_keep_their_share_and_move_with_the_grid():
    section = RiseOptions(masks=400, cells=7, keep=0.3)
    masks = torch.cat(list(random_masks(section, 56)))[:, 0]
    assert 0 <= masks.min() < 0.01
    assert 0.99 < masks.max() <= 1
    # each place is seen as often: the mean of 400 draws of deviation < .46 is within .11 (5 sigma)
    assert (masks.mean(0) - 0.3).abs().max() < 0.115
    assert (
        masks.diff(dim=1).abs().max() <= 1 / 8 + 1e-6
    )  # a step from 0 to 1 takes a cell, 8 pixels
    bent = (masks.diff(dim=2).diff(dim=2).abs() > 1e-4).any(dim=1)  # (400, 54), at cells' middles
    assert {int(row.nonzero()[0, 0]) % 8 for row in bent if row.any()} == set(range(8))


def test_the_same_seed_gives_the_same_masks_and_another_gives_others():
    first, again, other = (
        torch.cat(list(random_masks(RiseOptions(masks=12, seed=seed), 32))) for seed in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_rise_finds_where_the_evidence_is():
    weight = torch.zeros(28, 28)
    weight[4:12, 16:24] = 0.002
    images = torch.ones(1, 3, 28, 28)
    options = Attribution(rise={"masks": 2000})
    found = maps_of(Holder(weight), "rise", images, [(0,)], ["a"], options)[0]
    row, column = np.unravel_index(found.argmax(), found.shape)
    assert 4 <= row < 12
    assert 16 <= column < 24


def test_a_masked_image_goes_through_once_for_all_its_classes(cam_model, inputs):
    counting = Counting(cam_model)
    asked(counting, inputs, rise=FEW).maps("rise")
    assert counting.images == 3 * 25


class Holder(Evidence):
    """`Evidence` with a head, as models have."""

    @property
    def head(self):
        return self

    @property
    def has_logits(self):
        return False

    def log_probs(self, maps):
        first = 0.1 + maps[:, 0].double().sum(dim=(1, 2))
        return torch.stack([first, 1 - first], dim=1).log()

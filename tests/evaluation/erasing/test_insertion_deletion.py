import numpy as np
import pytest
import torch
from hand_made import Evidence, Subject
from pydantic import ValidationError
from scipy.ndimage import gaussian_filter

from pipeline.evaluation.erasing.erasers import blur_baseline
from pipeline.evaluation.erasing.insertion_deletion import curves, measure
from pipeline.runtime.errors import UserError
from pipeline.settings import Bootstrap, InsertionDeletion

SIDE = 20
SECTION = InsertionDeletion(steps=4, bootstrap=Bootstrap(replicates=10))


def evidence():
    """p(0|x) of a white image is .1 + .8 of the share of the upper half that is shown."""
    weight = torch.zeros(SIDE, SIDE)
    weight[: SIDE // 2] = 0.8 / (3 * SIDE * SIDE / 2)
    return Evidence(weight)


def score_map(sign=1):
    rows = torch.arange(SIDE, 0, -1, dtype=torch.float32)
    return sign * rows[:, None].expand(SIDE, SIDE)


def test_deletion_follows_the_evidence_and_a_reversed_map_keeps_it():
    subject = Subject(torch.ones(1, 3, SIDE, SIDE), [0], evidence(), maps=[score_map()])
    values = measure(subject, SECTION).values
    # p falls from .9 to .1 over the first half of the pixels, then stays: points at quarters
    assert values["deletion"] == pytest.approx(0.25 * (0.9 / 2 + 0.5 + 0.1 + 0.1 + 0.1 / 2))
    # a white image blurred is white: insertion starts from all of the evidence
    assert values["insertion"] == pytest.approx(0.9, abs=1e-5)
    worst = Subject(torch.ones(1, 3, SIDE, SIDE), [0], evidence(), maps=[score_map(-1)])
    assert measure(worst, SECTION).values["deletion"] > values["deletion"]


def test_curves_start_and_end_at_the_image_the_blank_and_the_blurred():
    image = torch.randn(3, SIDE, SIDE, generator=torch.Generator().manual_seed(0)) * 0.1 + 1
    ranks = np.random.default_rng(0).permutation(SIDE * SIDE).reshape(SIDE, SIDE)
    model = evidence()
    insertion, deletion = curves(model, image, 0, ranks, SECTION)
    whole = model.log_probs(image[None])[0, 0].exp()
    assert insertion[-1] == pytest.approx(whole)
    assert deletion[0] == pytest.approx(whole)
    assert deletion[-1] == pytest.approx(0.1)
    assert len(insertion) == len(deletion) == 5


def test_insertion_starts_from_the_blur_that_is_asked_for():
    image = torch.rand(3, SIDE, SIDE, generator=torch.Generator().manual_seed(2))
    section = InsertionDeletion(steps=2, blur_kernel=11, blur_sigma=5)  # RISE's
    ranks, model = np.arange(SIDE * SIDE).reshape(SIDE, SIDE), evidence()
    insertion, _ = curves(model, image, 0, ranks, section)
    blurred = [gaussian_filter(each, 5, mode="mirror", radius=5) for each in image.numpy()]
    expected = 0.1 + float((np.sum(blurred, axis=0) * model.weight.numpy()).sum())
    assert insertion[0] == pytest.approx(expected, abs=1e-5)
    wide, _ = curves(model, image, 0, ranks, SECTION)
    assert abs(wide[0] - insertion[0]) > 1e-4
    with pytest.raises(ValidationError, match="odd"):
        InsertionDeletion(blur_kernel=10)


def test_every_step_shows_or_blanks_the_most_relevant_pixels():
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(2, 3, SIDE, SIDE, generator=generator)
    maps = [torch.rand(SIDE, SIDE, generator=generator) for _ in images]
    result = measure(Subject(images, [0, 1], evidence(), maps=maps), SECTION)
    weight = evidence().weight
    for row, (image, each) in enumerate(zip(images, maps, strict=True)):
        blurred = blur_baseline(image)
        for step in range(5):
            chosen = each.flatten().argsort(descending=True)[: step * SIDE * SIDE // 4]
            shown, left = blurred.clone(), image.clone()
            shown.view(3, -1)[:, chosen] = image.view(3, -1)[:, chosen]
            left.view(3, -1)[:, chosen] = 0
            for name, picture in (("insertion", shown), ("deletion", left)):
                p = 0.1 + float((picture.sum(dim=0) * weight).sum())  # of class 0
                found = result.arrays[f"curve.{name}"][row, step]
                assert found == pytest.approx(p if row == 0 else 1 - p, abs=1e-5)
    for name in ("insertion", "deletion"):
        curves_of = result.arrays[f"curve.{name}"]  # (2, 5)
        areas = (curves_of[:, :-1] + curves_of[:, 1:]).mean(axis=1) / 2
        assert result.arrays[name] == pytest.approx(areas)
        assert result.details["curves"][name] == pytest.approx(curves_of.mean(axis=0))


def test_without_maps_it_is_refused():
    with pytest.raises(UserError, match="--maps"):
        measure(Subject(torch.ones(1, 3, SIDE, SIDE), [0], evidence()), SECTION)

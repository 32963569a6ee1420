import numpy as np
import pytest
import torch
from hand_made import Evidence, Subject

from pipeline.errors import UserError
from pipeline.evaluation.insertion_deletion import curves, measure
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
    insertion, deletion = curves(model, image, 0, ranks, 4)
    whole = model.log_probs(model(image[None]))[0, 0].exp()
    assert insertion[-1] == pytest.approx(whole)
    assert deletion[0] == pytest.approx(whole)
    assert deletion[-1] == pytest.approx(0.1)
    assert len(insertion) == len(deletion) == 5


def test_without_maps_it_is_refused():
    with pytest.raises(UserError, match="--maps"):
        measure(Subject(torch.ones(1, 3, SIDE, SIDE), [0], evidence()), SECTION)

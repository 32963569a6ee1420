import numpy as np
import pytest
import torch
from hand_made import Subject, add_method

from pipeline.evaluation.pointing.grid_pointing import cell_shares, choose_grids, measure, tile
from pipeline.runtime.errors import UserError
from pipeline.settings import Bootstrap, GridPointing

COLOURS = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1], [-1, -1, 0]])
SIDE = 8
SECTION = GridPointing(grids=3, bootstrap=Bootstrap(replicates=20))


class Colours(torch.nn.Module):
    """Class k is colour k; the maps say where it is. Brighter images are classified more surely."""

    def forward(self, images):
        colours = COLOURS / COLOURS.norm(dim=1, keepdim=True)
        likeness = torch.einsum("bchw,kc->bkhw", images, colours)
        best = likeness == likeness.amax(dim=1, keepdim=True)
        return torch.where(best, likeness, 0.0)[:, :, ::2, ::2]

    def log_probs(self, images):
        maps = self(images)
        return maps.mean(dim=(2, 3)).log_softmax(dim=1)


def images_of(labels, brightness=None):
    brightness = torch.ones(len(labels)) if brightness is None else torch.tensor(brightness)
    colours = COLOURS[list(labels)] * brightness[:, None]  # (N, 3)
    return colours[:, :, None, None].expand(-1, -1, SIDE, SIDE).clone()


def exact(query):
    return query.output[query.images, query.label()]


def localisation(monkeypatch, function, labels, section=SECTION, brightness=None):
    add_method(monkeypatch, function)
    return measure(Subject(images_of(labels, brightness), labels, Colours()), section)


def test_a_map_of_the_class_is_all_in_its_cell(monkeypatch):
    result = localisation(monkeypatch, exact, [0, 1, 2, 3] * 2)
    # bilinear resizing smears a pixel of the map over the border between cells
    assert result.values["localisation"] > 0.9
    assert result.details["grids"] == 2
    assert result.details["grids_asked_for"] == 3
    assert result.arrays["image_id"][1] == "7.jpg|4.jpg|5.jpg|6.jpg"
    assert result.arrays["localisation.cells"].shape == (2, 4)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda query: torch.ones_like(exact(query)), 0.25),
        (lambda query: -exact(query), 0.0),  # nothing is positive
        (lambda query: exact(query).repeat_interleave(2, 1).repeat_interleave(2, 2), 1.0),
    ],
)
def test_known_maps(monkeypatch, function, expected):
    result = localisation(monkeypatch, function, [0, 1, 2, 3])
    assert result.values["localisation"] == pytest.approx(expected)
    assert result.details["chance"] == 0.25


def test_a_map_of_another_class_is_in_another_cell(monkeypatch):
    def next_class(query):
        return query.output[query.images, (query.label() + 1) % 4].kron(torch.ones(2, 2))

    result = localisation(monkeypatch, next_class, [0, 1, 2, 3])
    assert result.values["localisation"] == 0


def test_the_most_confident_images_that_are_right_are_taken(monkeypatch):
    labels = [0, 0, 1, 1, 2, 2, 3, 3, 4]
    brightness = [1.0, 3.0, 2.5, 1.0, 2.5, 1.0, 2.5, -1.0, 0.5]
    section = SECTION.model_copy(update={"grids": 1})
    result = localisation(monkeypatch, exact, labels, section, brightness)
    assert result.arrays["image_id"].tolist() == ["6.jpg|1.jpg|2.jpg|4.jpg"]  # white is brightest
    assert result.details["correct_images"] == 8  # the negative of class 3's colour is wrong


def test_too_few_classes_are_an_error_that_says_how_many(monkeypatch):
    with pytest.raises(UserError, match=r"needs 4 classes .* there are 3"):
        localisation(monkeypatch, exact, [0, 1, 2, 2])


def test_grids_have_distinct_classes_and_use_an_image_once():
    rng = np.random.default_rng(0)
    labels, confidence = rng.integers(6, size=50), rng.random(50)
    confidence[rng.random(50) < 0.2] = 0
    grids = choose_grids(labels, confidence, 4, 100)
    used = [row for grid in grids for row in grid]
    assert len(set(used)) == len(used)
    assert all(len({labels[row] for row in grid}) == 4 for grid in grids)
    assert (confidence[used] > 0).all()
    left = set(np.flatnonzero(confidence)) - set(used)
    assert len({labels[row] for row in left}) < 4
    assert choose_grids(labels, confidence, 4, 2) == grids[:2]
    best = {label: confidence[labels == label].max() for label in range(6)}
    assert sorted(confidence[grids[0]]) == sorted(sorted(best.values())[-4:])


def test_images_and_shares_are_in_the_same_order():
    images = torch.arange(9.0).view(9, 1, 1, 1).expand(9, 3, 4, 4)
    grid = tile(images, 3)
    assert grid.shape == (1, 3, 12, 12)
    assert grid[0, 1, ::4, ::4].tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    one_hot = torch.stack([(grid[0, 0] == cell).double() for cell in range(9)])
    assert np.array_equal(cell_shares(one_hot, 3), np.eye(9))

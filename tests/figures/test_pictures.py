import numpy as np
import pandas as pd
import pytest
from finished_study import SIDE
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex

from pipeline.artefacts.shards import open_shards
from pipeline.figures import pictures, style


def test_images_are_chosen_by_the_seed_and_of_different_classes():
    records = pd.DataFrame({"label": np.repeat(range(5), 20), "image_id": range(100)})
    chosen = pictures.choose_images(records, 5, 0)
    assert sorted(chosen["label"]) == [0, 1, 2, 3, 4]
    assert list(chosen["image_id"]) == list(pictures.choose_images(records, 5, 0)["image_id"])
    assert list(chosen["image_id"]) != list(pictures.choose_images(records, 5, 1)["image_id"])
    assert sorted(pictures.choose_images(records, 10, 0)["label"]) == sorted([*range(5)] * 2)
    assert len(pictures.choose_images(records[:2], 6, 0)) == 2


def test_pairs_are_chosen_from_each_number_of_parts():
    pairs = pd.DataFrame({"n_parts": [1] * 2 + [2] * 30 + [3] * 30, "class_a": range(62)})
    chosen = pictures.choose_pairs(pairs, 6, 0)
    assert list(chosen["n_parts"]) == [1, 1, 2, 2, 3, 3]
    assert list(pictures.choose_pairs(pairs, 9, 0)["n_parts"]) == [1, 1, 2, 2, 2, 2, 3, 3, 3]
    assert list(chosen["class_a"]) != list(pictures.choose_pairs(pairs, 6, 1)["class_a"])


def test_images_come_from_the_shards_by_name(study):
    shards = open_shards(study["shards"])
    names = [shards.image_ids[3], shards.image_ids[0]]
    images = pictures.stored_images(shards, names)
    np.testing.assert_array_equal(images[names[0]], shards.image(3))
    assert images[names[1]].shape == (SIDE, SIDE, 3)


def test_maps_are_enlarged_bilinearly_and_scaled_to_their_maximum():
    enlarged = pictures.enlarge(np.array([[0.0, 1.0], [0.0, 1.0]]), 4)
    np.testing.assert_allclose(enlarged[0], [0, 0.25, 0.75, 1])
    fraction, peak = pictures.scaled(np.array([[-3.0, 2.0], [0.0, 4.0]]))
    np.testing.assert_allclose(fraction, [[0, 0.5], [0, 1]])
    assert peak == 4
    fraction, peak = pictures.scaled(np.full((2, 2), -1.0))
    assert peak == 0
    assert not fraction.any()


def test_overlays_are_colours_and_brighter_where_the_map_is_higher():
    image = np.random.default_rng(0).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    low, high = (pictures.overlay(image, np.full((4, 4), value)) for value in (0.0, 1.0))
    assert low.min() >= 0
    assert high.max() <= 1
    assert (high.mean(axis=2) > low.mean(axis=2)).all()


def test_signed_overlays_are_red_or_blue_and_at_zero_the_light_grey_image():
    image = np.random.default_rng(0).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    positive, zero, negative = (
        pictures.signed_overlay(image, np.full((4, 4), value)) for value in (1.0, 0.0, -1.0)
    )
    assert (positive[..., 0] > positive[..., 2] + 0.1).all()
    assert (negative[..., 2] > negative[..., 0] + 0.1).all()
    assert np.ptp(zero, axis=2).max() < 0.02
    grey = image.mean(axis=2) / 255
    assert np.corrcoef(zero.mean(axis=2).ravel(), grey.ravel())[0, 1] > 0.999


def test_a_drawn_map_is_told_its_peak():
    _, axes = plt.subplots()
    image = np.zeros((4, 4, 3), np.uint8)
    assert pictures.show_map(axes, image, np.array([[-5.0, 2.0], [0.0, 2.0]])) == 2
    assert pictures.show_signed(axes, image, np.array([[-5.0, 2.0], [0.0, 2.0]])) == 5
    assert pictures.show_signed(axes, image, np.zeros((2, 2))) == 0
    np.testing.assert_allclose(
        axes.images[-1].get_array()[0, 0], axes.images[-1].get_array()[-1, -1]
    )


def test_outlines_lie_at_the_border_of_the_mask_and_close_at_the_image_border():
    _, axes = plt.subplots()
    mask = np.zeros((6, 6), bool)
    mask[2:4, :3] = True
    pictures.outline(axes, mask, "#0072B2")
    (path,) = axes.collections[0].get_paths()
    x, y = path.vertices.T
    assert (x.min(), x.max(), y.min(), y.max()) == (-0.5, 2.5, 1.5, 3.5)
    assert to_hex(axes.collections[0].get_edgecolor()[0]) == "#0072b2"
    pictures.outline(axes, np.zeros((6, 6), bool), "black")
    assert len(axes.collections) == 1


def test_panels_are_squares_that_do_not_overlap():
    figure, axes = pictures.panels(2, 3, 1.5, between=0.2, above=0.7, below=0.6)
    width, height = figure.get_size_inches()
    assert height == pytest.approx(0.7 + 2 * 1.5 + 0.2 + 0.6)
    first, right, below = (a.get_position() for a in (axes[0, 0], axes[0, 1], axes[1, 0]))
    assert first.width * width == pytest.approx(1.5)
    assert first.height * height == pytest.approx(1.5)
    assert right.x0 > first.x1
    assert below.y1 < first.y0
    scale = plt.cm.ScalarMappable(cmap=style.MAP_COLOURS)
    for left in (0.5, 4):
        pictures.colour_bar(figure, scale, {0: "0", 1: "1"}, left=left)
    one, two = (bar.get_position() for bar in figure.axes[-2:])
    assert one.y1 < below.y0
    assert two.x0 > one.x1


def test_headings_name_every_method_and_each_variant_once():
    _, axes = plt.subplots(1, 3)
    pictures.headings(axes, ["cam/cam", "cam/integrated_gradients_released", "calm/joint"])
    found = [[text.get_text() for text in panel.texts] for panel in axes]
    assert found == [
        ["cam", "cam"],
        ["integrated gradients\nreleased"],
        ["joint", "calm"],
    ]
    heights = [text.xyann[1] for panel in axes for text in panel.texts]
    assert heights[0] < heights[1]


def test_numbers_have_two_digits_or_are_whole():
    found = [pictures.number(value) for value in (458.3, 0.0089123, 1.0, 99.4, 0.00008)]
    assert found == ["458", "0.0089", "1", "99", "8e-05"]

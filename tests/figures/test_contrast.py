import numpy as np
import pandas as pd
import pytest
from finished_study import SIDE

from pipeline.artefacts.maps import MapStore
from pipeline.figures import contrast
from pipeline.figures.pair_images import Example

IMAGE = np.full((SIDE, SIDE, 3), 128, np.uint8)


def test_the_maps_are_those_of_both_classes(study):
    image = pd.read_parquet(study["records"])["image_id"][0]
    with MapStore.open(study["calm_em/joint"]) as store:
        found = contrast.contrast_of(store, image, 0, 2)
        rows = [store.lookup(image, label) for label in ("0", "2")]
        for row, map_, probability in zip(rows, found.maps, found.probabilities, strict=True):
            np.testing.assert_array_equal(map_, store.maps[row])
            assert probability == pytest.approx(row / 100)


def test_each_model_has_a_b_and_their_difference_beside_the_image():
    a, b = np.zeros((8, 8)), np.zeros((8, 8))
    a[0], b[-1] = 0.5, 2.0
    cue = np.zeros((SIDE, SIDE), bool)
    cue[:20] = True
    made = contrast.Contrast((a, b), (0.75, 0.03))
    maps = {"cam/cam": made, "calm_em/joint": made}
    figure = contrast.contrast([Example("title", IMAGE, cue, None, maps)] * 2, "birds")
    panels = figure.axes[:-2]  # two colour bars
    assert len(panels) == 2 * (1 + 2 * 3)
    image, of_a, of_b, difference, second, *_ = panels
    assert [of_a.get_title(), of_b.get_title()] == ["p 0.75, max 0.5", "p 0.03, max 2"]
    assert difference.get_title() == "±2"
    colours = difference.images[0].get_array()
    assert colours[0, 0, 0] > colours[0, 0, 2]  # red for A
    assert colours[-1, 0, 2] > colours[-1, 0, 0] + 0.2  # blue for B
    named = [[text.get_text() for text in panel.texts] for panel in (of_a, difference, second)]
    assert named == [["A", "cam: cam"], ["A − B"], ["A", "calm_em: joint"]]
    assert all(panel.collections for panel in (image, of_a, of_b, difference))  # the outline
    lefts = [panel.get_position().x0 for panel in panels[:7]]
    steps = np.diff(lefts)
    assert steps[0] == pytest.approx(steps[3])  # models stand apart
    assert steps[0] > steps[1] == pytest.approx(steps[2])

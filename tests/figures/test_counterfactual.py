import numpy as np
import pandas as pd
from finished_study import LABELS, PAIRS, SIDE

from pipeline.artefacts.maps import MapStore
from pipeline.artefacts.part_maps import PartMaps
from pipeline.figures import counterfactual


def test_an_image_of_class_a_with_a_visible_part_is_chosen(study):
    records = pd.read_parquet(study["records"])
    loaded = PartMaps.load(study["part_maps"])
    visible = loaded.visible.copy()
    visible[:, 0] = False
    visible[1, 0] = True
    part_maps = PartMaps(loaded.image_ids, loaded.labels, visible, None, {})
    pair = next(PAIRS.assign(parts=[(1,), (2, 7), (1, 5, 6)]).itertuples())
    assert {counterfactual.choose_image(pair, records, part_maps, seed) for seed in range(5)} == {
        loaded.image_ids[1]
    }
    visible[1, 0] = False
    assert counterfactual.choose_image(pair, records, part_maps, 0) is None


def test_a_difference_is_of_a_and_b_or_as_stored(study):
    image = pd.read_parquet(study["records"])["image_id"][0]  # of label 0
    with MapStore.open(study["cam/cam"]) as store:
        maps = {label: store.maps[store.lookup(image, str(label))] for label in LABELS}
        found = counterfactual.difference(store, image, 0, 1)
        np.testing.assert_array_equal(found, maps[0] - maps[1])
    with MapStore.open(study["calm_em/counterfactual"]) as store:
        stored = store.maps[store.lookup(image, "0>1")]
        np.testing.assert_array_equal(counterfactual.difference(store, image, 0, 1), stored)


def test_counterfactuals_are_red_for_a_blue_for_b_and_white_at_zero():
    signed = np.zeros((SIDE, SIDE))
    signed[:8], signed[-8:] = 0.002, -0.004
    example = counterfactual.Example(
        "title", np.zeros((SIDE, SIDE, 3), np.uint8), signed > 0, signed > -1, {"v/m": signed}
    )
    figure = counterfactual.counterfactual([example], "title")
    panel = figure.axes[2]
    colours = panel.images[0].to_rgba(panel.images[0].get_array())
    red, _, blue = colours[0, 0, :3]
    assert red > blue + 0.2
    red, _, blue = colours[-1, 0, :3]
    assert blue > red + 0.2
    assert min(colours[SIDE // 2, 0, :3]) > 0.95
    assert panel.get_title() == "±0.004"


def test_gradient_maps_stand_beside_those_of_their_variant():
    maps = {name: np.eye(8) for name in ("cam/cam", "cam/vargrad", "calm/counterfactual")}
    images = np.zeros((SIDE, SIDE, 3), np.uint8), np.ones((SIDE, SIDE), bool)
    example = counterfactual.Example("title", *images, images[1], maps)
    figure = counterfactual.counterfactual([example], "title")
    named = [[text.get_text() for text in panel.texts] for panel in figure.axes[2:5]]
    assert named == [["cam", "cam"], ["vargrad"], ["counterfactual", "calm"]]

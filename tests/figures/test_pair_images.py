import numpy as np
import pandas as pd
import pytest
from finished_study import LABELS, PAIRS

from pipeline.artefacts.maps import MapStore
from pipeline.artefacts.pairs import write_pairs
from pipeline.artefacts.part_maps import PartMaps
from pipeline.figures import pair_images
from pipeline.runtime.errors import UserError


def chosen(study, named=(), count=3, parts=True):
    files = (study[name] for name in ("pairs", "records", "classes"))
    return pair_images.choose(*files, study["part_maps"] if parts else None, named, count, 0)


def test_an_image_of_class_a_with_a_visible_part_is_chosen(study):
    records = pd.read_parquet(study["records"])
    loaded = PartMaps.load(study["part_maps"])
    visible = loaded.visible.copy()
    visible[:, 0] = False
    visible[1, 0] = True
    part_maps = PartMaps(loaded.image_ids, loaded.labels, visible, None, {})
    pair = next(PAIRS.assign(parts=[(1,), (2, 7), (1, 5, 6)]).itertuples())
    assert {pair_images.choose_image(pair, records, part_maps, seed) for seed in range(5)} == {
        loaded.image_ids[1]
    }
    visible[1, 0] = False
    assert pair_images.choose_image(pair, records, part_maps, 0) is None
    # without part maps any image of the class will do
    found = {pair_images.choose_image(pair, records, None, seed) for seed in range(30)}
    assert found == set(records.loc[records["label"] == 0, "image_id"])


def test_a_difference_is_of_a_and_b_or_as_stored(study):
    image = pd.read_parquet(study["records"])["image_id"][0]  # of label 0
    with MapStore.open(study["cam/cam"]) as store:
        maps = {label: store.maps[store.lookup(image, str(label))] for label in LABELS}
        found = pair_images.difference(store, image, 0, 1)
        np.testing.assert_array_equal(found, maps[0] - maps[1])
    with MapStore.open(study["calm_em/counterfactual"]) as store:
        stored = store.maps[store.lookup(image, "0>1")]
        np.testing.assert_array_equal(pair_images.difference(store, image, 0, 1), stored)


def test_named_pairs_come_first_with_the_class_that_is_named_first_as_a(study):
    shown = chosen(study, [("Blue Bird 2", "Blue Bird 1")])
    assert (shown.pairs[0].label_a, shown.pairs[0].label_b) == (2, 1)
    assert shown.pairs[0].class_a == 3
    assert shown.pairs[0].parts == (2, 7)
    assert len(shown.pairs) == 3
    records = pd.read_parquet(study["records"]).set_index("image_id")
    assert list(records.loc[shown.image_ids, "label"]) == [pair.label_a for pair in shown.pairs]
    # more than the count are shown if they are named
    assert len(chosen(study, [("Blue Bird 2", "Blue Bird 1")], count=0).pairs) == 1


def test_a_named_pair_without_maps_is_refused(study):
    with pytest.raises(UserError, match=r"no maps of '003.Blue_Bird_2' against '004.Blue_Bird_3'"):
        chosen(study, [("Blue Bird 2", "Blue Bird 3")])


def test_without_part_maps_there_is_no_cue(study, tmp_path):
    write_pairs(tmp_path / "pairs.csv", PAIRS[:1].assign(parts=[()], n_parts=0))
    shown = chosen(study | {"pairs": tmp_path / "pairs.csv"}, parts=False)
    assert shown.cue_and_bird(0) is None
    assert shown.title(0, ["a", "b"]) == "a\nnot b"
    cue, bird = chosen(study).cue_and_bird(0)
    assert cue.any()
    assert not (cue & ~bird).any()

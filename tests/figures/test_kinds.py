import numpy as np
import pandas as pd
import pytest
from finished_study import KINDS

from pipeline.artefacts.maps import MapStore
from pipeline.figures import kinds

TITLES = ["joint", "conditional", "saliency", "subset", "counterfactual", "posterior"]


def example(**changes):
    maps = {kind: np.eye(8) / 4 for kind in KINDS} | {"counterfactual": np.diag([-0.5] + [0.1] * 7)}
    return kinds.Example(
        "Afghan hound", 0.25, "Gazelle hound", np.full((64, 64, 3), 200, np.uint8), maps | changes
    )


def test_every_kind_has_its_title_in_words_and_its_peak():
    figure = kinds.kinds([example(), example()], "title")
    image, *panels = figure.axes[:7]
    assert len(figure.axes) == 2 * 7 + 2  # and two colour bars
    assert [panel.texts[0].get_text().splitlines()[0] for panel in panels] == TITLES
    assert image.get_title(loc="left") == "Afghan hound\np(y|x) 0.25"
    titles = dict(zip(KINDS, (panel.get_title(loc="left") for panel in panels), strict=True))
    assert titles.pop("counterfactual") == "y′: Gazelle hound\nmax ±0.5"
    assert set(titles.values()) == {"max 0.25"}


def test_absent_kinds_have_no_column_and_no_colour_bar():
    maps = {"joint": np.eye(4), "posterior": np.eye(4)}
    image = np.zeros((64, 64, 3), np.uint8)
    figure = kinds.kinds([kinds.Example("a", None, "", image, maps)], "title")
    assert len(figure.axes) == 3 + 1
    assert figure.axes[0].get_title(loc="left") == "a"


def test_a_shifted_counterfactual_is_drawn_elsewhere_and_keeps_its_sign():
    shown = []
    for place in (1, 5):
        signed = np.zeros((8, 8))
        signed[place, 3] = -0.01
        figure = kinds.kinds([example(counterfactual=signed)], "title")
        shown.append(
            np.asarray(figure.axes[1 + KINDS.index("counterfactual")].images[0].get_array())
        )
    np.testing.assert_allclose(shown[0][:32], shown[1][32:], atol=1e-6)
    red, _, blue = shown[0][12, 28]
    assert blue > red + 0.2  # for the other class
    assert np.ptp(shown[0][60, 60]) < 0.02  # zero


def test_the_most_probable_other_class_is_shown(study, tmp_path):
    rows = [("a", "0>1"), ("a", "0>2"), ("b", "1>0")]
    path = tmp_path / "maps.h5"
    with MapStore.create(
        path, rows=rows, shape=(2, 2), method="counterfactual", targets="counterfactual", units="",
        attributes={},
    ) as writer:  # fmt: skip
        # p(0|a) = 0.5, p(1|a) = 0.1, p(2|a) = 0.3
        writer.write(0, np.zeros((3, 2, 2), np.float32), np.array([0.4, 0.2, -0.9], np.float32))
    with MapStore.open(path) as store:
        assert kinds.likeliest_other(store, "a") == (1, 2)
        assert kinds.likeliest_other(store, "b") == (2, 0)


def test_images_without_a_counterfactual_are_not_chosen(study):
    records = pd.read_parquet(study["records"])
    with MapStore.open(study["calm_em/counterfactual"]) as store:
        usable = set(store.image_ids)
        chosen = kinds.choose_images(records, store, len(records), 0)
    assert set(chosen["image_id"]) == usable & set(records["image_id"])
    assert len(kinds.choose_images(records, None, len(records), 0)) == len(records)


def test_maps_of_the_true_class_its_set_and_the_prior_are_read(study):
    record = next(pd.read_parquet(study["records"]).query("label == 2").itertuples())
    stores = {kind: MapStore.open(study[f"calm_em/{kind}"]) for kind in KINDS}
    names = ["zero", "one", "two", "three"]
    found = kinds._example(record, names, np.zeros((64, 64, 3), np.uint8), stores)
    assert (found.name, found.other) == ("two", "one")
    targets = {"joint": "2", "conditional": "2", "posterior": "2", "saliency": "prior"}
    targets |= {"subset": "superset:2", "counterfactual": "2>1"}
    for kind, target in targets.items():
        store = stores[kind]
        row = store.lookup(record.image_id, target)
        np.testing.assert_array_equal(found.maps[kind], store.maps[row])
        store.close()
    assert found.probability == pytest.approx(
        float(stores["posterior"].class_probability[record.Index])
    )

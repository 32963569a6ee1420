import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from finished_study import LABELS, PAIRS, SIDE, history, pictures, tables_json
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle
from PIL import Image

from pipeline.attribution.store import MapStore
from pipeline.errors import UserError
from pipeline.figures import counterfactual, cue_scores, gallery, style, training
from pipeline.figures.__main__ import FIGURES, run
from pipeline.figures.pictures import (
    choose_images,
    choose_pairs,
    colour_bar,
    enlarge,
    outline,
    overlay,
    panels,
    scaled,
    stored_images,
)
from pipeline.loading import open_shards
from pipeline.part_maps import PartMaps
from pipeline.tables.table import load

NAMES = ["cam/cam", "calm_em/joint", "calm_em/conditional", "calm_ml/joint"]
SECTION = {"dpi": 60, "gallery_images": 3, "gallery_pairs": 3}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Paths of a finished study's pictures, tables and histories."""
    folder = tmp_path_factory.mktemp("study")
    paths = pictures(folder)
    return paths | {"tables": tables_json(folder), "history": history(folder / "history.csv")}


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def arguments(study, name, *, part_maps=True):
    """The command line of a figure, without --section and --out."""
    data = ["--shards", study["shards"], "--records", study["records"]]
    if name == "gallery":
        files = [study[each] for each in NAMES]
        parts = ["--part-maps", *([study["part_maps"]] if part_maps else [])]
        return [*data, *parts, "--names", *NAMES, "--maps", *files, "--title", "birds"]
    if name == "counterfactual":
        names = ["cam/cam", "calm_em/counterfactual"]
        data += ["--pairs", study["pairs"], "--part-maps", study["part_maps"]]
        files = [study[each] for each in names]
        return [*data, "--names", *names, "--maps", *files, "--title", "birds"]
    if name == "cue_scores":
        return ["--tables", study["tables"], "--dataset", "birds", "--architecture", "net"]
    return ["--variants", "cam", "--histories", study["history"], "--title", "birds"]


def draw(study, name, outs, section=SECTION, **more):
    """Run the command line of a figure."""
    given = [*arguments(study, name, **more), "--section", json.dumps(section), "--out", *outs]
    run([name, *map(str, given)])


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_drawn_with_equal_bytes_and_without_a_date(study, tmp_path, name):
    for folder in ("a", "b"):
        draw(study, name, [tmp_path / folder / f"{name}.{suffix}" for suffix in ("png", "svg")])
    for suffix in ("png", "svg"):
        first, second = (tmp_path / folder / f"{name}.{suffix}" for folder in ("a", "b"))
        assert first.read_bytes() == second.read_bytes()
    with Image.open(tmp_path / "a" / f"{name}.png") as image:
        assert "Software" not in image.info
        assert np.asarray(image.convert("L")).std() > 10
    text = (tmp_path / "a" / f"{name}.svg").read_text()
    assert "dc:date" not in text
    assert 'href="http' not in text


def test_dpi_sets_the_resolution(study, tmp_path):
    sizes = []
    for dpi in (40, 80):
        draw(study, "training", [tmp_path / "x.png"], {"dpi": dpi})
        with Image.open(tmp_path / "x.png") as image:
            sizes.append(image.size[0])
    assert sizes[1] == pytest.approx(2 * sizes[0], abs=3)


def test_another_kind_of_file_is_refused(study, tmp_path):
    with pytest.raises(UserError, match=r"x\.pdf"):
        draw(study, "training", [tmp_path / "x.pdf"])


def test_a_gallery_needs_no_part_maps(study, tmp_path):
    draw(study, "gallery", [tmp_path / "x.png"], part_maps=False)
    assert (tmp_path / "x.png").exists()


def test_the_gallery_shows_boxes_on_the_stored_image_and_probabilities(study):
    image = np.full((SIDE, SIDE, 3), 128, np.uint8)
    example = gallery.Example(
        "Albatross", image, np.array([[8.0, 4.0, 40.0, 60.0]]), None,
        {"calm/joint": np.full((2, 2), 0.25)}, {"calm": 0.75},
    )  # fmt: skip
    figure = gallery.gallery([example], "title")
    picture, joint, *_ = figure.axes
    boxes = [p for p in picture.patches if isinstance(p, Rectangle)]
    assert {box.get_bbox().bounds for box in boxes} == {(8.0, 4.0, 32.0, 56.0)}
    assert joint.get_title() == "p(y|x) 0.75, max 0.25"
    assert picture.get_title() == "Albatross"


def test_the_gallery_reads_the_map_of_the_true_class_and_scales_boxes(study):
    records = pd.read_parquet(study["records"])
    record = next(records[records["label"] == 2].itertuples())
    with MapStore.open(study["cam/cam"]) as store:
        image = np.zeros((SIDE, SIDE, 3), np.uint8)
        example = gallery._example(record, image, None, {"cam/cam": store}, "square")
        row = store.lookup(record.image_id, "2")
        np.testing.assert_array_equal(example.maps["cam/cam"], store.maps[row])
        assert example.probabilities == {"cam": pytest.approx(row / 100)}
    scale = SIDE / 60  # the records' images are 60 pixels wide
    np.testing.assert_allclose(example.boxes, np.array([[12, 6, 48, 54]]) * scale)


def test_the_gallery_clips_boxes_to_the_stored_square():
    record = SimpleNamespace(
        image_id="a/b.png", label=0, width=100, height=60, boxes=[10.0, 6.0, 50.0, 54.0]
    )
    image = np.zeros((30, 30, 3), np.uint8)
    example = gallery._example(record, image, None, {}, "short_side")
    np.testing.assert_allclose(example.boxes, [[0, 3, 15, 27]])  # columns 20 to 80 are stored


def test_class_names_are_read_off_image_ids():
    name = gallery.class_name("001.Black_footed_Albatross/Black_Footed_Albatross_0046_18.jpg")
    assert name == "Black footed Albatross"
    assert gallery.class_name("cat.png") == "cat.png"


def test_images_are_chosen_by_the_seed_and_of_different_classes():
    records = pd.DataFrame({"label": np.repeat(range(5), 20), "image_id": range(100)})
    chosen = choose_images(records, 5, 0)
    assert sorted(chosen["label"]) == [0, 1, 2, 3, 4]
    assert list(chosen["image_id"]) == list(choose_images(records, 5, 0)["image_id"])
    assert list(chosen["image_id"]) != list(choose_images(records, 5, 1)["image_id"])
    assert sorted(choose_images(records, 10, 0)["label"]) == sorted([*range(5)] * 2)
    assert len(choose_images(records[:2], 6, 0)) == 2


def test_pairs_are_chosen_from_each_number_of_parts():
    pairs = pd.DataFrame({"n_parts": [1] * 2 + [2] * 30 + [3] * 30, "class_a": range(62)})
    chosen = choose_pairs(pairs, 6, 0)
    assert list(chosen["n_parts"]) == [1, 1, 2, 2, 3, 3]
    assert list(choose_pairs(pairs, 9, 0)["n_parts"]) == [1, 1, 2, 2, 2, 2, 3, 3, 3]
    assert list(chosen["class_a"]) != list(choose_pairs(pairs, 6, 1)["class_a"])


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


def test_dots_stand_at_the_values_and_baselines_are_lines(study):
    table = load(study["tables"])["table1_cues"]
    figure = cue_scores.cue_scores(table, "birds", "net")
    one_part = figure.axes[0]
    dots = {
        (round(line.get_xdata()[0], 6), line.get_markerfacecolor() != "white")
        for line in one_part.lines
        if line.get_marker() == "o"
    }
    # all estimated-mask values of one part, filled raw and hollow minmax
    assert dots == {(b, True) for b in (31, 41, 51)} | {(b, False) for b in (26, 36, 46)}
    widest = max(x for axes in figure.axes for line in axes.lines for x in line.get_xdata())
    assert all(axes.get_xlim()[0] == 0 and axes.get_xlim()[1] > widest for axes in figure.axes)
    vertical = {line.get_xdata()[0] for line in one_part.lines if len(set(line.get_xdata())) == 1
                and line.get_linestyle() in ("--", ":")}  # fmt: skip
    assert sorted(vertical) == pytest.approx([11, 21])
    assert [axes.get_title() for axes in figure.axes[:4]] == [
        "1 part", "2 parts", "3 parts", "Mean by pairs",
    ]  # fmt: skip


def test_scores_of_an_unknown_architecture_are_refused(study):
    with pytest.raises(UserError, match="no cue scores of birds, other"):
        cue_scores.cue_scores(load(study["tables"])["table1_cues"], "birds", "other")


def test_training_curves_leave_out_an_empty_val_split(tmp_path):
    histories = {"cam": pd.read_csv(history(tmp_path / "h.csv", val=False))}
    figure = training.training_curves(histories, "title")
    train, val = figure.axes[1].lines
    assert train.get_ydata()[-1] == pytest.approx(82)  # percent
    assert np.isnan(val.get_ydata()).all()


def test_a_missing_history_is_named(study, tmp_path):
    study = study | {"history": tmp_path / "history.csv"}
    with pytest.raises(UserError, match=r"history\.csv"):
        draw(study, "training", [tmp_path / "x.png"])


def test_images_come_from_the_shards_by_name(study):
    shards = open_shards(study["shards"])
    names = [shards.image_ids[3], shards.image_ids[0]]
    images = stored_images(shards, names)
    np.testing.assert_array_equal(images[names[0]], shards.image(3).permute(1, 2, 0).numpy())
    assert images[names[1]].shape == (SIDE, SIDE, 3)


def test_maps_are_enlarged_bilinearly_and_scaled_to_their_maximum():
    enlarged = enlarge(np.array([[0.0, 1.0], [0.0, 1.0]]), 4)
    np.testing.assert_allclose(enlarged[0], [0, 0.25, 0.75, 1])
    fraction, peak = scaled(np.array([[-3.0, 2.0], [0.0, 4.0]]))
    np.testing.assert_allclose(fraction, [[0, 0.5], [0, 1]])
    assert peak == 4
    fraction, peak = scaled(np.full((2, 2), -1.0))
    assert peak == 0
    assert not fraction.any()


def test_overlays_are_colours_and_brighter_where_the_map_is_higher():
    image = np.random.default_rng(0).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    low, high = overlay(image, np.zeros((4, 4))), overlay(image, np.ones((4, 4)))
    assert low.min() >= 0
    assert high.max() <= 1
    assert (high.mean(axis=2) > low.mean(axis=2)).all()


def test_outlines_lie_at_the_border_of_the_mask_and_close_at_the_image_border():
    _, axes = plt.subplots()
    mask = np.zeros((6, 6), bool)
    mask[2:4, :3] = True
    outline(axes, mask, "#0072B2")
    (path,) = axes.collections[0].get_paths()
    x, y = path.vertices.T
    assert (x.min(), x.max(), y.min(), y.max()) == (-0.5, 2.5, 1.5, 3.5)
    assert to_hex(axes.collections[0].get_edgecolor()[0]) == "#0072b2"
    outline(axes, np.zeros((6, 6), bool), "black")
    assert len(axes.collections) == 1


def test_panels_are_squares_that_do_not_overlap():
    figure, axes = panels(2, 3, 1.5, between=0.2, above=0.7, below=0.6)
    width, height = figure.get_size_inches()
    assert height == pytest.approx(0.7 + 2 * 1.5 + 0.2 + 0.6)
    first, right, below = (a.get_position() for a in (axes[0, 0], axes[0, 1], axes[1, 0]))
    assert first.width * width == pytest.approx(1.5)
    assert first.height * height == pytest.approx(1.5)
    assert right.x0 > first.x1
    assert below.y1 < first.y0
    colour_bar(figure, plt.cm.ScalarMappable(cmap=style.MAP_COLOURS), {0: "0", 1: "1"})
    assert figure.axes[-1].get_position().y1 < below.y0


def test_colours_repeat_only_after_the_palette():
    assert len(set(style.colours(list("abcdefg")).values())) == 7

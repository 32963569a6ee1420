from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from finished_study import SIDE
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from PIL import Image

from pipeline.artefacts.maps import MapStore
from pipeline.figures import gallery, style


def example(maps, probabilities=None, name="Albatross"):
    image = np.full((SIDE, SIDE, 3), 128, np.uint8)
    boxes = np.array([[8.0, 4.0, 40.0, 60.0]])
    return gallery.Example(name, image, boxes, None, maps, probabilities or {})


def test_a_gallery_needs_no_part_maps(draw, tmp_path):
    draw("gallery", [tmp_path / "x.png"], part_maps=None)
    assert (tmp_path / "x.png").exists()


def test_boxes_lie_on_the_stored_image_and_titles_tell_probability_and_peak():
    maps = {"calm/joint": np.full((2, 2), 0.25), "calm/subset": np.full((2, 2), 300.0)}
    figure = gallery.gallery([example(maps, {"calm/joint": 0.75})], "title")
    picture, joint, subset, *_ = figure.axes
    boxes = [p for p in picture.patches if isinstance(p, Rectangle)]
    assert {box.get_bbox().bounds for box in boxes} == {(8.0, 4.0, 32.0, 56.0)}
    assert joint.get_title(loc="left") == "p 0.75, max 0.25"
    assert subset.get_title(loc="left") == "max 300"
    assert picture.get_title(loc="left") == "Albatross"


def test_a_shifted_map_is_shown_elsewhere():
    pictures = []
    for shift in (0, 2):
        blob = np.zeros((8, 8))
        blob[2, 2 + shift] = 1.0
        figure = gallery.gallery([example({"calm/joint": blob})], "title")
        pictures.append(np.asarray(figure.axes[1].images[0].get_array()))
    step = 2 * SIDE // 8
    assert not np.allclose(pictures[0], pictures[1])
    np.testing.assert_allclose(pictures[0][:, :-step], pictures[1][:, step:], atol=1e-6)


def test_many_maps_go_on_below_the_image_and_each_is_named():
    maps = {f"cam/method_{number}": np.eye(2) for number in range(11)}
    figure = gallery.gallery([example(maps, name=name) for name in ("a", "b")], "title")
    panels = figure.axes[:-1]  # the last is the colour bar
    assert len(panels) == 2 * (1 + 11)
    named = [text.get_text() for panel in panels for text in panel.texts]
    assert sorted(named) == sorted(["title", *2 * [f"method {number}" for number in range(11)]])
    lefts = {round(panel.get_position().x0, 3) for panel in panels}
    assert len(lefts) == 1 + 6  # two lines of at most six, not of nine and two


def test_few_maps_are_named_once_below_their_variants():
    maps = {"cam/cam": np.eye(2), "calm/joint": np.eye(2), "calm/subset": np.eye(2)}
    figure = gallery.gallery([example(maps, name=name) for name in ("a", "b")], "title")
    named = [[text.get_text() for text in panel.texts] for panel in figure.axes[:8]]
    assert named[:4] == [["title"], ["cam", "cam"], ["joint", "calm"], ["subset"]]
    assert named[4:] == [[], [], [], []]


def test_the_map_of_the_true_class_is_read_and_boxes_are_scaled(study):
    records = pd.read_parquet(study["records"])
    record = next(records[records["label"] == 2].itertuples())
    image = np.zeros((SIDE, SIDE, 3), np.uint8)
    names = ("calm_em/subset", "calm_em/joint", "calm_em/conditional")
    stores = {name: MapStore.open(study[name]) for name in names}
    found = gallery._example(record, "Blue Bird", image, None, stores, "square")
    row = stores["calm_em/joint"].lookup(record.image_id, "2")
    np.testing.assert_array_equal(found.maps["calm_em/joint"], stores["calm_em/joint"].maps[row])
    # once per variant, by the first map that knows it: a subset's probability is the set's
    assert found.probabilities == {"calm_em/joint": pytest.approx(row / 100)}
    row = stores["calm_em/subset"].lookup(record.image_id, "superset:2")
    np.testing.assert_array_equal(found.maps["calm_em/subset"], stores["calm_em/subset"].maps[row])
    for store in stores.values():
        store.close()
    scale = SIDE / 60  # the records' images are 60 pixels wide
    np.testing.assert_allclose(found.boxes, np.array([[12, 6, 48, 54]]) * scale)


@pytest.mark.parametrize(
    ("boxes", "stored"),
    [([10.0, 6.0, 50.0, 54.0], [[0, 3, 15, 27]]), ([], [])],  # columns 20 to 80 are stored
)
def test_boxes_are_clipped_to_the_stored_square_and_may_be_missing(boxes, stored):
    record = SimpleNamespace(
        image_id="a/b.png",
        label=0,
        width=100,
        height=60,
        boxes=np.array(boxes),
        masks=[],
        segmentation="",
    )
    image = np.zeros((30, 30, 3), np.uint8)
    found = gallery._example(record, "a", image, None, {}, "short_side")
    np.testing.assert_allclose(found.boxes, np.reshape(stored, (-1, 4)))


def test_every_method_is_shown_for_another_number_of_images(draw, tmp_path):
    heights = []
    for every in (False, True):
        section = {"dpi": 60, "gallery_images": 3, "kinds_images": 1}
        draw("gallery", [tmp_path / "x.png"], section, every_method=every)
        with Image.open(tmp_path / "x.png") as image:
            heights.append(image.size[1])
    assert heights[0] - heights[1] > 2 * 60  # two rows less, of more than an inch each


def test_names_of_classes_are_no_formulas(tmp_path):
    style.use_style()
    names = ("Ba$$in", "$1_$5", "50%_off", "a^b_{c}")
    maps = {"calm/joint": np.eye(2)}
    figure = gallery.gallery([example(maps, name=name) for name in names], "cost: $x_ and $y")
    figure.savefig(tmp_path / "x.png")
    assert not any(text.get_parse_math() for text in figure.findobj(Text))


def test_masks_are_outlined_where_they_lie_on_the_stored_image(tmp_path):
    mask = np.zeros((60, 100), np.uint8)
    mask[10:20, 30:50] = 255
    other = np.zeros((60, 100), np.uint8)
    other[40:50, 60:80] = 255
    for name, pixels in (("a", mask), ("b", other)):
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    record = SimpleNamespace(
        image_id="a/b.png", label=0, width=100, height=60, boxes=np.array([]), segmentation="",
        masks=[str(tmp_path / "a.png"), str(tmp_path / "b.png")],
    )  # fmt: skip
    image = np.zeros((60, 60, 3), np.uint8)
    found = gallery._example(record, "a", image, None, {}, "short_side")  # columns 20 to 80
    expected = np.zeros((60, 60), bool)
    expected[10:20, 10:30] = True
    expected[40:50, 40:60] = True
    np.testing.assert_array_equal(found.mask, expected)
    maps = {"v/m": np.eye(2)}
    figure = gallery.gallery([example(maps), replace(found, maps=maps)], "")
    plain, _, outlined, *_ = figure.axes
    assert not plain.collections
    assert len(outlined.collections) == 2  # white below black
    # outlines of parts say more than one of the whole object
    parts = np.zeros((60, 60), np.uint8)
    assert gallery._example(record, "a", image, parts, {}, "short_side").mask is None


def test_a_segmentation_is_outlined_where_there_are_no_masks_of_instances(tmp_path):
    Image.fromarray(np.full((8, 8), 255, np.uint8)).save(tmp_path / "a.png")
    record = SimpleNamespace(
        image_id="a", label=0, width=8, height=8, boxes=np.array([]), masks=[],
        segmentation=str(tmp_path / "a.png"),
    )  # fmt: skip
    image = np.zeros((8, 8, 3), np.uint8)
    assert gallery._example(record, "a", image, None, {}, "square").mask.all()

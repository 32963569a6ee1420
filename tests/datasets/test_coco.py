"""COCO files as tools write them: every one ends in objects or in one message."""

import json
import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.datasets.check import Problems
from pipeline.datasets.coco import read_coco
from pipeline.datasets.image_names import ImageNames
from pipeline.images.coco_file import identity, number_of, side
from pipeline.runtime.errors import UserError

CLASS_OF = {"test/ape/1.jpg": "ape", "test/zebra/2.jpg": "zebra"}
IMAGES = [
    {"id": 1, "file_name": "test/ape/1.jpg", "width": 40, "height": 30},
    {"id": 2, "file_name": "test/zebra/2.jpg", "width": 40, "height": 30},
]
CATEGORIES = [{"id": 1, "name": "ape"}, {"id": 2, "name": "zebra"}]


def read(tmp_path, annotations, masks=False, **lists):
    """Annotations and problems of a file."""
    content = {"images": IMAGES, "categories": CATEGORIES, "annotations": annotations, **lists}
    path = tmp_path / "objects.json"
    path.write_text(json.dumps(content))
    problems = Problems()
    names = ImageNames(CLASS_OF, tmp_path)
    return read_coco(path, CLASS_OF, names, problems, masks=masks), problems.by_kind


def annotation(**keys):
    return {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], **keys}


def test_ids_and_numbers_by_their_value():
    assert [identity(v) for v in (7, 7.0, "7", " 7 ", "7.0")] == [7] * 5
    assert [identity(v) for v in ("ab", " ab")] == ["ab"] * 2
    assert [identity(v) for v in (None, True, 1.5, math.inf, math.nan, [], {}, "")] == [None] * 8
    assert identity("9" * 30) == "9" * 30
    assert [number_of(v) for v in (2, "2.5", True, None, "x", 1e999, "inf")] == [
        2,
        2.5,
        *[None] * 5,
    ]
    assert [side(v) for v in (5, 5.0, "5", 0, -1, 5.5, None, math.nan)] == [5, 5, 5, *[None] * 5]


@pytest.mark.parametrize("image", [1, 1.0, "1", "1.0"])
@pytest.mark.parametrize("category", [1, 1.0, "1"])
def test_ids_of_any_type_are_the_same(tmp_path, image, category):
    found, problems = read(tmp_path, [annotation(image_id=image, category_id=category)])
    assert found.boxes == {"test/ape/1.jpg": [1, 2, 4, 6]}
    assert not problems
    found, _ = read(tmp_path, [annotation(image_id=2, category_id=str(category))])
    assert not found.boxes  # an ape on the zebra
    assert found.skipped["annotations_of_other_classes"] == 1


def test_a_category_that_is_not_listed_or_has_no_name(tmp_path):
    _, problems = read(tmp_path, [annotation(category_id=7)])
    assert "annotation 1: 7" in problems["category is not listed in 'categories'"][0]
    for nameless in ({"id": 3}, {"id": 3, "name": None}, {"id": 3, "name": " "}):
        found, problems = read(
            tmp_path, [annotation(category_id=3)], categories=[*CATEGORIES, nameless]
        )
        assert not found.boxes
        assert "category 3" in problems["category has no name; write one into the file"][0]


def test_categories_are_classes_whatever_their_case(tmp_path):
    categories = [{"id": 1, "name": "Ape"}, {"id": 2, "name": "ZEBRA"}, {"id": 3, "name": "thing"}]
    found, problems = read(
        tmp_path,
        [
            annotation(id=1),
            annotation(id=2, category_id=2),  # a zebra on the ape
            annotation(id=3, category_id=3),
        ],
        categories=categories,
    )
    assert not problems
    assert found.boxes == {"test/ape/1.jpg": [1, 2, 4, 6] * 2}
    assert found.skipped["annotations_of_other_classes"] == 1
    assert found.of_no_class == {"thing": 1}


def test_images_with_one_id_are_both_named(tmp_path):
    images = [IMAGES[0], {**IMAGES[1], "id": "1"}]
    _, problems = read(tmp_path, [annotation()], images=images)
    text = problems["image id occurs twice"][0]
    assert "test/ape/1.jpg" in text
    assert "test/zebra/2.jpg" in text


@pytest.mark.parametrize(
    ("value", "crowds"), [("0", 0), (0.0, 0), (False, 0), (None, 0), ("1", 1), (True, 1)]
)
def test_crowds_by_value(tmp_path, value, crowds):
    found, problems = read(tmp_path, [annotation(iscrowd=value)])
    assert not problems
    assert found.skipped["crowds"] == crowds
    assert len(found.boxes) == 1 - crowds


def test_a_strange_crowd_is_a_problem(tmp_path):
    _, problems = read(tmp_path, [annotation(iscrowd="yes")])
    assert "'yes'" in problems["iscrowd is neither 0 nor 1"][0]


def test_annotation_ids_are_text_of_any_kind(tmp_path):
    square = [[1, 1, 9, 1, 9, 9, 1, 9]]
    found, problems = read(
        tmp_path,
        [annotation(id="a/b#1", segmentation=square), annotation(id="2", segmentation=square)],
        masks=True,
    )
    assert not problems
    assert len(found.masks["test/ape/1.jpg"]) == 2


@pytest.mark.parametrize("size", [None, "wide", 0, -5, 40.5, math.inf, math.nan, [], True])
def test_an_image_without_a_size_is_one_problem(tmp_path, size):
    images = [{**IMAGES[0], "width": size}, IMAGES[1]]
    found, problems = read(tmp_path, [annotation()], images=images)
    assert list(problems) == [
        "image has no width and height in whole pixels; write them into the file"
    ]
    assert not found.boxes


def test_a_declared_size_is_refused(tmp_path):
    images = [{**IMAGES[0], "width": 60_000, "height": 60_000}]
    _, problems = read(tmp_path, [], images=images)
    assert "60000 x 60000" in problems["image is larger than any that is read"][0]


@pytest.mark.parametrize("name", [7, None, ["a"], {}, ""])
def test_a_file_name_that_is_no_text(tmp_path, name):
    _, problems = read(tmp_path, [], images=[{**IMAGES[0], "file_name": name}])
    assert list(problems) == ["file_name is not text"]


@pytest.mark.parametrize("bbox", [None, 5, "1,2,3,4", [1, 2, 3], [1, 2, 3, math.inf], {"x": 1}])
def test_a_box_of_no_numbers(tmp_path, bbox):
    _, problems = read(tmp_path, [annotation(bbox=bbox)])
    assert len(problems["annotation has no bbox of four numbers x, y, width, height"]) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[" * 100_000, "nested too deeply"),
        ("{", "not valid JSON"),
        ("\xe9", "not valid JSON"),
        ("[]", "no list 'images'"),
    ],
)
def test_files_that_are_no_coco_files(tmp_path, text, expected):
    path = tmp_path / "objects.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError, match=expected):
        read_coco(path, CLASS_OF, ImageNames(CLASS_OF, tmp_path), Problems(), masks=False)


def test_a_byte_order_mark_is_no_fault(tmp_path):
    path = tmp_path / "objects.json"
    content = {"images": IMAGES, "categories": CATEGORIES, "annotations": [annotation()]}
    path.write_text(json.dumps(content), encoding="utf-8-sig")
    names = ImageNames(CLASS_OF, tmp_path)
    assert read_coco(path, CLASS_OF, names, Problems(), masks=False).boxes


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
ENTRY = st.fixed_dictionaries(
    {},
    optional={
        key: ANY | st.sampled_from([1, 2, "test/ape/1.jpg", [1, 2, 3, 4]])
        for key in (
            *("id", "image_id", "category_id", "file_name", "width", "height", "name"),
            *("bbox", "segmentation", "iscrowd"),
        )
    },
)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ENTRY, max_size=3), st.lists(ENTRY, max_size=2), st.booleans(), st.data())
def test_any_entries_end_in_annotations_or_in_one_message(tmp_path, entries, more, masks, data):
    """Entries of any content, and good ones of which one key is anything."""
    key = data.draw(st.sampled_from(["id", "image_id", "category_id", "bbox", "iscrowd"]))
    changed = annotation(segmentation=[[1, 1, 9, 1, 9, 9]], **{key: data.draw(ANY)})
    try:
        found, _ = read(tmp_path, [changed, *entries], masks, images=[*IMAGES, *more])
    except UserError:
        return
    for box in found.boxes.values():
        assert all(math.isfinite(edge) or abs(edge) > 1e300 for edge in box)

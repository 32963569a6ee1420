"""Masks whose values have a meaning, from the files to the truth that evaluations measure by."""

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError
from sklearn.metrics import average_precision_score
from tiny_wsol import picture

from pipeline.artefacts.records import write_records
from pipeline.datasets.folder import read as read_folder
from pipeline.evaluation.localisation.mask_precision import MaskPrecision
from pipeline.evaluation.localisation.wsol_truth import IGNORED, Truth
from pipeline.runtime.errors import UserError
from pipeline.settings import Records

SIDE = 20
NAMES = ("test/ape/1.jpg", "test/ape/2.jpg", "test/zebra/1.jpg")


def drawn(number):
    """Values 1, 2, 3 as Pets' trimaps have them: pet inside, its border around, background."""
    rng = np.random.default_rng(number)
    values = np.full((SIDE, SIDE), 2, np.uint8)
    y, x = rng.integers(2, 9, 2)
    values[y - 2 : y + 10, x - 2 : x + 10] = 3
    values[y : y + 8, x : x + 8] = 1
    return values


@pytest.fixture
def root(tmp_path):
    for name in NAMES:
        picture(tmp_path / "own" / name, (SIDE, SIDE))
    return tmp_path / "own"


def save(root, values, mode=None):
    for name, each in zip(NAMES, values, strict=True):
        path = (root / "masks" / name).with_suffix(".png")
        path.parent.mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(each)
        if mode == "P":
            image.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0, *[9] * 756, 224, 224, 192])
        image.save(path)


def read(root, **section):
    return read_folder(root, Records(layout="folder", val_fraction=0, **section))


def truth(root, tmp_path, **section):
    """The labels that localisation is measured by, one image after the other."""
    write_records(tmp_path / "test.parquet", read(root, **section)[0])
    return [
        labels for _, labels in Truth.read(str(tmp_path / "test.parquet"), SIDE, "square", True)
    ]


def message(root, **section):
    with pytest.raises(UserError) as error:
        read(root, **section)
    return str(error.value)


def test_trimaps_of_pets(root, tmp_path):
    values = [drawn(number) for number in range(3)]
    save(root, values)
    found = truth(root, tmp_path, mask_values={"object": [1], "ignore": [3]})
    measured = MaskPrecision()
    scores = np.random.default_rng(0).random((3, SIDE, SIDE)).astype(np.float32)
    for labels, each, score in zip(found, values, scores, strict=True):
        expected = np.where(each == 1, 1, np.where(each == 3, IGNORED, 0))
        assert (labels == expected).all()
        measured.update(score, labels)
    counted = np.stack(values) != 3
    by_hand = average_precision_score((np.stack(values) == 1)[counted], scores[counted])
    assert measured.compute()["pxap"] == pytest.approx(by_hand)


def test_trimaps_without_a_word_stop_the_study(root):
    save(root, [drawn(number) for number in range(3)])
    text = message(root)
    assert "3 x masks have several values and none is 0" in text
    assert "`records: {mask_values: {object: [...], ignore: [...]}}`" in text


def test_void_of_voc_is_left_out(root, tmp_path):
    values = [np.select([drawn(n) == 1, drawn(n) == 3], [n + 1, 255], 0) for n in range(3)]
    values = [each.astype(np.uint8) for each in values]
    save(root, values, "P")
    for labels, each in zip(
        truth(root, tmp_path, mask_values={"ignore": [255]}), values, strict=True
    ):
        assert (labels == np.select([each == 255, each > 0], [IGNORED, 1], 0)).all()
    summary = read(root)[2]  # nothing said: all of it is object, and the check counts it
    assert summary["masks_of_several_values_all_taken_as_the_object"]["count"] == 3


def test_values_of_each_class_by_name(root, tmp_path):
    """As VOC's class masks, of which a study has some classes."""
    values = [np.where(drawn(n) == 1, 8, np.where(drawn(n) == 3, 12, 0)) for n in range(3)]
    values = [each.astype(np.uint8) for each in values]
    save(root, values)
    meaning = {"object": {"ape": [8], "zebra": [12]}, "ignore": [255]}
    found = truth(root, tmp_path, mask_values=meaning)
    for labels, each, wanted in zip(found, values, (8, 8, 12), strict=True):
        assert (labels == (each == wanted)).all()
    assert "has no class 'cat'" in message(root, mask_values={"object": {"cat": [1]}})


def test_ids_of_imagenet_s(root, tmp_path):
    """A pixel's id is red + 256 green, an image's its class's number; 1000 is ignored."""
    ids = [np.select([drawn(n) == 1, drawn(n) == 3], [n // 2 + 1, 1000], 0) for n in range(3)]
    ids[0][0, 0] = 257  # the id of a class that has red 1 as well
    save(
        root,
        [np.stack([i % 256, i // 256, 0 * i], axis=-1).astype(np.uint8) for i in ids],
    )
    meaning = {"pixel": "red_green", "object": "class", "ignore": [1000]}
    found = truth(root, tmp_path, mask_values=meaning)
    for labels, each, number in zip(found, ids, (1, 1, 2), strict=True):
        assert (labels == np.select([each == 1000, each == number], [IGNORED, 1], 0)).all()


def test_meanings_that_fit_no_mask_are_told(root):
    save(root, [drawn(number) for number in range(3)])
    assert "3 x no mask has a pixel of the object" in message(root, mask_values={"object": [7]})
    with pytest.raises(ValidationError, match="cannot be both"):
        Records(layout="folder", mask_values={"object": [1, 2], "ignore": [2]})
    with pytest.raises(ValidationError, match="for layout folder alone"):
        Records(mask_values={"object": [1]})


def test_masks_that_are_turned_against_their_images_are_refused(root):
    for name in NAMES:
        picture(root / name, (SIDE, SIDE + 4))
    save(root, [np.ones((SIDE, SIDE + 4), np.uint8)] * 3)  # of SIDE + 4 x SIDE pixels
    assert "3 x mask is turned by a quarter against its image" in message(root)


def test_trimaps_of_which_only_the_border_is_named_stop_the_study(root):
    """The background, 2, would be object."""
    save(root, [drawn(number) for number in range(3)])
    text = message(root, mask_values={"ignore": [3]})
    assert "3 x masks have several values and none is 0" in text


def test_files_among_the_masks_that_are_no_pictures_are_named(root):
    save(root, [255 * (drawn(number) == 1).astype(np.uint8) for number in range(3)])
    np.save(root / "masks" / "test.npy", drawn(0))
    _, _, summary = read(root)
    assert summary["skipped"]["masks_other_files"]["first"] == [str(root / "masks/test.npy")]

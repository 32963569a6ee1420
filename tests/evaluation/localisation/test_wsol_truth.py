from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pipeline.evaluation.localisation.wsol_truth import (
    IGNORED,
    mask_labels,
    object_masks,
    stored_boxes,
)
from pipeline.runtime.errors import UserError


def draw(path, pixels, mode="L"):
    Image.fromarray(np.asarray(pixels, np.uint8) * 255).convert(mode).save(path)
    return str(path)


def nearest(mask, size, left=0, side=None):
    """The pixel under the centre of each pixel of the square, written plainly."""
    height, width = mask.shape
    across, down = side or width, side or height
    columns = [left + int((k + 0.5) * across / size) for k in range(size)]
    rows = [(height - down) // 2 + int((k + 0.5) * down / size) for k in range(size)]
    return mask[np.ix_(rows, columns)]


def test_boxes_are_scaled_and_cut_to_whole_pixels():
    corners = [60.0, 27.0, 385.0, 331.0, 0.0, 0.0, 500.0, 335.0]
    records = pd.DataFrame({"boxes": [corners, []], "width": 500, "height": 335})
    boxes, none = stored_boxes(records, 224, "square")
    assert boxes.tolist() == [[26, 18, 172, 221], [0, 0, 224, 224]]
    assert none.shape == (0, 4)
    boxes, none = stored_boxes(records, 224, "short_side")  # columns 82 to 417 are stored
    assert boxes.tolist() == [[0, 18, 202, 221], [0, 0, 224, 224]]
    assert none.shape == (0, 4)


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "RGBA"])
@pytest.mark.parametrize("resize", ["square", "short_side"])
def test_the_object_is_the_union_of_its_masks_and_wins_over_what_is_ignored(tmp_path, mode, resize):
    rng = np.random.default_rng(0)
    first, second, ignore = rng.random((3, 30, 46)) < 0.3
    paths = [draw(tmp_path / f"{k}.png", mask, mode) for k, mask in enumerate((first, second))]
    ignored = draw(tmp_path / "ignore.png", ignore, mode)
    labels = mask_labels(paths, ignored, 20, resize)
    cut = {} if resize == "square" else {"left": 8, "side": 30}
    inside = nearest(first | second, 20, **cut)
    left_out = nearest(ignore, 20, **cut) & ~inside
    expected = np.where(inside, 1, np.where(left_out, IGNORED, 0))
    np.testing.assert_array_equal(labels, expected)
    assert set(np.unique(labels)) == {0, 1, IGNORED}
    np.testing.assert_array_equal(mask_labels(paths, "", 20, resize), inside)


def test_masks_may_have_another_size_than_the_image_and_each_other(tmp_path):
    coarse, fine = np.zeros((2, 3)), np.zeros((8, 12))
    coarse[0, 0] = fine[6:, 9:] = 1
    paths = [draw(tmp_path / "coarse.png", coarse), draw(tmp_path / "fine.png", fine)]
    labels = mask_labels(paths, "", 12, "square")
    assert labels[:6, :4].all()
    assert labels[9:, 9:].all()
    assert labels.sum() == 24 + 9


def test_instance_masks_come_before_the_segmentation():
    record = SimpleNamespace(masks=["a.png", "b.png"], segmentation="s.png")
    assert object_masks(record, segmentation=True) == ["a.png", "b.png"]
    record.masks = []
    assert object_masks(record, segmentation=True) == ["s.png"]
    assert object_masks(record, segmentation=False) == []
    record.segmentation = ""
    assert object_masks(record, segmentation=True) == []


def test_a_missing_mask_is_named():
    with pytest.raises(UserError, match=r"nowhere\.png"):
        mask_labels(["nowhere.png"], "", 8, "square")


@pytest.mark.real_data
def test_masks_of_openimages(calm_data):
    folder = calm_data / "openimages_masks" / "test_masks" / "val"
    two = sorted(str(path) for path in folder.glob("0bt_c3/3a29f0b33894d4a6_m*.png"))
    ignore = str(folder / "0bt_c3" / "3a29f0b33894d4a6_ignore.png")
    labels = mask_labels(two, ignore, 224, "square")
    assert len(two) == 2
    assert labels.mean() == pytest.approx(0.0168, abs=0.001)  # 1.30 and 0.38 percent, apart
    bird = folder / "0bt_c3" / "3b3b9931325d65c9_m0bt_c3_d4e2e136.png"
    labels = mask_labels(
        [str(bird)], str(bird.parent / "3b3b9931325d65c9_ignore.png"), 224, "square"
    )
    assert (labels == 1).mean() == pytest.approx(0.0071, abs=0.001)
    assert (labels == IGNORED).mean() == pytest.approx(0.7176, abs=0.01)

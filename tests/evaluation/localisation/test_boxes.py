"""The oracle is the published procedure written out plainly with OpenCV."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.evaluation.localisation.boxes import THRESHOLDS, MaxBoxAccuracy

DELTAS = (0.3, 0.5, 0.7)


def plain_iou(a, b):
    width = min(a[2], b[2]) - max(a[0], b[0]) + 1
    height = min(a[3], b[3]) - max(a[1], b[1]) + 1
    common = max(0, width) * max(0, height)
    areas = [(x1 - x0 + 1) * (y1 - y0 + 1) for x0, y0, x1, y1 in (a, b)]
    return common / (sum(areas) - common)


def plain_boxes(mask, contours):
    height, width = mask.shape
    found = cv2.findContours(mask, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)[0]
    if not found:
        return [(0, 0, 0, 0)]
    if contours == "largest":
        found = [max(found, key=cv2.contourArea)]
    boxes = [cv2.boundingRect(contour) for contour in found]
    return [(x, y, min(x + w, width - 1), min(y + h, height - 1)) for x, y, w, h in boxes]


def plain_best_iou(score_map, ground_truth, contours):
    """(1000,) best IoU at every threshold."""
    levels = (score_map * 255).astype(np.uint8)
    known = {}
    result = []
    for tau in THRESHOLDS:
        level = int(tau * np.max(levels))
        if level not in known:
            mask = cv2.threshold(levels, level, 255, cv2.THRESH_BINARY)[1]
            known[level] = max(
                plain_iou(box, truth)
                for box in plain_boxes(mask, contours)
                for truth in ground_truth
            )
        result.append(known[level])
    return np.array(result)


def best_iou_at_every_threshold(metric):
    levels = (THRESHOLDS[None] * metric.peak[:, None]).astype(int)
    return np.take_along_axis(metric.best_iou, levels, axis=1)


def normalised(array):
    array = array - array.min()
    return (array / array.max()).astype(np.float32) if array.max() > 0 else array


def smooth(rng, height, width):
    return normalised(cv2.resize(rng.random((5, 5)).astype(np.float32), (width, height)))


def noise(rng, height, width):
    return rng.random((height, width))


def few_levels(rng, height, width):
    return rng.integers(0, 4, (height, width)) / 3


def upsampled(rng, height, width):
    small = rng.random((max(2, height // 4), max(2, width // 4)))
    return normalised(cv2.resize(small, (width, height)))


def blobs(rng, height, width):
    return normalised(cv2.GaussianBlur(rng.random((height, width)), (0, 0), 2.0))


def rings(rng, height, width):
    """Circles drawn over one another: holes, islands in holes, contours that touch the edge."""
    image = np.zeros((height, width), np.uint8)
    for _ in range(8):
        centre = (int(rng.integers(width)), int(rng.integers(height)))
        radius = int(rng.integers(1, max(2, height // 2)))
        cv2.circle(image, centre, radius, int(rng.integers(256)), int(rng.integers(1, 4)))
    return image / 255


def one_level(rng, height, width):
    return (rng.random((height, width)) < rng.random()) * rng.random()


def constant(rng, height, width):
    return np.full((height, width), rng.random())


def zeros(rng, height, width):
    return np.zeros((height, width), np.float32)


KINDS = (smooth, noise, few_levels, upsampled, blobs, rings, one_level, constant, zeros)


def random_boxes(rng, height, width, count):
    x = np.sort(rng.integers(0, width, (count, 2)), axis=1)
    y = np.sort(rng.integers(0, height, (count, 2)), axis=1)
    return np.stack([x[:, 0], y[:, 0], x[:, 1], y[:, 1]], axis=1)


@pytest.mark.parametrize("contours", ["all", "largest"])
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    count=st.integers(1, 3),
)
def test_equal_to_opencv_at_every_threshold(kind, contours, seed, height, width, count):
    rng = np.random.default_rng(seed)
    score_map = kind(rng, height, width)
    boxes = random_boxes(rng, height, width, count)
    metric = MaxBoxAccuracy(DELTAS, contours)
    metric.update(score_map, boxes)
    expected = plain_best_iou(score_map, boxes.tolist(), contours)
    np.testing.assert_array_equal(best_iou_at_every_threshold(metric)[0], expected)


@pytest.mark.parametrize("contours", ["all", "largest"])
@pytest.mark.parametrize("kind", [smooth, upsampled])
def test_equal_to_opencv_at_full_size(kind, contours):
    rng = np.random.default_rng(7)
    score_map = kind(rng, 224, 224)
    boxes = random_boxes(rng, 224, 224, 2)
    metric = MaxBoxAccuracy(DELTAS, contours)
    metric.update(score_map, boxes)
    expected = plain_best_iou(score_map, boxes.tolist(), contours)
    np.testing.assert_array_equal(best_iou_at_every_threshold(metric)[0], expected)


@pytest.fixture(scope="module")
def study():
    """Thirty images of all kinds: the metric, and the plain best IoU (30, 1000)."""
    rng = np.random.default_rng(3)
    metric, expected = MaxBoxAccuracy(DELTAS), []
    for i in range(30):
        score_map = KINDS[i % len(KINDS)](rng, 24, 30)
        boxes = random_boxes(rng, 24, 30, 1 + i % 3)
        metric.update(score_map, boxes)
        expected.append(plain_best_iou(score_map, boxes.tolist(), "all"))
    return metric, np.array(expected)


def test_accuracy_is_the_best_mean_over_the_set_and_ties_go_to_the_lowest_threshold(study):
    metric, best_iou = study
    result = metric.compute()
    for delta in DELTAS:
        means = [np.mean(best_iou[:, k] >= delta) for k in range(len(THRESHOLDS))]
        assert result["accuracy"][delta] == max(means)
        assert result["threshold"][delta] == THRESHOLDS[means.index(max(means))]
    assert result["v2"] == pytest.approx(np.mean([result["accuracy"][d] for d in DELTAS]))
    # The threshold of the set is no better than a threshold of one's own for every image.
    assert result["accuracy"][0.3] < np.mean(best_iou.max(axis=1) >= 0.3)


def test_counts_repeat_images(study):
    metric, best_iou = study
    counts = np.random.default_rng(0).integers(0, 3, (4, 30)).astype(np.float32)
    curves = metric.accuracy_curves(counts)
    assert curves.shape == (4, 3, 1000)
    for row, curve in zip(counts, curves, strict=True):
        repeated = np.repeat(best_iou, row.astype(int), axis=0)
        for d, delta in enumerate(DELTAS):
            np.testing.assert_allclose(curve[d], (repeated >= delta).mean(axis=0), atol=1e-12)


def test_merging_equals_one_pass():
    rng = np.random.default_rng(5)
    images = [(rings(rng, 20, 20), random_boxes(rng, 20, 20, 2)) for _ in range(9)]
    whole, first, second = (MaxBoxAccuracy((0.5,), "largest") for _ in range(3))
    for i, image in enumerate(images):
        whole.update(*image)
        (first if i < 4 else second).update(*image)
    first.merge(second)
    assert first.compute() == whole.compute()
    np.testing.assert_array_equal(first.best_iou, whole.best_iou)
    with pytest.raises(ValueError, match="merge"):
        first.merge(MaxBoxAccuracy((0.5,), "all"))


def test_a_rectangle_comes_out_one_pixel_too_large_and_is_clipped():
    score_map = np.zeros((20, 20))
    score_map[5:10, 4:12] = 1.0
    metric = MaxBoxAccuracy((1.0,))
    metric.update(score_map, np.array([[4, 5, 12, 10]]))
    assert metric.compute()["accuracy"] == {1.0: 1.0}
    score_map[:] = 0
    score_map[12:, 15:] = 1.0
    metric = MaxBoxAccuracy((1.0,))
    metric.update(score_map, np.array([[15, 12, 19, 19]]))
    assert metric.compute()["accuracy"] == {1.0: 1.0}


def test_holes_count_with_all_contours_only():
    score_map = np.zeros((40, 40))
    score_map[2:38, 2:38] = 1.0
    score_map[15:25, 18:28] = 0.0
    around_the_hole = np.array([[17, 14, 29, 26]])
    accuracy = {}
    for contours in ("all", "largest"):
        metric = MaxBoxAccuracy((1.0,), contours)
        metric.update(score_map, around_the_hole)
        accuracy[contours] = metric.compute()["v2"]
    assert accuracy == {"all": 1.0, "largest": 0.0}


def test_an_empty_map_predicts_the_first_pixel_and_a_constant_one_everything():
    metric = MaxBoxAccuracy((1.0,))
    metric.update(np.zeros((8, 8)), np.array([[0, 0, 0, 0]]))
    metric.update(np.full((8, 8), 0.5), np.array([[0, 0, 7, 7]]))
    result = metric.compute()
    assert result["accuracy"] == {1.0: 1.0}
    assert result["threshold"] == {1.0: 0.0}


@pytest.mark.parametrize(
    ("score_map", "boxes", "message"),
    [
        (np.full((4, 4), np.nan), [[0, 0, 1, 1]], "NaN"),
        (np.full((4, 4), 1.01), [[0, 0, 1, 1]], r"\[0, 1\]"),
        (np.full((4, 4), -0.01), [[0, 0, 1, 1]], r"\[0, 1\]"),
        (np.zeros((1, 4, 4)), [[0, 0, 1, 1]], r"\(H, W\)"),
        (np.zeros((0, 4)), [[0, 0, 1, 1]], r"\(H, W\)"),
        (np.zeros((4, 4)), [[0.0, 0.0, 1.0, 1.0]], "whole"),
        (np.zeros((4, 4)), np.zeros((0, 4), int), "K >= 1"),
        (np.zeros((4, 4)), [[0, 0, 1]], r"\(K, 4\)"),
        (np.zeros((4, 4)), [[2, 0, 1, 1]], "x0 <= x1"),
    ],
)
def test_bad_input_is_named(score_map, boxes, message):
    metric = MaxBoxAccuracy()
    with pytest.raises(ValueError, match=message):
        metric.update(score_map, np.asarray(boxes))
    with pytest.raises(ValueError, match="no image"):
        metric.compute()


@pytest.mark.parametrize("arguments", [{"contours": "every"}, {"iou_thresholds": (0.0,)}])
def test_bad_settings_are_named(arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))):
        MaxBoxAccuracy(**arguments)

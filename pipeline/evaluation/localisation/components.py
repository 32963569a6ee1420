"""Boxes of all level sets of a map at once: union-find over its sorted pixels.

The level sets {map >= level} of one map only grow as the level falls, so their connected
components form a tree. Adding the pixels from the highest value to the lowest and joining each
with its neighbours visits every component of every level set once; nothing is labelled twice.

Foreground components are 8-connected, the background between them is 4-connected, as in border
following (Suzuki and Abe, 1985). All arrays of the sweep have a frame of one pixel, flattened.
"""

import numpy as np

from pipeline.runtime.compiled import compiled

LEVELS = 256  # of a map of bytes
_UNKNOWN = -2.0  # an IoU to be computed: the box has changed
_NOWHERE = np.iinfo(np.int32).min  # the box of no pixel


@compiled
def best_iou_of_all(levels: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Best IoU between any ground-truth box and the box of any contour, at every threshold.

    A contour is the outer border of a component of {levels > threshold} or the border of a hole
    in one: a 4-connected part of {levels <= threshold} that does not touch the map's edge. The
    border of a hole runs over the pixels around it, so its box is the hole's, grown by a pixel.

    Args:
        levels: (H, W) uint8.
        boxes: (K, 4) int64, x0, y0, x1, y1.

    Returns:
        (256,) float64, entry t for threshold t; -1 where there is no contour.
    """
    outer = _sweep(levels, np.zeros_like(levels), boxes, False, False)
    # Upside down, a hole is a component as well: {levels <= t} = {255 - levels >= 255 - t}. A pixel
    # is in a hole from its own level on until the flood from outside reaches it.
    top = np.uint8(LEVELS - 1)
    holes = _sweep(top - levels, top - _fill_holes(levels), boxes, True, False)
    best = np.full(LEVELS, -1.0)
    for threshold in range(LEVELS - 1):
        best[threshold] = max(outer[threshold + 1], holes[LEVELS - 1 - threshold])
    return best


@compiled
def best_iou_of_largest(levels: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Best IoU between any ground-truth box and the box of the largest contour, at every threshold.

    Largest by the area of the polygon through the contour's pixel centres; of equals, the one
    whose first pixel in reading order comes last, which is the first in OpenCV's list. A hole or
    an island in a hole is never larger than the outer border around it, so only the outermost
    borders matter, and these are the components once the holes are filled.

    Args:
        levels: (H, W) uint8.
        boxes: (K, 4) int64, x0, y0, x1, y1.

    Returns:
        (256,) float64, entry t for threshold t; -1 where there is no contour.
    """
    largest = _sweep(_fill_holes(levels), np.zeros_like(levels), boxes, False, True)
    best = np.full(LEVELS, -1.0)
    best[:-1] = largest[1:]
    return best


@compiled
def box_iou(x0: int, y0: int, x1: int, y1: int, boxes: np.ndarray) -> float:
    """Best IoU of one box with any of ``boxes`` (K, 4), both corners counted as inside."""
    best = 0.0
    area = (x1 - x0 + 1) * (y1 - y0 + 1)
    for k in range(boxes.shape[0]):
        width = min(x1, boxes[k, 2]) - max(x0, boxes[k, 0]) + 1
        height = min(y1, boxes[k, 3]) - max(y0, boxes[k, 1]) + 1
        if width > 0 and height > 0:
            common = width * height
            other = (boxes[k, 2] - boxes[k, 0] + 1) * (boxes[k, 3] - boxes[k, 1] + 1)
            best = max(best, common / (area + other - common))
    return best


@compiled
def _sweep(
    values: np.ndarray, floor: np.ndarray, boxes: np.ndarray, holes: bool, largest: bool
) -> np.ndarray:
    """Best IoU of the components of {values >= level > floor}, for every level.

    Args:
        values: (H, W) uint8.
        floor: (H, W) uint8, the same in all pixels of a component: the level at which it is gone.
        boxes: (K, 4) int64.
        holes: 4-connected components, their boxes grown by a pixel; else 8-connected ones.
        largest: only the component of the largest contour polygon (not of holes).

    Returns:
        (256,) float64; -1 where there is no component.
    """
    height, width = values.shape
    stride = width + 2
    order, rows, columns, ends = _sort_pixels(values, floor)
    size = (height + 2) * stride
    parent = np.full(size, -1, np.int32)  # -1: the frame, or not in the set yet
    # What is known of a component stands at its root; set where a component begins.
    reach = np.empty((size, 4), np.int32)  # its box as (-x0, -y0, x1, y1): unions are maxima
    iou = np.empty(size)  # of its contour's box
    area = np.empty(size, np.int32)  # of its contour polygon, in half pixels
    first = np.empty(size, np.int32)  # its first pixel in reading order
    until = np.empty(size, np.uint8)  # its floor
    live = np.empty(len(order), np.int32)  # the roots of this level set
    count = 0
    sides = (-1, 1, -stride, stride)
    corners = ((-1, -stride), (1, -stride), (-1, stride), (1, stride))
    best = np.full(LEVELS, -1.0)

    begin = 0
    for level in range(LEVELS - 1, -1, -1):
        for place in range(begin, ends[level]):
            pixel, y, x = order[place], rows[place], columns[place]
            root, triangles = -1, 0
            for side in sides:
                above = parent[pixel + side]
                if above >= 0 and above != root:
                    other = _root(parent, above)
                    root = _join(root, other, parent, reach, iou, area, first)
            if not holes:
                for across, down in corners:
                    pixels_between = (parent[pixel + across] >= 0) + (parent[pixel + down] >= 0)
                    if pixels_between > 0 and not largest:
                        continue  # a pixel at the corner is joined already
                    above = parent[pixel + across + down]
                    corner = above >= 0
                    if corner and pixels_between == 0 and above != root:
                        other = _root(parent, above)
                        root = _join(root, other, parent, reach, iou, area, first)
                    # The third pixel of a square adds half of it to the polygon, so does the last.
                    triangles += pixels_between + corner >= 2
            if root < 0:
                root = pixel
                reach[root] = _NOWHERE
                iou[root], area[root], first[root] = _UNKNOWN, 0, pixel
                until[root] = floor[y, x]
            parent[pixel] = root
            _grow(root, y, x, reach, iou)
            if largest:
                area[root] += triangles
                first[root] = min(first[root], pixel)

        kept = 0
        for root in live[:count]:
            if parent[root] == root and until[root] < level:
                live[kept] = root
                kept += 1
        count = kept
        for pixel in order[begin : ends[level]]:
            if parent[pixel] == pixel:
                live[count] = pixel
                count += 1
        begin = ends[level]

        if largest and count > 0:
            winner = live[0]
            for root in live[1:count]:
                if area[root] > area[winner] or (
                    area[root] == area[winner] and first[root] > first[winner]
                ):
                    winner = root
            best[level] = _contour_iou(reach[winner], height, width, False, boxes)
        elif not largest:
            for root in live[:count]:
                if iou[root] == _UNKNOWN:
                    iou[root] = _contour_iou(reach[root], height, width, holes, boxes)
                best[level] = max(best[level], iou[root])
    return best


@compiled
def _join(
    a: int,
    b: int,
    parent: np.ndarray,
    reach: np.ndarray,
    iou: np.ndarray,
    area: np.ndarray,
    first: np.ndarray,
) -> int:
    """Join the components of roots a (-1: none) and b; return the root, that of the larger box."""
    if a < 0 or a == b:
        return b
    if _extent(reach, b) > _extent(reach, a):
        a, b = b, a
    parent[b] = a
    for side in range(4):
        if reach[b, side] > reach[a, side]:
            reach[a, side] = reach[b, side]
            iou[a] = _UNKNOWN
    area[a] += area[b]
    first[a] = min(first[a], first[b])
    return a


@compiled
def _grow(root: int, y: int, x: int, reach: np.ndarray, iou: np.ndarray) -> None:
    """Take a pixel into the box of a component."""
    if -x > reach[root, 0] or -y > reach[root, 1] or x > reach[root, 2] or y > reach[root, 3]:
        reach[root, 0] = max(reach[root, 0], -x)
        reach[root, 1] = max(reach[root, 1], -y)
        reach[root, 2] = max(reach[root, 2], x)
        reach[root, 3] = max(reach[root, 3], y)
        iou[root] = _UNKNOWN


@compiled
def _extent(reach: np.ndarray, root: int) -> int:
    """Half the perimeter of a component's box."""
    return reach[root, 0] + reach[root, 1] + reach[root, 2] + reach[root, 3]


@compiled
def _contour_iou(
    reach: np.ndarray, height: int, width: int, hole: bool, boxes: np.ndarray
) -> float:
    """IoU of a component's box as border following reports it, but one pixel too far right and
    below, clipped to the map.
    """
    x0, y0, x1, y1 = -reach[0], -reach[1], reach[2], reach[3]
    if hole:
        x0, y0, x1, y1 = x0 - 1, y0 - 1, x1 + 1, y1 + 1
    return box_iou(x0, y0, min(x1 + 1, width - 1), min(y1 + 1, height - 1), boxes)


@compiled
def _root(parent: np.ndarray, pixel: int) -> int:
    """Root of a pixel's component; halves the path to it."""
    while parent[pixel] != pixel:
        parent[pixel] = parent[parent[pixel]]
        pixel = parent[pixel]
    return pixel


@compiled
def _sort_pixels(
    values: np.ndarray, floor: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Framed indices of the pixels above their floor, from the highest value to the lowest.

    Returns:
        The indices, the pixels' y and x, and (256,) where each value's run ends.
    """
    height, width = values.shape
    ends = np.zeros(LEVELS, np.int64)
    for y in range(height):
        for x in range(width):
            if values[y, x] > floor[y, x]:
                ends[values[y, x]] += 1
    total = 0
    place = np.empty(LEVELS, np.int64)
    for value in range(LEVELS - 1, -1, -1):
        place[value] = total
        total += ends[value]
        ends[value] = total
    order = np.empty(total, np.int32)
    rows, columns = np.empty(total, np.int32), np.empty(total, np.int32)
    for y in range(height):
        for x in range(width):
            value = values[y, x]
            if value > floor[y, x]:
                order[place[value]] = (y + 1) * (width + 2) + x + 1
                rows[place[value]], columns[place[value]] = y, x
                place[value] += 1
    return order, rows, columns, ends


@compiled
def _fill_holes(levels: np.ndarray) -> np.ndarray:
    """The map whose level sets are those of ``levels`` with their holes filled (uint8).

    A pixel's new value is the least maximum over all 4-connected ways from the edge to it: a flood
    from outside, lowest pixel first.
    """
    height, width = levels.shape
    stride = width + 2
    filled = np.zeros((height + 2, stride), np.uint8)
    filled[1:-1, 1:-1] = levels  # a pixel's own value until the flood is there
    value_of = filled.ravel()
    dry = np.zeros((height + 2, stride), np.bool_)  # not the frame
    dry[1:-1, 1:-1] = True
    is_dry = dry.ravel()
    head = np.full(LEVELS, -1, np.int32)  # one stack of pixels per level
    below = np.empty(value_of.size, np.int32)
    for y in range(1, height + 1):
        step = 1 if y == 1 or y == height else max(1, width - 1)
        for x in range(1, width + 1, step):
            pixel = y * stride + x
            is_dry[pixel] = False
            below[pixel] = head[value_of[pixel]]
            head[value_of[pixel]] = pixel
    for level in range(LEVELS):
        while head[level] >= 0:
            pixel = head[level]
            head[level] = below[pixel]
            for side in (-1, 1, -stride, stride):
                beside = pixel + side
                if is_dry[beside]:
                    is_dry[beside] = False
                    value = max(level, value_of[beside])
                    value_of[beside] = value
                    below[beside] = head[value]
                    head[value] = beside
    return filled[1:-1, 1:-1].copy()

"""MTCNN: faces with five landmarks, by three networks of which each looks only where the one before saw one.

Paper: Zhang et al. 2016. What the paper leaves open is as in facenet-pytorch, which is the reference in the tests:
thresholds, rounding, the square around a box, how far boxes may overlap. No torch here: the networks are given, from
`mtcnn_networks` or as ONNX Runtime has them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

MIN_FACE = 20
"""The smallest face that is found, in pixels."""

PYRAMID = 0.709
"""Of one size at which the picture is searched to the next."""

P_SIDE, R_SIDE, O_SIDE = 12, 24, 48
"""Pixels a side of what each network sees of a face."""
P_STRIDE = 2

P_LEAST, R_LEAST, O_LEAST = 0.6, 0.7, 0.7
"""The probability with which each network lets a face pass."""

LEVEL_OVERLAP, MAX_OVERLAP = 0.5, 0.7
"""How far two boxes may overlap: those of one level of the pyramid, and any others."""

BATCH = 512
"""Boxes that a network looks at together."""

Array = NDArray[Any]
Overlap = Callable[[Array, Array], Array]
"""Of boxes (4, 1) and (4, n): how far they overlap (n,)."""
Network = Callable[[Array], Sequence[Array]]
"""Pictures (n, 3, h, w) in [-1, 1] -> probabilities (n, ...), offsets (n, 4, ...) and, of O-Net, landmarks (n, 10)."""


class Cascade(NamedTuple):
    """The three networks, as `mtcnn_networks` describes them. All arrays are float32."""

    p_net: Network
    r_net: Network
    o_net: Network


class Detections(NamedTuple):
    """Faces in a picture, in its pixels."""

    boxes: Array
    """(n, 4): left, top, right, bottom."""
    landmarks: Array
    """(n, 5, 2): left eye, right eye, nose, left and right corner of the mouth."""
    confidences: Array
    """(n,), highest first."""


class Candidates(NamedTuple):
    """Where a network saw a face."""

    boxes: Array
    """(n, 4): left, top, right, bottom."""
    scores: Array
    """(n,)"""
    offsets: Array
    """(n, 4): by how many widths and heights of the box its sides are to be moved."""

    def at(self, index: Array) -> Candidates:
        return Candidates(*(values[index] for values in self))

    def apart(self, most: float) -> Candidates:
        """The surest of those that overlap by more than this share of what both cover; of equally sure the first."""
        return self.at(suppress(self.boxes, (-self.scores).argsort(kind="stable"), most, over_union))


class Detector:
    """MTCNN with its networks. Several threads may use one."""

    def __init__(self, networks: Cascade) -> None:
        self._p_net, self._r_net, self._o_net = networks

    def detect(self, picture: Image.Image) -> Detections:
        """The faces in an RGB picture; none in one that has less than `MIN_FACE` pixels a side."""
        sums = summed_area(np.asarray(picture))
        proposed = self._propose(sums)
        proposed = proposed.at(_in_picture(proposed.boxes, sums))
        scores, offsets, *_ = _look(self._r_net, sums, proposed.boxes, R_SIDE)
        passed = scores > R_LEAST
        refined = Candidates(proposed.boxes[passed], scores[passed], offsets[passed]).apart(MAX_OVERLAP)
        boxes = _squares(_moved(refined.boxes, refined.offsets, 1))
        boxes = boxes[_in_picture(boxes, sums)]
        scores, offsets, points = _look(self._o_net, sums, boxes, O_SIDE)
        passed = scores > O_LEAST
        boxes, scores = boxes[passed], scores[passed]
        # Five x, then five y, as shares of the box.
        shares = points[passed].reshape(-1, 2, 5).swapaxes(1, 2)
        landmarks = _sides(boxes, 1)[:, None] * shares + boxes[:, None, :2] - 1
        boxes = _moved(boxes, offsets[passed], 1)
        # Scores of 1 are no rarity here: of equally sure boxes facenet-pytorch takes the one that numpy sorts last.
        kept = suppress(boxes, np.argsort(scores)[::-1], MAX_OVERLAP, over_smaller)
        return Detections(*(values[kept] for values in (boxes, landmarks, scores)))

    def _propose(self, sums: Array) -> Candidates:
        """What P-Net takes for faces at any size, as squares."""
        levels = [self._scan(sums, scale).apart(LEVEL_OVERLAP) for scale in _scales(sums)]
        if not levels:
            return Candidates(*(np.zeros(shape, np.float32) for shape in ((0, 4), (0,), (0, 4))))
        found = Candidates(*map(np.concatenate, zip(*levels, strict=True))).apart(MAX_OVERLAP)
        return found._replace(boxes=_squares(_moved(found.boxes, found.offsets, 0)))

    def _scan(self, sums: Array, scale: float) -> Candidates:
        """What P-Net takes for faces of 12 x 12 pixels in the picture at this scale."""
        height, width = (side - 1 for side in sums.shape[1:])
        level = shrunk(sums, (int(width * scale + 1), int(height * scale + 1)))
        scores, offsets = (values[0] for values in self._p_net(_normalised(level)))
        rows, columns = (scores >= P_LEAST).nonzero()
        corners = P_STRIDE * np.stack([columns, rows], axis=1).astype(np.float32)
        boxes = np.concatenate([np.floor((corners + 1) / scale), np.floor((corners + P_SIDE) / scale)], axis=1)
        return Candidates(boxes, scores[rows, columns], offsets[:, rows, columns].T)


def summed_area(pixels: Array) -> Array:
    """Of pixels (H, W, 3) uint8, up to 8 million, the sums above and left of each corner (3, H + 1, W + 1) int32.

    Reference: Crow 1984.
    """
    height, width, channels = pixels.shape
    sums = np.zeros((channels, height + 1, width + 1), np.int32)
    inner = sums[:, 1:, 1:]
    np.cumsum(pixels.transpose(2, 0, 1), axis=1, dtype=np.int32, out=inner)
    np.cumsum(inner, axis=2, out=inner)
    return sums


def averages(sums: Array, boxes: Array, size: tuple[int, int]) -> Array:
    """The pixels within boxes (n, 4) at a size (width, height), each the mean of those that it touches.

    Boxes are whole and in the picture; the answer is (n, 3, height, width), 0 to 255, what torch's `interpolate` calls
    area.
    """
    lefts, rights = (edge[:, None, :] for edge in _edges(boxes[:, 0], boxes[:, 2], size[0]))
    tops, bottoms = (edge[:, :, None] for edge in _edges(boxes[:, 1], boxes[:, 3], size[1]))
    channels, _, width = sums.shape
    corners = sums.reshape(channels, -1)

    # Four sums a pixel; resizing the picture for each box would read all of it every time.
    def at(rows: Array, columns: Array) -> Array:
        taken: Array = corners.take(rows * width + columns, axis=1)
        return taken

    total = at(bottoms, rights) - at(tops, rights) - at(bottoms, lefts) + at(tops, lefts)
    parts: Array = _mean(total, bottoms - tops, rights - lefts).swapaxes(0, 1)
    return parts


def shrunk(sums: Array, size: tuple[int, int]) -> Array:
    """As `averages`, of the whole picture: (1, 3, height, width). Rows first, which takes half the time."""
    height, width = (side - 1 for side in sums.shape[1:])
    (left, right), (top, bottom) = (
        (edge[0] for edge in _edges(np.array([0]), np.array([side]), count))
        for side, count in zip((width, height), size, strict=True)
    )
    rows = sums.take(bottom, axis=1) - sums.take(top, axis=1)
    total = rows.take(right, axis=2) - rows.take(left, axis=2)
    return _mean(total, (bottom - top)[:, None], right - left)[None]


def _mean(total: Array, height: Array, width: Array) -> Array:
    mean: Array = total.astype(np.float32) / height.astype(np.float32) / width.astype(np.float32)
    return mean


def _edges(low: Array, high: Array, count: int) -> tuple[Array, Array]:
    """Where each of `count` equal parts of spans (n,) begins and ends, in whole pixels (n, count)."""
    part, length = np.arange(count), (high - low)[:, None]
    return low[:, None] + part * length // count, low[:, None] - (part + 1) * -length // count


def suppress(boxes: Array, order: Array, most: float, overlap: Overlap) -> Array:
    """Non-maximum suppression: of boxes (n, 4) that overlap by more than `most`, the first in the `order` (n,).

    The index of those that stay, in that order.
    """
    left, rest = order, boxes[order].T
    kept = []
    while left.size:
        kept.append(left[0])
        free = ~(overlap(rest[:, :1], rest[:, 1:]) > most)
        left, rest = left[1:][free], rest[:, 1:][:, free]
    return np.array(kept, dtype=np.int64)


def over_union(box: Array, others: Array) -> Array:
    """What a box shares with others, as a share of what both cover."""
    shared = _shared(box, others, 0)
    share: Array = shared / (_area(box, 0) + _area(others, 0) - shared)
    return share


def over_smaller(box: Array, others: Array) -> Array:
    """What a box shares with others, as a share of the smaller; a side's last pixel counts."""
    return _shared(box, others, 1) / np.minimum(_area(box, 1), _area(others, 1))


def _shared(box: Array, others: Array, border: int) -> Array:
    low, high = np.maximum(box[:2], others[:2]), np.minimum(box[2:], others[2:])
    sides = np.maximum(high - low + border, 0)
    shared: Array = sides[0] * sides[1]
    return shared


def _area(boxes: Array, border: int) -> Array:
    area: Array = (boxes[2] - boxes[0] + border) * (boxes[3] - boxes[1] + border)
    return area


def _scales(sums: Array) -> Iterator[float]:
    """From the one at which the smallest face fills P-Net's view to the one at which the picture does."""
    shorter, scale = min(sums.shape[1:]) - 1, P_SIDE / MIN_FACE
    while shorter * scale >= P_SIDE:
        yield scale
        scale *= PYRAMID


def _look(network: Network, sums: Array, boxes: Array, side: int) -> list[Array]:
    """What a network answers for boxes (n, 4), each seen at `side` x `side` pixels."""
    if not len(boxes):
        return [np.zeros(shape, np.float32) for shape in ((0,), (0, 4), (0, 10))]
    windows = _windows(boxes, sums)
    parts = [
        network(_normalised(averages(sums, windows[start : start + BATCH], (side, side))))
        for start in range(0, len(windows), BATCH)
    ]
    return [np.concatenate(answers) for answers in zip(*parts, strict=True)]


def _normalised(pictures: Array) -> Array:
    """(n, 3, h, w), from 0 to 255 to what the networks were trained with."""
    return np.ascontiguousarray((pictures - 127.5) / 128)


def _windows(boxes: Array, sums: Array) -> Array:
    """The part of each box (n, 4) that lies in the picture, in whole pixels, which it may touch with its first."""
    height, width = (side - 1 for side in sums.shape[1:])
    left, top, right, bottom = boxes.astype(np.int64).T
    return np.stack(
        [np.maximum(left, 1) - 1, np.maximum(top, 1) - 1, np.minimum(right, width), np.minimum(bottom, height)], axis=1
    )


def _in_picture(boxes: Array, sums: Array) -> Array:
    """Which boxes (n, 4) cover a pixel of the picture."""
    left, top, right, bottom = _windows(boxes, sums).T
    inside: Array = (left < right) & (top < bottom)
    return inside


def _sides(boxes: Array, border: int) -> Array:
    """Width and height (n, 2) of boxes (n, 4)."""
    sides: Array = boxes[:, 2:] - boxes[:, :2] + border
    return sides


def _moved(boxes: Array, offsets: Array, border: int) -> Array:
    moved: Array = boxes + offsets * np.tile(_sides(boxes, border), (1, 2))
    return moved


def _squares(boxes: Array) -> Array:
    """The squares around the middles of boxes, as wide as the longer side."""
    sides = _sides(boxes, 0)
    longer = sides.max(axis=1, keepdims=True)
    corner = boxes[:, :2] + sides * 0.5 - longer * 0.5
    return np.concatenate([corner, corner + longer], axis=1)

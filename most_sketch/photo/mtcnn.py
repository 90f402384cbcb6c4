"""MTCNN: faces with five landmarks, by three networks of which each looks only where the one before saw one.

Paper: Zhang et al. 2016. What the paper leaves open is as in facenet-pytorch, which is the reference in the tests:
thresholds, rounding, the square around a box, how far boxes may overlap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from most_sketch.photo.mtcnn_networks import CascadeNetwork, load_networks

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

Array = NDArray[np.floating[Any]]
Overlap = Callable[[Array, Array], Array]
"""Of boxes (4, 1) and (4, n): how far they overlap (n,)."""


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

    boxes: Tensor
    """(n, 4): left, top, right, bottom."""
    scores: Tensor
    """(n,)"""
    offsets: Tensor
    """(n, 4): by how many widths and heights of the box its sides are to be moved."""

    def at(self, index: Tensor) -> Candidates:
        return Candidates(*(values[index] for values in self))

    def apart(self, most: float) -> Candidates:
        """The surest of those that overlap by more than this share of what both cover; of equally sure the first."""
        return self.at(suppress(self.boxes, self.scores.argsort(descending=True, stable=True), most, over_union))


class Detector:
    """MTCNN with its weights. Several threads may use one."""

    def __init__(self, device: torch.device) -> None:
        # Some of its operations do not exist on Apple's MPS.
        self._device = torch.device("cpu") if device.type == "mps" else device
        self._p_net, self._r_net, self._o_net = load_networks(self._device)

    @torch.inference_mode()
    def detect(self, picture: Image.Image) -> Detections:
        """The faces in an RGB picture; none in one that has less than `MIN_FACE` pixels a side."""
        sums = summed_area(torch.from_numpy(np.array(picture)).to(self._device))
        proposed = self._propose(sums)
        proposed = proposed.at(_in_picture(proposed.boxes, sums))
        scores, offsets = _look(self._r_net, sums, proposed.boxes, R_SIDE)
        passed = scores > R_LEAST
        refined = Candidates(proposed.boxes[passed], scores[passed], offsets[passed]).apart(MAX_OVERLAP)
        boxes = _squares(_moved(refined.boxes, refined.offsets, 1))
        boxes = boxes[_in_picture(boxes, sums)]
        scores, offsets, points = _look(self._o_net, sums, boxes, O_SIDE)
        passed = scores > O_LEAST
        boxes, scores = boxes[passed], scores[passed]
        # Five x, then five y, as shares of the box.
        shares = points[passed].reshape(-1, 2, 5).transpose(1, 2)
        landmarks = _sides(boxes, 1)[:, None] * shares + boxes[:, None, :2] - 1
        boxes = _moved(boxes, offsets[passed], 1)
        # Scores of 1 are no rarity here: of equally sure boxes facenet-pytorch takes the one that numpy sorts last.
        order = torch.from_numpy(np.argsort(scores.cpu().numpy())[::-1].copy())
        kept = suppress(boxes, order, MAX_OVERLAP, over_smaller)
        return Detections(*(values[kept].cpu().numpy() for values in (boxes, landmarks, scores)))

    def _propose(self, sums: Tensor) -> Candidates:
        """What P-Net takes for faces at any size, as squares."""
        levels = [self._scan(sums, scale).apart(LEVEL_OVERLAP) for scale in _scales(sums)]
        if not levels:
            return Candidates(*(torch.zeros(shape, device=self._device) for shape in ((0, 4), (0,), (0, 4))))
        found = Candidates(*map(torch.cat, zip(*levels, strict=True))).apart(MAX_OVERLAP)
        return found._replace(boxes=_squares(_moved(found.boxes, found.offsets, 0)))

    def _scan(self, sums: Tensor, scale: float) -> Candidates:
        """What P-Net takes for faces of 12 x 12 pixels in the picture at this scale."""
        height, width = (side - 1 for side in sums.shape[:2])
        whole = torch.tensor([[0, 0, width, height]], device=self._device)
        level = averages(sums, whole, (int(width * scale + 1), int(height * scale + 1)))
        scores, offsets = (values[0] for values in self._p_net(_normalised(level)))
        rows, columns = (scores >= P_LEAST).nonzero(as_tuple=True)
        corners = P_STRIDE * torch.stack([columns, rows], dim=1).float()
        boxes = torch.cat([((corners + 1) / scale).floor(), ((corners + P_SIDE) / scale).floor()], dim=1)
        return Candidates(boxes, scores[rows, columns], offsets[:, rows, columns].T)


def summed_area(pixels: Tensor) -> Tensor:
    """Of pixels (H, W, 3) uint8, up to 8 million, the sums above and left of each corner (H + 1, W + 1, 3) int32.

    Reference: Crow 1984.
    """
    sums = pixels.cumsum(0, dtype=torch.int32).cumsum(1, dtype=torch.int32)
    return F.pad(sums, (0, 0, 1, 0, 1, 0))


def averages(sums: Tensor, boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """The pixels within boxes (n, 4) at a size (width, height), each the mean of those that it touches.

    Boxes are whole and in the picture; the answer is (n, height, width, 3), 0 to 255, what `interpolate` calls area.
    """
    lefts, rights = (edge[:, None, :] for edge in _edges(boxes[:, 0], boxes[:, 2], size[0]))
    tops, bottoms = (edge[:, :, None] for edge in _edges(boxes[:, 1], boxes[:, 3], size[1]))
    corners = sums.flatten(0, 1)

    # Four sums a pixel; resizing the picture for each level and each box would read all of it every time.
    def at(rows: Tensor, columns: Tensor) -> Tensor:
        index = rows * sums.shape[1] + columns
        return corners.index_select(0, index.flatten()).view(*index.shape, 3)

    total = at(bottoms, rights) - at(tops, rights) - at(bottoms, lefts) + at(tops, lefts)
    return total / (bottoms - tops)[..., None] / (rights - lefts)[..., None]


def _edges(low: Tensor, high: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Where each of `count` equal parts of spans (n,) begins and ends, in whole pixels (n, count)."""
    part, length = torch.arange(count, device=low.device), (high - low)[:, None]
    return low[:, None] + part * length // count, low[:, None] - (part + 1) * -length // count


def suppress(boxes: Tensor, order: Tensor, most: float, overlap: Overlap) -> Tensor:
    """Non-maximum suppression: of boxes (n, 4) that overlap by more than `most`, the first in the `order` (n,).

    The index of those that stay, in that order.
    """
    left = order.cpu().numpy()
    rest = boxes.cpu().numpy()[left].T
    kept = []
    while left.size:
        kept.append(left[0])
        free = ~(overlap(rest[:, :1], rest[:, 1:]) > most)
        left, rest = left[1:][free], rest[:, 1:][:, free]
    return torch.tensor(kept, dtype=torch.long, device=boxes.device)


def over_union(box: Array, others: Array) -> Array:
    """What a box shares with others, as a share of what both cover."""
    shared = _shared(box, others, 0)
    return shared / (_area(box, 0) + _area(others, 0) - shared)


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


def _scales(sums: Tensor) -> Iterator[float]:
    """From the one at which the smallest face fills P-Net's view to the one at which the picture does."""
    shorter, scale = min(sums.shape[:2]) - 1, P_SIDE / MIN_FACE
    while shorter * scale >= P_SIDE:
        yield scale
        scale *= PYRAMID


def _look(network: CascadeNetwork, sums: Tensor, boxes: Tensor, side: int) -> list[Tensor]:
    """What a network answers for boxes (n, 4), each seen at `side` x `side` pixels."""
    windows = torch.split(_windows(boxes, sums), BATCH)
    # In planes, as facenet-pytorch has them: channels_last rounds otherwise, and nearly equal scores change places.
    parts = [network(_normalised(averages(sums, window, (side, side))).contiguous()) for window in windows]
    return [torch.cat(answers) for answers in zip(*parts, strict=True)]


def _normalised(pictures: Tensor) -> Tensor:
    """(n, h, w, 3), 0 to 255 -> (n, 3, h, w) as the networks were trained."""
    return ((pictures - 127.5) / 128).permute(0, 3, 1, 2)


def _windows(boxes: Tensor, sums: Tensor) -> Tensor:
    """The part of each box (n, 4) that lies in the picture, in whole pixels, which it may touch with its first."""
    height, width = (side - 1 for side in sums.shape[:2])
    left, top, right, bottom = boxes.long().unbind(1)
    return torch.stack(
        [left.clamp(min=1) - 1, top.clamp(min=1) - 1, right.clamp(max=width), bottom.clamp(max=height)], dim=1
    )


def _in_picture(boxes: Tensor, sums: Tensor) -> Tensor:
    """Which boxes (n, 4) cover a pixel of the picture."""
    left, top, right, bottom = _windows(boxes, sums).unbind(1)
    return (left < right) & (top < bottom)


def _sides(boxes: Tensor, border: int) -> Tensor:
    """Width and height (n, 2) of boxes (n, 4)."""
    return boxes[:, 2:] - boxes[:, :2] + border


def _moved(boxes: Tensor, offsets: Tensor, border: int) -> Tensor:
    return boxes + offsets * _sides(boxes, border).repeat(1, 2)


def _squares(boxes: Tensor) -> Tensor:
    """The squares around the middles of boxes, as wide as the longer side."""
    sides = _sides(boxes, 0)
    longer = sides.amax(dim=1, keepdim=True)
    corner = boxes[:, :2] + sides * 0.5 - longer * 0.5
    return torch.cat([corner, corner + longer], dim=1)

"""The canvas: how much of a photo around the frame a sketch shows, and where its edges are.

All lengths are in pixels of the frame of 200 x 250, from its corner; the face keeps its place and scale in it. The
canvas is the frame itself or larger, always 4 wide to 5 high. Only NumPy, and no network: what shows the person comes
as a map.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from most_sketch.errors import InputError
from most_sketch.photo.frame import EYES, FRAME_HEIGHT, FRAME_WIDTH, Placement, apply

Framing = Literal["portrait", "face"]
"""As much of the person as `portrait` allows, or the frame."""

Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""
Map = NDArray[np.floating[Any]]

LARGEST = 1.6
"""The canvas is up to so many times the frame."""

REACH: Box = (-80.0, -80.0, 280.0, 390.0)
"""Where the person is looked for: all that any canvas can show."""

LOOK_SCALE = 1.25
"""Pixels per frame pixel of the picture that the person is looked for in. The matte has learnt from persons of 1 to
2.1: at .75 it did not find the person in one of the two examples."""

PERSON = 0.5
"""From this value on a place of the map is the person."""

NEAR = 1.5
"""So many places of the map are less than it can tell."""

ABOVE, BESIDE, BELOW = 0.08, 0.04, 0.03
"""Paper around the person, in canvas heights."""

MIDDLE_EYES = (EYES[0][0] + EYES[1][0]) / 2
ASIDE = 12.0
"""The face is at most so far from the canvas's middle."""

HIGHER = 0.45
"""Of height that is left over, this share goes above the person."""


@dataclass(frozen=True)
class Canvas:
    """Where the canvas lies. The frame itself is `Canvas()`."""

    left: float = 0.0
    top: float = 0.0
    times: float = 1.0
    """How many times as large as the frame."""

    @property
    def box(self) -> Box:
        width, height = self.times * FRAME_WIDTH, self.times * FRAME_HEIGHT
        return self.left, self.top, self.left + width, self.top + height


def checked_framing(framing: str) -> Framing:
    """A framing as it is asked for. Raises `InputError` for one that there is not."""
    for known in get_args(Framing):
        if framing == known:
            return known  # type: ignore[no-any-return]
    raise InputError(f"unknown framing {framing!r}; use {' or '.join(get_args(Framing))}")


def photo_box(placement: Placement, size: tuple[int, int]) -> Box:
    """The upright box around a photo of this (width, height) that a placement brings into the frame."""
    return moved_box(placement, (0.0, 0.0, *size))


def moved_box(placement: Placement, box: Box) -> Box:
    """The upright box around one that a placement moves."""
    corners = apply(placement, np.array([(x, y) for x in box[::2] for y in box[1::2]], dtype=np.float64))
    return (*corners.min(axis=0).tolist(), *corners.max(axis=0).tolist())


def overlap(one: Box, other: Box) -> Box:
    """What two boxes have in common."""
    return max(one[0], other[0]), max(one[1], other[1]), min(one[2], other[2]), min(one[3], other[3])


def person_box(sureness: Map, corner: tuple[float, float], step: float, photo: Box) -> Box | None:
    """The box around the person whose face is in the frame; None if the map does not show any.

    `sureness` (h, w) is how surely each place shows a person, `corner` where its first place begins, `step` the side of
    a place. Only what hangs together with the face counts. A person who comes near an edge of `photo` reaches it.
    """
    mask = sureness >= PERSON
    rows, columns = mask.shape
    row, column = (
        int(np.clip((middle - start) / step, 0, count - 1))
        for middle, start, count in ((EYES[0][1] + 25, corner[1], rows), (MIDDLE_EYES, corner[0], columns))
    )
    if not mask[row, column]:
        return None
    joined = np.zeros_like(mask)
    joined[row, column] = True
    while True:
        wider = np.pad(joined, 1)
        wider = wider[:-2, 1:-1] | wider[2:, 1:-1] | wider[1:-1, :-2] | wider[1:-1, 2:] | joined
        wider &= mask
        if np.array_equal(wider, joined):
            break
        joined = wider
    sure = np.where(joined, sureness, 0.0)
    left, right = _span(sure.max(axis=0))
    top, bottom = _span(sure.max(axis=1))
    near = NEAR * step
    left, right = corner[0] + left * step, corner[0] + right * step
    top, bottom = corner[1] + top * step, corner[1] + bottom * step
    return (
        photo[0] if left - photo[0] < near else left,
        photo[1] if top - photo[1] < near else top,
        photo[2] if photo[2] - right < near else right,
        photo[3] if photo[3] - bottom < near else bottom,
    )


def _span(sureness: Map) -> tuple[float, float]:
    """Where a row of places is `PERSON`, its ends between places: one that is half sure counts half."""
    (sure,) = np.nonzero(sureness >= PERSON)
    first, last = int(sure[0]), int(sure[-1])
    return first + 1 - float(sureness[first]), last + float(sureness[last])


def room_beside(others: Sequence[Box]) -> Box:
    """How far a canvas may reach so that it does not show the faces of others, given as boxes.

    It may reach as far as the frame in any case.
    """
    left, top, right, bottom = REACH
    for other in others:
        across, down = (other[0] + other[2]) / 2, (other[1] + other[3]) / 2
        if across < 0 or across > FRAME_WIDTH:
            left = max(left, min(0.0, other[2])) if across < 0 else left
            right = min(right, max(FRAME_WIDTH, other[0])) if across > 0 else right
        elif down > FRAME_HEIGHT:
            bottom = min(bottom, max(FRAME_HEIGHT, other[1]))
        elif down < 0:
            top = max(top, min(0.0, other[3]))
    return left, top, right, bottom


def portrait(person: Box, room: Box = REACH) -> Canvas:
    """The canvas that shows the person: the whole head with paper above it, and the shoulders.

    It is as small as that allows, but not smaller than the frame, and not larger than `LARGEST` times the frame or than
    `room`, which holds the frame. What does not fit is cut off at the sides and below.
    """
    left, top, right, bottom = overlap(person, room)
    aside = (left + right) / 2 - MIDDLE_EYES
    middle = MIDDLE_EYES + min(max(aside, -ASIDE), ASIDE)
    wide = 2 * max(middle - left, right - middle) / (FRAME_WIDTH - 2 * BESIDE * FRAME_HEIGHT)
    high = (bottom - top) / (FRAME_HEIGHT * (1 - ABOVE - BELOW))
    most = min(LARGEST, (room[2] - room[0]) / FRAME_WIDTH, (room[3] - room[1]) / FRAME_HEIGHT)
    times = min(max(wide, high, 1.0), most)
    width, height = times * FRAME_WIDTH, times * FRAME_HEIGHT
    left_over = max(0.0, height * (1 - ABOVE - BELOW) - (bottom - top))
    start = top - ABOVE * height - HIGHER * left_over
    # The eyes are never above the upper third, whatever is held up over the head.
    start = min(max(start, EYES[0][1] - 0.6 * height), EYES[0][1] - 0.3 * height)
    return Canvas(_within(middle - width / 2, width, room[0], room[2]), _within(start, height, room[1], room[3]), times)


def _within(start: float, length: float, low: float, high: float) -> float:
    return min(max(start, low), high - length)

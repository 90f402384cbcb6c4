"""The frame that the network draws in: how a photo is brought into it, and how a sketch is put back.

The frame is that of the CUFS database: 200 x 250 pixels, the eyes at fixed places. A placement is an affine
map from photo to frame, as a (3, 3) matrix. Coordinates are (x, y) in pixels; (0, 0) is the corner of the
first pixel, not its middle.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter, ImageOps

from most_sketch.errors import InputError

FRAME_WIDTH, FRAME_HEIGHT = FRAME_SIZE = (200, 250)
SIZES = range(250, 1251)
"""Heights of sketches, in pixels."""
EYES = ((75.36, 125.97), (126.35, 125.95))
"""Where the eyes are in the frame, left and right as seen in the picture: MTCNN's mean over all of CUFS."""

SNAP = 4.5
"""A picture of the frame's shape whose eyes are at most so many of its pixels off is in the frame already.
MTCNN finds the eyes of CUFS photos, which all are, up to 4.1 pixels off (every tenth photo measured)."""

SOFT_EDGE = 16
"""Frame pixels over which a sketch that is put back fades into the paper."""

WHITE = 255
"""The grey level of paper, unless a style has another."""

FADE = 20
"""Pixels beyond a photo's border, at twice the frame's size, at which it is all blur."""

Corner = NDArray[np.floating[Any]]
Placement = NDArray[np.floating[Any]]
Point = tuple[float, float]
Extension = Callable[[Image.Image, int, int, int, int], Image.Image]
"""Widens a picture by so many pixels left, above, right and below."""


def place_by_eyes(left: Point, right: Point, eyes: tuple[Point, Point] = EYES) -> Placement:
    """The similarity transform, from the two eyes alone, that brings them to `eyes`.

    Measured on CUFS: 2.6 px RMS in the face; with nose and mouth as well 3.4.
    """
    turn = (complex(*eyes[1]) - complex(*eyes[0])) / (complex(*right) - complex(*left))
    shift = complex(*eyes[0]) - turn * complex(*left)
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag], [0, 0, 1]])


def place_whole(size: tuple[int, int]) -> Placement:
    """Fit a picture of this (width, height) into the middle of the frame, without stretching."""
    width, height = size
    scale = min(FRAME_WIDTH / width, FRAME_HEIGHT / height)
    return scale_shift(scale, scale, (FRAME_WIDTH - scale * width) / 2, (FRAME_HEIGHT - scale * height) / 2)


def place_face(size: tuple[int, int], left: Point, right: Point) -> Placement:
    """Bring a face, its eyes at these places of a picture of this size, into the frame if it is not there yet."""
    return place_whole(size) if in_frame(size, left, right) else place_by_eyes(left, right)


def in_frame(size: tuple[int, int], left: Point, right: Point) -> bool:
    """Is a picture of this size, with its eyes at these places, the frame already, at whatever scale?"""
    scale = size[0] / FRAME_WIDTH
    off = max(math.dist(eye, (scale * x, scale * y)) for eye, (x, y) in zip((left, right), EYES, strict=True))
    return size == scaled_size(scale) and off <= scale * SNAP


def apply(placement: Placement, points: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Where points (n, 2) go."""
    placed: NDArray[np.floating[Any]] = points @ placement[:2, :2].T + placement[:2, 2]
    return placed


def scale_of(placement: Placement) -> float:
    """Frame pixels per photo pixel."""
    return math.hypot(placement[0, 0], placement[1, 0])


def extend(image: Image.Image, left: int, top: int, right: int, bottom: int) -> Image.Image:
    """Continue a photo beyond its borders, by so many pixels a side: its outermost pixels, more and more blurred.

    Repeated sharply they are streaks, which a network takes for hair and draws.
    """
    pixels = np.asarray(image)
    channels = [(0, 0)] * (pixels.ndim - 2)
    repeated = Image.fromarray(np.pad(pixels, [(top, bottom), (left, right), *channels], mode="edge"))
    if not (left or top or right or bottom):
        return repeated
    across, down = (
        np.concatenate([np.arange(before, 0, -1), np.zeros(side), np.arange(1, after + 1)])
        for before, side, after in ((left, image.width, right), (top, image.height, bottom))
    )
    beyond = (np.maximum.outer(down, across) / FADE).clip(0, 1)
    soft = repeated.filter(ImageFilter.GaussianBlur(FADE * 0.7))
    return Image.composite(soft, repeated, Image.fromarray((beyond * 255).round().astype(np.uint8)))


def extend_with_paper(
    image: Image.Image, left: int, top: int, right: int, bottom: int, level: int = WHITE
) -> Image.Image:
    """Continue a grey drawing beyond its borders, by so many pixels a side, as paper of this grey level."""
    return ImageOps.expand(image, (left, top, right, bottom), level)


def extend_with_nothing(image: Image.Image, left: int, top: int, right: int, bottom: int) -> Image.Image:
    """Continue a mask beyond its borders, by so many pixels a side, as black."""
    return ImageOps.expand(image, (left, top, right, bottom), 0)


def to_frame(
    picture: Image.Image, placement: Placement, extension: Extension = extend, scale: float = 1.0
) -> Image.Image:
    """What the frame shows of an RGB or L picture, at `scale` times 200 x 250; `extension` is beyond its borders."""
    return to_canvas(picture, scale_shift(scale, scale) @ placement, scaled_size(scale), extension)


def to_canvas(
    picture: Image.Image, placement: Placement, size: tuple[int, int], extension: Extension = extend
) -> Image.Image:
    """An RGB or L picture brought into pictures of this (width, height) by a placement from pixels to pixels.

    A picture that is there already stays as it is.
    """
    if picture.size == size and np.allclose(placement, np.eye(3)):
        return picture.copy()
    # Drawn at twice the size, then halved: a rotated picture stays as sharp as a straight one.
    twice = _warp(picture, scale_shift(2, 2) @ placement, (2 * size[0], 2 * size[1]), extension)
    return twice.reduce(2)


def scaled_size(scale: float) -> tuple[int, int]:
    """Width and height of the frame at a multiple of 200 x 250, in whole pixels."""
    return round(scale * FRAME_WIDTH), round(scale * FRAME_HEIGHT)


def checked_size(size: int) -> int:
    """The height of a sketch as it is asked for. Raises `InputError` for one outside `SIZES`."""
    if size not in SIZES:
        raise InputError(f"size {size}: sketches are {SIZES[0]} to {SIZES[-1]} pixels high")
    return size


def put_back(sketch: Image.Image, placement: Placement, paper: Image.Image) -> None:
    """Draw a grey sketch where it is in the photo, from which `placement` leads to the sketch's pixels.

    Changes `paper` (mode L, the photo's size).
    """
    low, high = _bounds(np.linalg.inv(placement), (0, 0), sketch.size)
    box = _whole_pixels(low, high, paper.size)
    size = (box[2] - box[0], box[3] - box[1])
    back = scale_shift(1, 1, -box[0], -box[1]) @ np.linalg.inv(placement)
    paper.paste(_warp(sketch, back, size), box[:2], _warp(_soft_mask(sketch.size), back, size))


def on_paper(
    size: tuple[int, int], sketches: Sequence[Image.Image], placements: Sequence[Placement], level: int = WHITE
) -> Image.Image:
    """Grey sketches where their faces are in a photo of this (width, height), on paper of this grey level. Mode L."""
    paper = Image.new("L", size, level)
    for sketch, placement in zip(sketches, placements, strict=True):
        put_back(sketch, placement, paper)
    return paper


def side_by_side(photo: Image.Image, sketch: Image.Image) -> Image.Image:
    """A photo in the frame with its sketch, of the same size, to its right. Mode RGB."""
    both = Image.new("RGB", (2 * photo.width, photo.height))
    both.paste(photo, (0, 0))
    both.paste(sketch.convert("RGB"), (photo.width, 0))
    return both


def _warp(
    image: Image.Image, placement: Placement, size: tuple[int, int], extension: Extension = extend
) -> Image.Image:
    """Resample an RGB or L picture by an affine map into a picture of (width, height), antialiased."""
    low, high = _bounds(np.linalg.inv(placement), (0, 0), size)
    margin = 3 / min(1.0, scale_of(placement)) + 1  # bicubic looks two pixels around itself
    low, high = low - margin, high + margin
    box = _whole_pixels(low, high, image.size)
    width, height = box[2] - box[0], box[3] - box[1]
    # Shrinking is left to a filter that averages; the affine step, which only looks up, then never has to.
    shrink = min(1.0, scale_of(placement))
    small = (max(1, round(width * shrink)), max(1, round(height * shrink)))
    part = image.resize(small, Image.Resampling.LANCZOS, box, reducing_gap=3.0)
    to_part = scale_shift(small[0] / width, small[1] / height) @ scale_shift(1, 1, -box[0], -box[1])
    part_low, part_high = _bounds(to_part, (low[0], low[1]), (high[0], high[1]))
    left, top = (max(0, math.ceil(-value)) for value in part_low)
    right, bottom = (max(0, math.ceil(value - side)) for value, side in zip(part_high, small, strict=True))
    part = extension(part, left, top, right, bottom)
    back = scale_shift(1, 1, left, top) @ to_part @ np.linalg.inv(placement)
    return part.transform(size, Image.Transform.AFFINE, tuple(back[:2].flatten()), Image.Resampling.BICUBIC)


def _soft_mask(size: tuple[int, int]) -> Image.Image:
    """How much of a sketch of this size covers the paper: 255 inside, falling to 0 at the frame's border. Mode L."""
    edge = SOFT_EDGE * size[0] / FRAME_WIDTH
    across, down = ((np.minimum(np.arange(side), np.arange(side)[::-1]) / edge).clip(0, 1) for side in size)
    return Image.fromarray((np.minimum.outer(down, across) * 255).round().astype(np.uint8))


def scale_shift(across: float, down: float, right: float = 0.0, below: float = 0.0) -> Placement:
    """The placement that first scales, then moves, by so much across and down."""
    return np.array([[across, 0, right], [0, down, below], [0, 0, 1]], dtype=np.float64)


def _bounds(placement: Placement, low: Point, high: Point) -> tuple[Corner, Corner]:
    """The smallest upright rectangle, as (low, high) corners, around the image of an upright rectangle."""
    corners = np.array([(x, y, 1) for x in (low[0], high[0]) for y in (low[1], high[1])])
    placed = (placement @ corners.T)[:2]
    return placed.min(axis=1), placed.max(axis=1)


def _whole_pixels(low: Corner, high: Corner, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The pixels of a picture of this size that lie between two corners, at least one: (left, top, right, bottom)."""
    left, top = (int(min(max(math.floor(value), 0), side - 1)) for value, side in zip(low, size, strict=True))
    right, bottom = (int(max(min(math.ceil(value), side), 1)) for value, side in zip(high, size, strict=True))
    return left, top, max(right, left + 1), max(bottom, top + 1)

"""How a drawing ends where photo or paper do: it fades to the paper, as an artist's unfinished bust does.

Only where the person is cut off there, which the ink at that edge tells. Only NumPy and Pillow, at a few pixels per
hundredth of the height; the drawing itself is touched once.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageFilter

from most_sketch.errors import InputError
from most_sketch.photo.frame import WHITE, Placement, scale_of, scale_shift

Finish = Literal["fade", "none"]
Map = NDArray[np.floating[Any]]

DEPTH = 0.085
"""How deep the fading reaches from an edge, in canvas heights, on average."""

RAGGED = 0.3
"""By what share the depth comes and goes along an edge: hatching does not end at a ruler."""

EDGE = 0.02
"""Ink so near an edge, in canvas heights, tells that the person is cut off there."""

FAINT, CLEAR = 0.02, 0.10
"""Mean darkness at an edge (0 to 1) at which nothing is cut off, and from which on all is."""

GRID = 250
"""Height of the map of the fading, in places: it is smooth."""


def checked_finish(finish: str) -> Finish:
    """A finish as it is asked for. Raises `InputError` for one that there is not."""
    for known in get_args(Finish):
        if finish == known:
            return known  # type: ignore[no-any-return]
    raise InputError(f"unknown finish {finish!r}; use {' or '.join(get_args(Finish))}")


def faded(sketch: Image.Image, placement: Placement, photo_size: tuple[int, int], paper: int = WHITE) -> Image.Image:
    """A grey sketch that fades to paper of this grey level where it or its photo ends within the person.

    `placement` is from the photo, of this (width, height), to the sketch's pixels. Beyond the photo is paper.
    """
    height = GRID
    width = max(1, round(sketch.width * height / sketch.height))
    small = sketch.resize((width, height), Image.Resampling.BOX)
    ink = np.asarray(ImageChops.difference(small, Image.new("L", small.size, paper)), dtype=np.float64) / 255
    kept = Image.fromarray((fade_map(ink, placement, photo_size, sketch.height) * 255).round().astype(np.uint8))
    return Image.composite(
        sketch, Image.new("L", sketch.size, paper), kept.resize(sketch.size, Image.Resampling.BILINEAR)
    )


def cut_out(picture: Image.Image, placement: Placement, photo_size: tuple[int, int]) -> Image.Image:
    """An RGB picture of a photo, into which `placement` brought the photo of this size, white where the photo ends."""
    scale = 1 / scale_of(placement)
    width, height = (max(1, round(side / scale)) for side in photo_size)
    within = Image.new("L", (width, height), WHITE)
    back = scale_shift(1 / scale, 1 / scale) @ np.linalg.inv(placement)
    mask = within.transform(picture.size, Image.Transform.AFFINE, tuple(back[:2].flatten()), Image.Resampling.BILINEAR)
    return Image.composite(picture, Image.new("RGB", picture.size, "white"), mask)


def fade_map(ink: Map, placement: Placement, photo_size: tuple[int, int], sketch_height: int) -> Map:
    """How much of the ink stays at each place: 1 is all of it. `ink` (h, w), darkness in [0, 1]."""
    rows, columns = ink.shape
    grid = sketch_height / rows
    down, across = np.meshgrid((np.arange(rows) + 0.5) * grid, (np.arange(columns) + 0.5) * grid, indexing="ij")
    back = np.linalg.inv(placement)
    photo_across = back[0, 0] * across + back[0, 1] * down + back[0, 2]
    photo_down = back[1, 0] * across + back[1, 1] * down + back[1, 2]
    kept = np.ones_like(ink)
    # The sketch's own four edges, then the photo's: what lies how deep within, and how far along, in canvas heights.
    for wide, high, x, y, scale in (
        (columns * grid, rows * grid, across, down, 1.0),
        (*photo_size, photo_across, photo_down, scale_of(placement)),
    ):
        scale /= sketch_height
        for depth, along in ((x, y), (wide - x, y), (y, x), (high - y, x)):
            kept *= _fading(ink, depth * scale, along * scale)
    return kept


def _fading(ink: Map, depth: Map, along: Map) -> Map:
    """How much of the ink stays by one edge: `depth` from it and `along` it, of each place, in canvas heights."""
    if depth.min() > DEPTH * (1 + RAGGED):
        return np.ones_like(ink)
    cut = _cut(np.where((depth > 0) & (depth < EDGE), ink, 0.0))
    reach = DEPTH * (1 + RAGGED * _waves(along))
    stays = smoothstep(depth / reach)
    stays = 1 - cut * (1 - stays)
    return np.where(depth > 0, stays, 0.0)


def _cut(band: Map) -> Map:
    """How surely the person is cut off near each place, in [0, 1], by the ink in the band along an edge."""
    spread = round(DEPTH * len(band))
    ink = Image.fromarray((band * 255).astype(np.uint8))
    near = ink.filter(ImageFilter.MaxFilter(2 * (spread // 2) + 1)).filter(ImageFilter.GaussianBlur(spread / 3))
    cut: Map = ((np.asarray(near) / 255 - FAINT) / (CLEAR - FAINT)).clip(0, 1)
    return cut


def _waves(along: Map) -> Map:
    """Uneven waves along an edge, in [-1, 1], the same for every drawing."""
    waves: Map = (np.sin(along * 23) + np.sin(along * 51 + 1.3) + np.sin(along * 97 + 4.1)) / 3
    return waves


def smoothstep(value: Map) -> Map:
    """From 0 to 1 while the value goes from 0 to 1, without a kink."""
    within = value.clip(0, 1)
    step: Map = within * within * (3 - 2 * within)
    return step

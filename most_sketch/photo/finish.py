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
from most_sketch.photo.frame import WHITE, Placement, scale_of

Finish = Literal["fade", "none"]
Map = NDArray[np.floating[Any]]

DEPTH_BELOW, DEPTH_BESIDE, DEPTH_ABOVE = 0.085, 0.06, 0.03
"""How deep the fading reaches from an edge, in canvas heights, on average. Chosen by eye on 22 portraits: a bust may
run out slowly, but a head whose hair just meets the photo's end is whole, and fading would take its outline."""

RAGGED = 0.3
"""By what share the depth comes and goes along an edge: hatching does not end at a ruler."""

EDGE = 0.012
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
    across, down = _in_photo(placement, (picture.height, picture.width), 1.0)
    depth = np.minimum(np.minimum(across, photo_size[0] - across), np.minimum(down, photo_size[1] - down))
    mask = Image.fromarray(((depth * scale_of(placement) + 0.5).clip(0, 1) * WHITE).round().astype(np.uint8))
    return Image.composite(picture, Image.new("RGB", picture.size, "white"), mask)


def _in_photo(placement: Placement, shape: tuple[int, ...], grid: float) -> tuple[Map, Map]:
    """Where in the photo the middles of places are, across and down; so many (rows, columns), `grid` pixels a side."""
    back = np.linalg.inv(placement)
    down, across = ((np.arange(count) + 0.5) * grid for count in shape)
    down = down[:, None]
    return (
        back[0, 0] * across + back[0, 1] * down + back[0, 2],
        back[1, 0] * across + back[1, 1] * down + back[1, 2],
    )


def fade_map(ink: Map, placement: Placement, photo_size: tuple[int, int], sketch_height: int) -> Map:
    """How much of the ink stays at each place: 1 is all of it. `ink` (h, w), darkness in [0, 1]."""
    rows, columns = ink.shape
    grid = sketch_height / rows
    across, down = _in_photo(np.eye(3), ink.shape, grid)
    photo_across, photo_down = _in_photo(placement, ink.shape, grid)
    back, larger = np.linalg.inv(placement), scale_of(placement)
    kept = np.ones_like(ink)
    # The sketch's own four edges, then the photo's: what lies how deep within, and how far along, in canvas heights.
    for wide, high, x, y, scale, rightness, downness in (
        (columns * grid, rows * grid, across, down, 1.0, 0.0, 1.0),
        (*photo_size, photo_across, photo_down, larger, float(back[0, 1] * larger), float(back[1, 1] * larger)),
    ):
        scale /= sketch_height
        # How much each edge is an upper one, from 1 to -1: a photo may be turned.
        for depth, along, upper in (
            (x, y, rightness),
            (wide - x, y, -rightness),
            (y, x, downness),
            (high - y, x, -downness),
        ):
            furthest = DEPTH_ABOVE if upper > 0 else DEPTH_BELOW
            reach = DEPTH_BESIDE + (furthest - DEPTH_BESIDE) * min(abs(upper), 1.0)
            kept *= _fading(ink, depth * scale, along * scale, reach)
    return kept


def _fading(ink: Map, depth: Map, along: Map, reach: float) -> Map:
    """How much of the ink stays by one edge: `depth` from it and `along` it, of each place, in canvas heights.

    The fading is `reach` deep.
    """
    if depth.min() > reach * (1 + RAGGED):
        return np.ones_like(ink)
    within = depth > 0
    band = np.where(within & (depth < EDGE), ink, 0.0)
    if band.max() <= FAINT:
        return within.astype(np.float64)
    cut = _cut(band, round(reach * len(ink)))
    stays = smoothstep(depth / (reach * (1 + RAGGED * _waves(along))))
    stays = 1 - cut * (1 - stays)
    return np.where(within, stays, 0.0)


def _cut(band: Map, spread: int) -> Map:
    """How surely the person is cut off near each place, `spread` wide, in [0, 1], by the ink in the band at an edge."""
    darkest = Image.fromarray((_darkest(band, spread // 2) * 255).astype(np.uint8))
    near = darkest.filter(ImageFilter.GaussianBlur(spread / 3))
    cut: Map = ((np.asarray(near) / 255 - FAINT) / (CLEAR - FAINT)).clip(0, 1)
    return cut


def _darkest(ink: Map, reach: int) -> Map:
    """The most ink in the square around each place that reaches so many places to each side."""
    wide: Map = np.pad(ink, reach)
    covered = 0
    while covered < reach:
        # Squares of 1, 3, 9, ... places a side leave no gap when they are moved by their side.
        step = min(2 * covered + 1, reach - covered)
        row = np.maximum(np.maximum(wide[: -2 * step], wide[2 * step :]), wide[step:-step])
        wide = np.maximum(np.maximum(row[:, : -2 * step], row[:, 2 * step :]), row[:, step:-step])
        covered += step
    return wide


def _waves(along: Map) -> Map:
    """Uneven waves along an edge, in [-1, 1], the same for every drawing."""
    waves: Map = (np.sin(along * 23) + np.sin(along * 51 + 1.3) + np.sin(along * 97 + 4.1)) / 3
    return waves


def smoothstep(value: Map) -> Map:
    """From 0 to 1 while the value goes from 0 to 1, without a kink."""
    within = value.clip(0, 1)
    step: Map = within * within * (3 - 2 * within)
    return step

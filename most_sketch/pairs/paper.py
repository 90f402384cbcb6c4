"""White paper around a scanned drawing: captions, typed lines and the edges of scans go, pale pencil stays.

Drawings are pictures in mode L in which a face is at a known place.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage
from scipy.special import expit

from most_sketch.photo.frame import FRAME_WIDTH, Placement, apply, scale_of

DARKEST_PAPER = 160
"""A drawing's paper is its most frequent grey level from here on."""
INK = 0.12
"""A blurred pixel that is darker than paper by more than this share of the drawing's own range belongs to something
drawn."""
PALE_INK, BROAD = 0.04, 6.0
"""Strokes go on where they are darker than their surroundings by this share of the range, and no broader than so many
pixels of the frame."""
DARK = 0.01
"""The range goes from white to the level below which this share of the head's pixels is."""
LEAST_RANGE = 40
"""A range of fewer grey levels is taken for this: what is left is grain."""

BORDER = 0.04
"""How deep the border of a drawing is, as a part of its shorter side."""

PEAK, PAPER_SHARE = 5, 0.12
"""Paper has at least so much of a scan's pixels within so many grey levels."""
GRAIN = 3.0
"""How many times its mean brightness above the commonest level the grain of paper is taken to be below it."""
JOIN = 2.0
"""Pixels of the frame by which strokes are widened, so that those of one thing hang together."""

HEAD, HEAD_REACH = (100.0, 130.0), (62.0, 85.0)
"""An ellipse in the frame, its middle and its half axes, in which everything is kept: face, ears and most hair."""
CHEST = 200.0
"""Below this row of the frame there are clothes, which hang together with no head in a drawing of few lines."""
SPECK, NEAR = 12.0, 4.0
"""What is no wider and no higher than so many pixels of the frame, and further than so many from the person, is a
speck. Both were widened by `JOIN` before."""
TEXT_HEIGHT, TEXT_WIDTH, TEXT_PLACE, LETTERS, LEAST_STROKES = 24.0, 25.0, 55.0, 6.0, 3.0
"""What is lower than this, in a row wider than this and than twice its height, above this row of the frame, is text;
between its letters are at most so many pixels more, and so many strokes begin across it."""
STRAIGHT, LONG, SLANT, OUTER = 2.2, 50.0, 0.12, 0.2
"""What is so straight (its standard deviation across, in pixels of the frame), so long, upright or level but for so
much, and within this share of a drawing's side from its border, is an edge of the paper."""
STRETCH = 80.0
"""Pixels of the frame along which a pale edge of the paper runs in one row or column, thick as it is."""
NEAR_LANDMARK = 8.0
"""Pixels of the frame around a landmark whose ink is the face's."""
FAR = 40.0
"""Something large that is further from the person than this, and beside or above the head, is not of the person."""
MOST_LOST = 0.1
"""A drawing that would lose more than this share of the ink near its landmarks is not cleaned."""
BLANK = 0.3
"""Less ink than this near the landmarks, on average in grey levels, is no drawing."""
PALE = 8.0
"""So near clothes everything is kept, however pale."""
WORKING_UNIT = 2
"""Pixels of a drawing for one of the frame, at most, when its parts are told apart; more would only take time."""

EDGE_PLACE, EDGE_THICK, EDGE_DARK, EDGE_LEVEL = 0.08, 0.015, 0.5, 225
"""The edge of the paper in a scan: at most so far from the border and so thick, as parts of the picture's side; darker
than a grey level along so much of the other side."""
WHOLE_EDGE = 0.9
"""What is dark along so much of a border is an edge even if clothes begin right beside it."""

CONTRAST, AROUND, SMOOTH, SOFT = 8.0, 2.5, 1.0, 1.0
"""Paper is where grey levels vary by less than this (standard deviation in a Gaussian of so many pixels of the frame);
it is blurred by so many pixels, and so many grey levels lie between what is and what is not."""

Mask = NDArray[np.bool_]
Grey = NDArray[np.floating[Any]]
Labels = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Person:
    """Where a drawing shows a person, two masks (H, W)."""

    kept: Mask
    """All that is to stay of the drawing, with a margin."""
    outline: Mask
    """The person with holes filled, without the margin."""


def border_level(drawings: Iterable[Image.Image]) -> int:
    """The grey level of the paper of drawings: the median along their borders, but the lower, where clothes are."""
    pixels: list[NDArray[np.uint8]] = []
    for drawing in drawings:
        grey = np.asarray(drawing)
        deep = max(1, round(BORDER * min(grey.shape)))
        pixels += [grey[:deep].ravel(), grey[:, :deep].ravel(), grey[:, -deep:].ravel()]
    return int(np.median(np.concatenate(pixels)))


def whiten(drawing: Image.Image) -> Image.Image:
    """Brighten a drawing until its paper is white, grain and all, as a scanner's operator would.

    Else grey scans end in a step where the frame goes beyond them, which a network learns to draw.
    """
    levels = np.array(drawing.histogram())
    levels[:DARKEST_PAPER] = 0
    if not levels.any():
        return drawing
    # What lies beyond the paper is white itself in many scans; the paper is the broad peak below.
    paper = int(levels[:255].argmax())
    if levels[paper - PEAK : paper + PEAK + 1].sum() < PAPER_SHARE * drawing.width * drawing.height:
        paper = 255
    # The grain is taken from the bright half of the paper's levels: the dark half may be pale pencil.
    brighter = levels[paper:255]
    grain = (brighter * np.arange(len(brighter))).sum() / max(1, brighter[1:].sum())
    white = max(DARKEST_PAPER, paper - GRAIN * grain)
    return drawing.point([min(255, round(level * 255 / white)) for level in range(256)])


def grey_range(grey: Grey, head: Mask) -> float:
    """How many grey levels lie between the paper of a whitened drawing (H, W) and the darkest in its head."""
    darkest = float(np.quantile(grey[head] if head.any() else grey, DARK))
    return max(LEAST_RANGE, 255 - darkest)


def person_in(drawing: Image.Image, placement: Placement) -> Person:
    """Tell the person in a whitened drawing from captions, specks and what else lies beside the head.

    `placement` brings the drawing into the frame. Everything in and near the head is the person's, and what is large:
    strokes of one drawing need not hang together. Something else is what is small and apart, or looks like text.
    """
    shrink = max(1, int(1 / scale_of(placement) / WORKING_UNIT))
    grey = np.asarray(drawing.reduce(shrink), dtype=np.float32)
    rows, columns = (shrink * (np.arange(side) + 0.5) for side in grey.shape)
    x, y = np.moveaxis(apply(placement, np.stack(np.meshgrid(columns, rows), axis=-1)), -1, 0)
    head = np.hypot((x - HEAD[0]) / HEAD_REACH[0], (y - HEAD[1]) / HEAD_REACH[1]) <= 1
    unit = 1 / scale_of(placement) / shrink
    whole_range = grey_range(grey, head)
    level = 255 - INK * whole_range
    blurred = ndimage.gaussian_filter(grey, unit)
    ink = blurred < level
    widened = partial(ndimage.binary_dilation, iterations=max(1, round(JOIN * unit)))
    joined = widened(ink)
    labels, count = ndimage.label(joined)
    if not count:
        return Person(np.ones(drawing.size[::-1], dtype=bool), np.zeros(drawing.size[::-1], dtype=bool))
    parts = np.arange(1, count + 1)
    left, right = ndimage.minimum(x, labels, parts), ndimage.maximum(x, labels, parts)
    top, bottom = ndimage.minimum(y, labels, parts), ndimage.maximum(y, labels, parts)
    width, height = right - left - 2 * JOIN, bottom - top - 2 * JOIN
    in_head = ndimage.maximum(head, labels, parts) > 0
    small = (width <= SPECK) & (height <= SPECK)
    text = _lines_of_text(
        x,
        y,
        _those(labels, (height <= TEXT_HEIGHT) & ~in_head),
        grey < level,
        labels,
        parts,
        unit,
    )
    edge = _edges(labels, parts, unit) & ~in_head
    around = (left < HEAD[0]) & (right > HEAD[0]) & (bottom > HEAD[1])
    clothes = (bottom > CHEST) & (right > 0) & (left < FRAME_WIDTH)
    beside = _distance(head | _those(labels, in_head), labels, parts) / unit
    main = in_head | ~small & ~edge & ~text & (around | clothes | (beside < FAR))
    # Pale ends of strokes are parts of them, and what they lead to is near.
    pale = widened(ndimage.grey_closing(blurred, 1 + 2 * round(BROAD / 2 * unit)) - blurred > PALE_INK * whole_range)
    drawn, other = _those(labels, main), widened(widened(_those(labels, edge | text) | _level_or_upright(pale, unit)))
    drawn = ndimage.binary_propagation(drawn, mask=drawn | pale & ~other)
    apart = _distance(head | drawn, labels, parts) / unit
    kept = main | ~edge & ~text & (apart < NEAR)
    whole = drawn | ndimage.binary_fill_holes(_those(labels, kept))
    outline = ndimage.binary_erosion(whole, iterations=max(1, round((JOIN + 1) * unit)), border_value=1)
    # What is too pale to be told from paper stays in the head and around clothes.
    clothing = (y > CHEST) & (ndimage.distance_transform_edt(~whole) < PALE * unit) & ~_those(labels, ~kept)
    size = drawing.size
    return Person(_enlarged(head | whole | clothing, size), _enlarged(outline | ink & _those(labels, kept), size))


def _lines_of_text(x: Grey, y: Grey, low: Mask, strokes: Mask, labels: Labels, parts: Labels, unit: float) -> Mask:
    """Which parts are letters of a line above the face, (count,); `x` and `y` are places in the frame, (H, W)."""
    rows, _ = ndimage.label(ndimage.binary_dilation(low, np.ones((1, 1 + 2 * max(1, round(LETTERS / 2 * unit))))))
    which = np.arange(1, rows.max() + 1)
    if not len(which):
        return np.zeros(len(parts), dtype=bool)
    left, right = ndimage.minimum(x, rows, which), ndimage.maximum(x, rows, which)
    top, bottom = ndimage.minimum(y, rows, which), ndimage.maximum(y, rows, which)
    long = (right - left > TEXT_WIDTH) & (right - left > 2 * (bottom - top)) & (bottom < TEXT_PLACE)
    # Across a line of letters many strokes begin, across one long stroke few.
    begins = strokes & ~np.roll(strokes, 1, axis=1)
    across = ndimage.sum(begins, rows, which) / ((bottom - top - 2 * JOIN) * unit).clip(1)
    long &= across >= LEAST_STROKES
    letters: Mask = ndimage.maximum(_those(rows, long) & low, labels, parts) > 0
    return letters


def _edges(labels: Labels, parts: Labels, unit: float) -> Mask:
    """Which parts are straight long lines along a border of the drawing, (count,)."""
    places = np.indices(labels.shape, dtype=np.float64)
    middle = np.stack([ndimage.mean(place, labels, parts) for place in places])
    spread = np.stack([ndimage.mean(place**2, labels, parts) for place in places]) - middle**2
    both = ndimage.mean(places[0] * places[1], labels, parts) - middle[0] * middle[1]
    # The variances along and across, of the covariance's eigenvalues.
    mean, half = spread.mean(axis=0), np.hypot((spread[0] - spread[1]) / 2, both)
    along, across = np.sqrt(mean + half), np.sqrt(np.maximum(mean - half, 0))
    slant = np.abs(np.sin(0.5 * np.arctan2(2 * both, spread[1] - spread[0])))
    sides = np.array(labels.shape)[:, None]
    outer = np.minimum(middle, sides - middle) < OUTER * sides
    lines = (across <= STRAIGHT * unit) & (along * math.sqrt(12) >= LONG * unit)
    found: Mask = lines & (outer[0] & (slant < SLANT) | outer[1] & (slant > math.sqrt(1 - SLANT**2)))
    return found


def _level_or_upright(lines: Mask, unit: float) -> Mask:
    """What of lines (H, W) runs straight along rows or columns for long, as the edges of paper do."""
    length = round(STRETCH * unit)
    straight: Mask = ndimage.binary_opening(lines, np.ones((1, length)))
    straight |= ndimage.binary_opening(lines, np.ones((length, 1)))
    return straight


def _those(labels: Labels, chosen: Mask) -> Mask:
    """Where the labels are that are chosen (count,), of labels from 1 (H, W)."""
    there: Mask = np.concatenate([[False], chosen])[labels]
    return there


def _distance(person: Mask, labels: Labels, parts: Labels) -> Grey:
    """How many pixels each labelled part is from a person, (count,)."""
    nearest: Grey = ndimage.minimum(ndimage.distance_transform_edt(~person), labels, parts)
    return nearest


def _enlarged(mask: Mask, size: tuple[int, int]) -> Mask:
    """A mask at another (width, height)."""
    enlarged: Mask = np.asarray(Image.fromarray(mask).convert("L").resize(size, Image.Resampling.BILINEAR)) > 127
    return enlarged


def erase_edges(drawing: Image.Image) -> Image.Image:
    """Make white what lies beyond the edge of the paper in a scan: a long thin line along a border of the picture."""
    grey = np.asarray(drawing).copy()
    # Views on the same pixels, each with another border at its top.
    for view in (grey, grey[::-1], grey.T, grey.T[::-1]):
        depth = round(EDGE_PLACE * len(view))
        thick = max(3, round(EDGE_THICK * len(view)))
        dark = ndimage.maximum_filter1d((view[: depth + 3 * thick] < EDGE_LEVEL).astype(np.uint8), thick, axis=0).mean(
            axis=1
        )
        light = dark < EDGE_DARK / 2
        lines = [row for row in range(depth) if dark[row] > EDGE_DARK and light[row + 2 * thick]]
        if lines:
            view[: lines[-1] + thick] = 255
            continue
        lines = [row for row in range(depth) if dark[row] > WHOLE_EDGE and light[row : row + 2 * thick].any()]
        if lines:
            view[: lines[-1] + light[lines[-1] :].argmax() + thick // 2] = 255
    return Image.fromarray(grey)


def clear_paper(drawing: Image.Image, person: Mask, unit: float) -> Image.Image:
    """Make white what does not belong to the person (H, W), with a soft edge."""
    kept: NDArray[Any] = ndimage.gaussian_filter(person.astype(np.float32), unit)
    grey = np.asarray(drawing, dtype=np.float32)
    return Image.fromarray((255 - (255 - grey) * np.minimum(1, 2 * kept)).round().astype(np.uint8))


def ink_near(drawing: Image.Image, points: NDArray[np.floating[Any]], placement: Placement) -> float:
    """The mean ink, in grey levels, of a whitened drawing near the landmarks of its face, (n, 2) in its pixels."""
    near = Image.new("1", drawing.size)
    pen = ImageDraw.Draw(near)
    reach = NEAR_LANDMARK / scale_of(placement)
    for x, y in points:
        pen.ellipse((x - reach, y - reach, x + reach, y + reach), fill=1)
    inked = (255 - np.asarray(drawing, dtype=np.float32))[np.asarray(near)]
    return float(inked.mean()) if inked.size else 0.0


@dataclass(frozen=True)
class Cleaned:
    """A drawing on white paper, of the size that it had, and what is known of it."""

    drawing: Image.Image
    outline: Image.Image
    """The person, white on black (mode L)."""
    lost: float
    """The share of the ink near the landmarks that cleaning would have taken, where it is more than `MOST_LOST`: then
    the paper is white and nothing else was removed. Else 0."""
    blank: bool
    """Is there next to nothing drawn near the landmarks?"""


def clean(drawing: Image.Image, placement: Placement, points: NDArray[np.floating[Any]]) -> Cleaned:
    """Make the paper of a scanned drawing white, and remove captions, specks and the edges of the scan.

    `placement` brings the drawing into the frame, `points` (n, 2) are the landmarks of its face in its own pixels.
    """
    white = whiten(drawing)
    without_edges = erase_edges(white)
    person = person_in(without_edges, placement)
    cleared = clear_paper(without_edges, person.kept, 1 / scale_of(placement))
    before, after = (ink_near(each, points, placement) for each in (white, cleared))
    lost = 1 - after / before if before else 0.0
    outline = Image.fromarray(person.outline.astype(np.uint8) * 255)
    blank = before < BLANK
    return Cleaned(white, outline, lost, blank) if lost > MOST_LOST else Cleaned(cleared, outline, 0.0, blank)


def smooth_paper(drawing: Image.Image, unit: float) -> Image.Image:
    """Blur the grain of paper and of pale skin, where hardly anything is drawn.

    No photo tells of it, so a network that is to draw it can only guess: it costs SSIM, and the eye does not miss it.
    `unit` as for `person_in`.
    """
    grey = np.asarray(drawing, dtype=np.float32)
    mean, squares = (ndimage.gaussian_filter(each, AROUND * unit) for each in (grey, grey**2))
    contrast = np.sqrt(np.maximum(squares - mean**2, 0))
    paper = expit((CONTRAST - contrast) / SOFT)
    smoothed = grey + paper * (ndimage.gaussian_filter(grey, SMOOTH * unit) - grey)
    return Image.fromarray(smoothed.round().astype(np.uint8))

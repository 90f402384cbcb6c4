"""White paper around a scanned drawing: captions, typed lines and the edges of scans go, pale pencil stays.

Drawings are pictures in mode L in which a face is at a known place.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from scipy.special import expit

from most_sketch.photo.frame import Point

DARKEST_PAPER = 160
"""A drawing's paper is its most frequent grey level from here on."""
INK = 225
"""A blurred pixel below this, of 255 white, belongs to something drawn."""

BORDER = 0.04
"""How deep the border of a drawing is, as a part of its shorter side."""

PEAK, PAPER_SHARE = 5, 0.12
"""Paper has at least so much of a scan's pixels within so many grey levels."""
GRAIN = 3.0
"""How many times its mean brightness above the commonest level the grain of paper is taken to be below it."""
JOIN = 2.0
"""Pixels of the frame by which strokes are widened, so that those of one person hang together."""
EDGE_PLACE, EDGE_THICK, EDGE_DARK = 0.08, 0.015, 0.5
"""The edge of the paper in a scan: at most so far from the border and so thick, as parts of the picture's side; dark
along so much of the other side."""

CONTRAST, AROUND, SMOOTH, SOFT = 8.0, 2.5, 1.0, 1.0
"""Paper is where grey levels vary by less than this (standard deviation in a Gaussian of so many pixels of the frame);
it is blurred by so many pixels, and so many grey levels lie between what is and what is not."""

Mask = NDArray[np.bool_]


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


def person_in(drawing: Image.Image, face: Point, unit: float) -> Mask:
    """What of a whitened drawing hangs together with the face at a place, with holes filled: (H, W).

    `unit` is the length of a pixel of the frame of CUFS in pixels of the drawing.
    """
    grey = np.asarray(drawing, dtype=np.float32)
    ink = ndimage.gaussian_filter(grey, unit) < INK
    # Pale cheeks are holes in what is drawn.
    joined = ndimage.binary_fill_holes(ndimage.binary_dilation(ink, iterations=max(1, round(JOIN * unit))))
    labels, count = ndimage.label(joined)
    if not count:
        return np.ones(grey.shape, dtype=bool)
    row, column = (int(np.clip(round(value), 0, side - 1)) for value, side in zip(face[::-1], grey.shape, strict=True))
    # A face drawn in few lines may leave its middle blank: then what is largest is the person.
    under = labels[row, column] or 1 + int(np.argmax(np.bincount(labels.ravel())[1:]))
    person: Mask = labels == under
    return person


def erase_edges(drawing: Image.Image) -> Image.Image:
    """Make white what lies beyond the edge of the paper in a scan: a long thin line along a border of the picture."""
    grey = np.asarray(drawing).copy()
    # Views on the same pixels, each with another border at its top.
    for view in (grey, grey[::-1], grey.T, grey.T[::-1]):
        depth = round(EDGE_PLACE * len(view))
        thick = max(3, round(EDGE_THICK * len(view)))
        dark = ndimage.maximum_filter1d((view[: depth + 3 * thick] < INK).astype(np.uint8), thick, axis=0).mean(axis=1)
        lines = [row for row in range(depth) if dark[row] > EDGE_DARK and dark[row + 2 * thick] < EDGE_DARK / 2]
        if lines:
            view[: lines[-1] + thick] = 255
    return Image.fromarray(grey)


def outline_of(person: Mask, unit: float) -> Mask:
    """A person in a drawing, (H, W) as of `person_in`, without the margin that joins strokes."""
    outline: Mask = ndimage.binary_erosion(person, iterations=max(1, round((JOIN + 1) * unit)), border_value=1)
    return outline


def clear_paper(drawing: Image.Image, person: Mask, unit: float) -> Image.Image:
    """Make white what does not belong to the person (H, W), with a soft edge."""
    kept: NDArray[Any] = ndimage.gaussian_filter(person.astype(np.float32), unit)
    grey = np.asarray(drawing, dtype=np.float32)
    return Image.fromarray((255 - (255 - grey) * np.minimum(1, 2 * kept)).round().astype(np.uint8))


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

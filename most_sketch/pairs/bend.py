"""Bend a drawing onto its photo: no drawing lies on its photo pixel by pixel, and what contradicts itself blurs.

All places are (x, y) in the frame of CUFS, 200 x 250, whatever the size of the pictures.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from scipy.interpolate import RBFInterpolator

from most_sketch.pairs.landmarks import Points
from most_sketch.pairs.resample import upsample2x
from most_sketch.photo.frame import FRAME_HEIGHT, FRAME_WIDTH, WHITE, Point

MESH_STEP, MESH = 2, 100
"""Of more points than this every second is enough."""
SMOOTHING = 3.2
"""Of the thin-plate spline: single points are not followed at any price. Chosen by eye on pairs of CUFSF."""
OUTLINE_SMOOTHING = 10.0
"""Of points of the outline, which are found less surely."""
BORDER_POINTS = 8
"""Places along each side of the frame that stay where they are."""
GRID = 4
"""Frame pixels between the places for which the spline is computed; between them it is interpolated."""

RAYS = np.radians(np.arange(-205, 26, 7.5))
"""Directions from the face in which its outline is looked for: from below one ear over the crown to the other."""
LARGEST_GAP = 22.0
"""Outlines of photo and drawing further apart are not of the same thing: hair that one of them leaves out, say."""
LARGEST_JUMP = 6.0
"""Between that distance and the median of its neighbours."""

Field = NDArray[np.floating[Any]]
"""Where in the drawing to look for every `GRID`th place of the photo: (rows, columns, 2)."""


def field_between(photo: Points, drawing: Points, outlines: tuple[Points, Points] | None = None) -> Field:
    """The field that brings the points of a drawing (n, 2) to the same points of its photo.

    `outlines` are points of both persons' outlines, as `outline_points` finds them. A thin-plate spline, held along
    the frame's border. Reference: Bookstein 1989.
    """
    step = MESH_STEP if len(photo) > MESH else 1
    across, down = (np.linspace(0, side, BORDER_POINTS + 1) for side in (FRAME_WIDTH, FRAME_HEIGHT))
    border = np.array(
        [(x, y) for x in across for y in (0, FRAME_HEIGHT)] + [(x, y) for y in down[1:-1] for x in (0, FRAME_WIDTH)]
    )
    sources, targets = [photo[::step], border], [drawing[::step], border]
    smoothing = [np.full(len(points), SMOOTHING) for points in sources]
    if outlines is not None:
        sources.append(outlines[0])
        targets.append(outlines[1])
        smoothing.append(np.full(len(outlines[0]), OUTLINE_SMOOTHING))
    spline = RBFInterpolator(
        np.concatenate(sources),
        np.concatenate(targets),
        smoothing=np.concatenate(smoothing),
        kernel="thin_plate_spline",
    )
    columns, rows = np.arange(0, FRAME_WIDTH + GRID, GRID), np.arange(0, FRAME_HEIGHT + GRID, GRID)
    places = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2).astype(float)
    field: Field = spline(places).reshape(len(rows), len(columns), 2)
    return field


def displacement_of(field: Field) -> Field:
    """By how many frame pixels a field looks beside each place, (rows, columns, 2) across and down."""
    rows, columns = (np.arange(side) for side in field.shape[:2])
    beside: Field = field - GRID * np.stack(np.meshgrid(columns, rows), axis=-1)
    return beside


def bend(drawing: Image.Image, field: Field, paper: int = WHITE) -> Image.Image:
    """Resample a drawing (mode L, any multiple of the frame) through a field; what comes from more than a frame pixel
    beyond its border is paper, of this grey level: the spline holds the border no better."""
    scale = drawing.width / FRAME_WIDTH
    rows, columns = (np.arange(side) + 0.5 for side in (drawing.height, drawing.width))
    places = np.meshgrid(rows / scale / GRID, columns / scale / GRID, indexing="ij")
    x, y = (ndimage.map_coordinates(field[..., axis], places, order=1, mode="nearest") * scale - 0.5 for axis in (0, 1))
    x, y = (_back_inside(places, side, scale) for places, side in ((x, drawing.width), (y, drawing.height)))
    grey = np.asarray(drawing, dtype=np.float32)
    bent = ndimage.map_coordinates(upsample2x(grey), [2 * y, 2 * x], order=3, cval=paper, mode="constant")
    return Image.fromarray(bent.clip(0, 255).round().astype(np.uint8))


def _back_inside(places: Field, side: int, reach: float) -> Field:
    """Places along a side of so many pixels, those that are no further than `reach` outside of it on its border."""
    inside = places.clip(0, side - 1)
    return np.where(np.abs(places - inside) <= reach, inside, places)


def outline_points(photo: Image.Image, drawing: Image.Image, face: Point) -> tuple[Points, Points]:
    """Points of the outline of a head, the same ones of two masks (mode L, 200 x 250, white is the person): (n, 2).

    They lie on rays from the face, where both masks end inside the frame, at nearly the same place.
    """
    ours, theirs = _reach(photo, face), _reach(drawing, face)
    both = np.isfinite(ours) & np.isfinite(theirs)
    gap = np.where(both, theirs, 1e3) - np.where(both, ours, 0)
    usable = (np.abs(gap) < LARGEST_GAP) & (np.abs(gap - ndimage.median_filter(gap, 3, mode="nearest")) < LARGEST_JUMP)
    directions = np.stack([np.cos(RAYS), np.sin(RAYS)], axis=1)[usable]
    return face + ours[usable, None] * directions, face + theirs[usable, None] * directions


def _reach(mask: Image.Image, face: Point) -> Field:
    """How far from the face a mask goes along every ray, in frame pixels; infinite where it meets the border."""
    steps = np.arange(0, FRAME_WIDTH, 0.5)
    x, y = face[0] + np.outer(np.cos(RAYS), steps), face[1] + np.outer(np.sin(RAYS), steps)
    framed = (x > 2) & (x < FRAME_WIDTH - 2) & (y > 2) & (y < FRAME_HEIGHT - 2)
    person = ndimage.map_coordinates(np.asarray(mask, dtype=np.float32), [y - 0.5, x - 0.5], order=1) > 127
    last = np.array([np.flatnonzero(ray).max(initial=0) for ray in person & framed])
    ends = framed[np.arange(len(RAYS)), np.minimum(last + 1, len(steps) - 1)]
    return np.where(ends & (last > 0), steps[last], np.inf)

"""A drawing's sheet that was photographed on a table: found by its outline and straightened.

A homography is a (3, 3) matrix; corners are (x, y) in pixels, clockwise from the upper left one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

SMALL = 256
"""Pixels of the longer side of the picture in which the sheet is looked for."""
CONTRAST = 40.0
"""Grey levels by which the sheet's median is lighter than the table's, at least."""
LEAST_SHEET, LEAST_TABLE = 0.25, 0.06
"""Shares of the picture that sheet and table have at least."""
BORDER = 0.01
"""Corners are plain where they lie inside the picture by this share of its sides at least."""
AGREEMENT = 0.94
"""The intersection of sheet and quadrilateral over their union, at least."""
INSET = 0.01
"""This share of a sheet's sides is cut off: its edge is never quite straight."""

Corners = NDArray[np.floating[Any]]
Homography = NDArray[np.floating[Any]]


def find_sheet(drawing: Image.Image) -> Corners | None:
    """The corners (4, 2) of a light sheet on a darker table, or None where there are no four plain ones."""
    shrink = max(1, max(drawing.size) // SMALL)
    grey = ndimage.gaussian_filter(np.asarray(drawing.reduce(shrink), dtype=np.float32), 1)
    height, width = grey.shape
    labels, _ = ndimage.label(grey > _threshold(grey))
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    sheet = ndimage.binary_fill_holes(labels == sizes.argmax())
    if not LEAST_SHEET < sheet.mean() < 1 - LEAST_TABLE:
        return None
    if np.median(grey[sheet]) - np.median(grey[~sheet]) < CONTRAST:
        return None
    rows, columns = np.nonzero(sheet)
    far = [(-columns - rows).argmax(), (columns - rows).argmax(), (columns + rows).argmax(), (rows - columns).argmax()]
    corners = np.array([(columns[place] + 0.5, rows[place] + 0.5) for place in far])
    margin = BORDER * np.array([width, height])
    if (corners < margin).any() or (corners > np.array([width, height]) - margin).any():
        return None
    quadrilateral = Image.new("1", (width, height))
    ImageDraw.Draw(quadrilateral).polygon([(float(x), float(y)) for x, y in corners], fill=1)
    inside = np.asarray(quadrilateral)
    if (inside & sheet).sum() < AGREEMENT * (inside | sheet).sum():
        return None
    return corners * shrink


def rectify(drawing: Image.Image, corners: Corners) -> tuple[Image.Image, Homography]:
    """The sheet between these corners alone, upright, and the homography that brought it there."""
    sides = np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1)
    width, height = (sides[0] + sides[2]) / 2, (sides[1] + sides[3]) / 2
    inset = np.array([INSET * width, INSET * height])
    there = np.array([(0, 0), (width, 0), (width, height), (0, height)]) - inset
    size = (round(width - 2 * inset[0]), round(height - 2 * inset[1]))
    homography = _homography(corners, there)
    back = np.linalg.inv(homography)
    upright = drawing.transform(
        size, Image.Transform.PERSPECTIVE, tuple((back / back[2, 2]).ravel()[:8]), Image.Resampling.BICUBIC
    )
    return upright, homography


def project(homography: Homography, points: Corners) -> Corners:
    """Where points (n, 2) go."""
    projected = np.concatenate([points, np.ones((len(points), 1))], axis=1) @ homography.T
    moved: Corners = projected[:, :2] / projected[:, 2:]
    return moved


def _homography(here: Corners, there: Corners) -> Homography:
    """That of four points to four others."""
    rows = [
        row
        for (x, y), (u, v) in zip(here, there, strict=True)
        for row in ((x, y, 1, 0, 0, 0, -u * x, -u * y), (0, 0, 0, x, y, 1, -v * x, -v * y))
    ]
    return np.append(np.linalg.solve(np.array(rows), there.ravel()), 1).reshape(3, 3)


def _threshold(grey: NDArray[np.floating[Any]]) -> float:
    """The grey level that parts light from dark best. Reference: Otsu 1979."""
    counts, edges = np.histogram(grey, bins=64)
    middles = (edges[1:] + edges[:-1]) / 2
    below, sums = np.cumsum(counts), np.cumsum(counts * middles)
    above = below[-1] - below
    split = np.flatnonzero((below > 0) & (above > 0))
    if not len(split):
        return float(grey.min())
    between = below[split] * above[split] * (sums[split] / below[split] - (sums[-1] - sums[split]) / above[split]) ** 2
    return float(edges[split[between.argmax()] + 1])

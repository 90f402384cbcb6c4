"""The paper of a drawing that was photographed or is not white: brought to one level, so that it can be made white.

Drawings are pictures in mode L.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SMALL = 96
"""Pixels of the longer side of the picture in which the paper's level is estimated: light changes slowly."""
DEGREE = 3
"""Of the polynomial in x and y that the level follows."""
ROUNDS, BELOW = 10, 0.02
"""Rounds of asymmetric least squares, and the weight of what is darker than the estimate: that is drawn."""
NEAR_PAPER, LEAST_PAPER = 12.0, 0.2
"""Paper lies within so many grey levels of its estimate; a drawing with less of it than this share is all tone."""
UNEVEN, DARK, DARKEST = 30.0, 160.0, 110.0
"""Paper whose level changes by more than this, or which is darker than the second, is brought to one level, unless it
is somewhere darker than the last: that may be drawn."""
LEVEL = 235.0
"""The level to which paper is brought."""

Grey = NDArray[np.floating[Any]]


def paper_levels(drawing: Image.Image) -> Grey | None:
    """The level of the paper at every pixel, (H, W), by asymmetric least squares; None where hardly any is bare.

    Reference: Eilers 2003, whose baseline is smooth and lies above most of the signal, here with a polynomial.
    """
    shrink = max(1, max(drawing.size) // SMALL)
    grey = np.asarray(drawing.reduce(shrink), dtype=np.float64)
    terms = _terms(*grey.shape)
    values = grey.ravel()
    weights = np.ones(grey.size)
    for _ in range(ROUNDS):
        level = _fit(terms, values, weights)
        weights = np.where(values > level, 1.0, BELOW)
    # Then by what is paper alone, so that hair and clothes have no weight at all.
    for _ in range(ROUNDS):
        paper = np.abs(values - level) < NEAR_PAPER
        if paper.mean() < LEAST_PAPER:
            return None
        level = _fit(terms, values, paper.astype(np.float64))
    # Where no paper is to be seen, a polynomial goes anywhere.
    level = level.clip(*np.quantile(level[paper], [0.005, 0.995]))
    levels = Image.fromarray(level.reshape(grey.shape).astype(np.float32))
    return np.asarray(levels.resize(drawing.size, Image.Resampling.BILINEAR))


def level_paper(drawing: Image.Image) -> Image.Image:
    """Bring uneven or dark paper to one light level. A drawing on even, light paper stays as it is."""
    levels = paper_levels(drawing)
    if levels is None or levels.min() < DARKEST or (np.ptp(levels) <= UNEVEN and np.median(levels) >= DARK):
        return drawing
    grey = np.asarray(drawing, dtype=np.float32) * (LEVEL / levels)
    return Image.fromarray(grey.clip(0, 255).round().astype(np.uint8))


def _fit(terms: Grey, values: Grey, weights: Grey) -> Grey:
    """The polynomial that is nearest to values under weights, at every pixel."""
    roots = np.sqrt(weights)
    fitted: Grey = terms @ np.linalg.lstsq(terms * roots[:, None], values * roots, rcond=None)[0]
    return fitted


def _terms(height: int, width: int) -> Grey:
    """The polynomial's terms at every pixel, (pixels, terms)."""
    y, x = (
        places.ravel() for places in np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    )
    return np.stack([x**i * y**j for i in range(DEGREE + 1) for j in range(DEGREE + 1 - i)], axis=1)

"""Mesh: the fine grid that a network's upsampling leaves in a sketch, measured without a drawing to compare with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image


@dataclass(frozen=True)
class Mesh:
    """Strength of the waves two pixels long beside that of slightly longer ones; drawings have about 1."""

    axes: float
    """Across or down, whichever is stronger: stripes."""
    diagonal: float
    """Across and down at once: a chequerboard."""


def mesh(sketch: Image.Image) -> Mesh:
    """Of a grey sketch, at its own size, at least 64 pixels a side."""
    levels = np.asarray(sketch.convert("L"), dtype=np.float64)
    height, width = (side // 2 * 2 for side in levels.shape)
    levels = levels[:height, :width]
    # A window, so that borders that do not match left and right are no waves.
    window = np.outer(np.hanning(height), np.hanning(width))
    waves = np.abs(np.fft.fft2((levels - levels.mean()) * window))
    middle_row, middle_column = height // 2, width // 2
    low_rows, low_columns = slice(1, height // 8), slice(1, width // 8)
    down = _ratio(waves[middle_row, low_columns], waves[middle_row - 12 : middle_row - 3, low_columns])
    across = _ratio(waves[low_rows, middle_column], waves[low_rows, middle_column - 12 : middle_column - 3])
    corner = waves[middle_row - 1 : middle_row + 2, middle_column - 1 : middle_column + 2]
    beside = waves[middle_row - 14 : middle_row - 5, middle_column - 14 : middle_column - 5]
    return Mesh(max(down, across), _ratio(corner, beside))


def _ratio(waves: NDArray[np.float64], others: NDArray[np.float64]) -> float:
    """1 for a blank sheet, which has neither."""
    return float((waves.mean() + 1e-9) / (others.mean() + 1e-9))

"""A picture at twice its resolution is the same picture, with strokes between its pixels as there are at them."""

from __future__ import annotations

import numpy as np
import pytest

from most_sketch.pairs.resample import upsample2x


def hatching(period: float, side: int, step: float = 1.0) -> np.ndarray:
    """Slanting strokes, as waves of this many pixels, seen at every `step` of a pixel."""
    y, x = np.mgrid[0:side:step, 0:side:step]
    return np.sin(2 * np.pi * (0.8 * x + 0.6 * y) / period)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_was_there_stays_exactly(dtype: type) -> None:
    pictures = np.random.default_rng(0).random((2, 3, 20, 16)).astype(dtype)
    finer = upsample2x(pictures)
    assert (finer.shape, finer.dtype) == ((2, 3, 40, 32), dtype)
    assert np.array_equal(finer[..., ::2, ::2], pictures)


def test_paper_stays_paper() -> None:
    assert np.abs(upsample2x(np.full((30, 30), 255.0)) - 255).max() < 0.05


@pytest.mark.parametrize("period", [2.7, 3.5, 6.0])
def test_strokes_of_three_pixels_are_as_strong_between_pixels(period: float) -> None:
    inside = (slice(40, -40), slice(40, -40))
    wanted = hatching(period, 80, step=0.5)
    assert np.abs(upsample2x(hatching(period, 80)) - wanted)[inside].max() < 0.03

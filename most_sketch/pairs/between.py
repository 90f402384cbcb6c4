"""Between pixels: a picture at twice its resolution, from which it can be resampled without losing strokes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

WINDOW = ("kaiser", 8.0)
"""Of the sinc: what lies between is as light as what is there, to a thirtieth of a thousandth."""


def twice(pictures: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Pictures (..., H, W) at twice the resolution, (..., 2H, 2W): at [2y, 2x] is what was at [y, x], exactly.

    By a windowed sinc, which overshoots a little beside hard edges. A cubic takes the strokes of a pencil for noise: of
    what is finer than four pixels, drawings of CUFS that were bent and turned by cubics had kept between 84 and 17 %,
    and networks learnt to draw no finer.
    """
    for axis in (-2, -1):
        finer = resample_poly(pictures, 2, 1, axis=axis, window=WINDOW, padtype="edge")
        there = [slice(None)] * finer.ndim
        there[axis] = slice(None, None, 2)
        finer[tuple(there)] = pictures
        pictures = finer
    return pictures

"""A sketch as ink alone: how dark it is becomes how little is seen through it."""

from __future__ import annotations

import numpy as np
from PIL import Image

from most_sketch.photo.frame import WHITE

SEE_THROUGH = frozenset({".png", ".webp", ".tif", ".tiff", ".jxl"})
"""Formats that know transparency."""


def ink_as_alpha(sketch: Image.Image, paper: int = WHITE) -> Image.Image:
    """A grey sketch on paper of this grey level as ink of one colour, more or less transparent. Mode LA.

    On such paper it looks as before. On any other no edge has a halo, for what is half covered is half transparent and
    not half white. Ink is black, or white on dark paper.
    """
    grey = np.asarray(sketch.convert("L"), dtype=np.float32)
    dark = paper < WHITE / 2
    covered = (grey - paper) / (WHITE - paper) if dark else (paper - grey) / paper
    alpha = Image.fromarray((covered.clip(0, 1) * 255).round().astype(np.uint8))
    return Image.merge("LA", (Image.new("L", sketch.size, WHITE if dark else 0), alpha))

"""A sketch as SVG of filled shapes, traced by vtracer: for cutting, and for print of any size."""

from __future__ import annotations

import io
import re

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from most_sketch.errors import InputError
from most_sketch.photo.frame import WHITE

INSTALL = "pip install 'most-sketch[vector]'"
ENLARGED = 2
"""Times that a sketch is enlarged before its edges are followed: they are where the greys say, not where pixels end."""
LEVELS = 6
"""Tones of a sketch that has more than paper and ink."""
HALF_TONES = 0.45
"""A sketch in which a larger share of what is not paper is grey and not nearly black has more than ink."""
SPECKLE = 4
"""Side, in pixels of the enlarged sketch, of shapes that are left out."""
SOFT, SOFTNESS = 0.45, 1.0
"""Tones that are lighter than this are smooth: their edges, which no pencil drew, are blurred by so many pixels."""
PATH = re.compile(r'<path d="([^"]+)"[^>]*?(?:transform="translate\(([-\d.]+),([-\d.]+)\)")?/>')
MM_PER_INCH = 25.4


def to_shapes(sketch: Image.Image, dpi: int, paper: int = WHITE, record: str = "") -> bytes:
    """A grey sketch as an SVG file, as large in millimetres as it is at so many dots per inch.

    Raises `InputError` without vtracer.
    """
    from scipy.ndimage import gaussian_filter

    grey = np.asarray(sketch.convert("L"), dtype=np.float32)
    dark = paper < WHITE / 2
    ink = (grey - paper) / (WHITE - paper) if dark else (paper - grey) / paper
    ink = ink.clip(0, 1)
    marks = ink[ink > 0.15]
    tones = marks.size and np.mean((marks > 0.2) & (marks < 0.7)) > HALF_TONES
    bounds = np.linspace(0, 1, LEVELS + 1)[1:] - 0.5 / LEVELS if tones else np.array([0.5])
    large = Image.fromarray(ink).resize((ENLARGED * sketch.width, ENLARGED * sketch.height), Image.Resampling.BICUBIC)
    darkness = np.asarray(large)
    smooth = gaussian_filter(darkness, SOFTNESS)
    groups = []
    for number, bound in enumerate(bounds):
        tone = (number + 1) / len(bounds)
        level = round(paper + (WHITE - paper) * tone) if dark else round(paper * (1 - tone))
        paths = "".join(
            f'<path d="{way}"{f""" transform="translate({x},{y})" """.rstrip() if float(x) or float(y) else ""}/>'
            for way, x, y in _traced((smooth if bound < SOFT and tones else darkness) >= bound)
        )
        groups.append(f'<g fill="#{level:02x}{level:02x}{level:02x}" fill-rule="evenodd">{paths}</g>')
    background = f'<rect width="100%" height="100%" fill="#{paper:02x}{paper:02x}{paper:02x}"/>' if dark else ""
    body = f'{background}<g transform="scale({1 / ENLARGED:.6f})">{"".join(groups)}</g>'
    return svg(sketch.size, dpi, body, record)


def svg(size: tuple[int, int], dpi: int, body: str, record: str = "") -> bytes:
    """An SVG file of a picture of so many pixels, in whose units the body is."""
    width, height = (MM_PER_INCH * side / dpi for side in size)
    about = record.replace("&", "&amp;").replace("<", "&lt;")
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.2f}mm" height="{height:.2f}mm" '
        f'viewBox="0 0 {size[0]} {size[1]}">{f"<metadata>{about}</metadata>" if about else ""}{body}</svg>\n'
    ).encode()


def _traced(mask: NDArray[np.bool_]) -> list[tuple[str, str, str]]:
    """The outlines of what is true in a mask: each path, and by how much it is moved."""
    try:
        import vtracer
    except ImportError as error:
        raise InputError(f"shapes are traced by vtracer: {INSTALL}") from error
    buffer = io.BytesIO()
    Image.fromarray(np.where(mask, 0, WHITE).astype(np.uint8)).convert("RGB").save(buffer, "PNG", compress_level=1)
    traced = vtracer.convert_raw_image_to_svg(
        buffer.getvalue(),
        img_format="png",
        colormode="binary",
        mode="spline",
        filter_speckle=SPECKLE,
        corner_threshold=60,
        length_threshold=4.0,
        splice_threshold=45,
        path_precision=1,
    )
    return [(way.strip(), x or "0", y or "0") for way, x, y in PATH.findall(traced)]

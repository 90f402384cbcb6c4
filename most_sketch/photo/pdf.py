"""Sketches on pages to print: each in the middle of one, as large as the margins let it."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Literal

from PIL import Image

from most_sketch.errors import InputError
from most_sketch.photo.provenance import seal

Page = Literal["a4", "letter"]
MILLIMETRES = {"a4": (210.0, 297.0), "letter": (215.9, 279.4)}
MM_PER_INCH = 25.4
QUALITY = 95
"""Of the JPEG that a page in PDF is."""


def to_pdf(sketches: Iterable[Image.Image], page: Page, margin: float, dpi: int, record: str = "") -> bytes:
    """A PDF with a page for each sketch, with margins of so many millimetres, drawn at so many dots per inch.

    Raises `InputError` for margins that leave no room.
    """
    width, height = MILLIMETRES[page]
    if not 0 <= margin <= min(width, height) / 2 - 5:
        raise InputError(f"a margin of {margin:g} mm leaves no room on {page}, which is {width:g} x {height:g} mm")
    size = round(width / MM_PER_INCH * dpi), round(height / MM_PER_INCH * dpi)
    border = margin / MM_PER_INCH * dpi
    buffer = io.BytesIO()
    for number, sketch in enumerate(sketches):
        # One after the other: so large a page is there once only.
        _page(sketch, size, border).save(buffer, "PDF", append=number > 0, resolution=dpi, quality=QUALITY)
    data = buffer.getvalue()
    # Behind the end a comment is no part of the pages.
    return seal(data + f"\n%{record}\n".encode()) if record else data


def _page(sketch: Image.Image, size: tuple[int, int], border: float) -> Image.Image:
    picture = sketch if sketch.mode == "RGB" else sketch.convert("L")
    sheet = Image.new(picture.mode, size, "white")
    scale = min((size[0] - 2 * border) / sketch.width, (size[1] - 2 * border) / sketch.height)
    large = picture.resize((round(scale * sketch.width), round(scale * sketch.height)), Image.Resampling.LANCZOS)
    sheet.paste(large, ((size[0] - large.width) // 2, (size[1] - large.height) // 2))
    return sheet

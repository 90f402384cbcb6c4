"""Contact sheets: photo, sketch and truth side by side, to be judged by eye."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

GAP = 4


def contact_sheet(rows: Sequence[Sequence[Image.Image]], across: int = 4) -> Image.Image:
    """Rows of equally large pictures, `across` rows side by side, on white."""
    width, height = rows[0][0].size
    group = len(rows[0]) * width + GAP
    down = -(-len(rows) // across)
    sheet = Image.new("RGB", (min(across, len(rows)) * group - GAP, down * (height + GAP) - GAP), "white")
    for place, row in enumerate(rows):
        for column, picture in enumerate(row):
            left = place % across * group + column * width
            sheet.paste(picture.convert("RGB"), (left, place // across * (height + GAP)))
    return sheet

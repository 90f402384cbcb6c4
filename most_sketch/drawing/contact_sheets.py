"""Contact sheets: photo, sketch and truth side by side, to be compared by eye."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PIL import Image, ImageDraw, ImageFont

GAP = 4
CAPTION = 28
"""Height of a caption, in pixels."""


def contact_sheet(
    rows: Sequence[Sequence[Image.Image]], across: int = 4, labels: Sequence[Sequence[str]] = ()
) -> Image.Image:
    """Rows of equally large pictures, `across` rows side by side, on white; over each picture its label, if any.

    A label that is wider than its picture loses its beginning: names of one set begin alike.
    """
    width, height = rows[0][0].size
    size = max(10, width // 10)
    font, strip = ImageFont.load_default(size), round(size * 1.6) if labels else 0
    group, tall = len(rows[0]) * width + GAP, height + strip + GAP
    down = -(-len(rows) // across)
    sheet = Image.new("RGB", (min(across, len(rows)) * group - GAP, down * tall - GAP), "white")
    pen = ImageDraw.Draw(sheet)
    for place, row in enumerate(rows):
        for column, picture in enumerate(row):
            left, top = place % across * group + column * width, place // across * tall
            sheet.paste(picture.convert("RGB"), (left, top + strip))
            if labels:
                label = labels[place][column]
                while font.getlength(label) > width - 4:
                    label = label[1:]
                pen.text((left + 2, top + strip / 2), label, "black", font, anchor="lm")
    return sheet


def captioned(pictures: Mapping[str, Image.Image]) -> Image.Image:
    """Equally large pictures from left to right on white, each with its name below."""
    width, height = next(iter(pictures.values())).size
    row = contact_sheet([[picture] for picture in pictures.values()], across=len(pictures))
    sheet = Image.new("RGB", (row.width, height + CAPTION), "white")
    sheet.paste(row)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=CAPTION * 0.55)
    for place, name in enumerate(pictures):
        pen.text((place * (width + GAP) + width / 2, height + CAPTION / 2), name, "black", font, anchor="mm")
    return sheet

"""A sheet and a page on which prepared pairs are looked at: photo, drawing and both in one, doubtful pairs first."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from most_sketch.errors import InputError
from most_sketch.pairs.prepare import Prepared, goes_to
from most_sketch.photo.images import encode_image, read_image, write_bytes

WIDTH, HEIGHT = 120, 150
"""Of each picture, in pixels."""
COLUMNS, MOST = 4, 80
"""Pairs beside each other on the sheet, and on it in all; the page has every pair."""
LABEL = 24
"""Pixels below a pair for its name and reason."""

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>
body {{ font: 14px system-ui, sans-serif; margin: 1.5rem; color: #222; background: #fff }}
figure {{ display: inline-block; margin: 0 1rem 1rem 0; width: {width}px; vertical-align: top }}
figure.doubtful {{ outline: 2px solid #b3261e; outline-offset: 4px }}
img {{ width: 100%; display: block }}
figcaption {{ overflow-wrap: anywhere }}
</style>
<h1>{title}</h1>
<p>{summary} Each row shows the photo, the drawing, and the drawing's ink in red on the photo.</p>
{left_out}{figures}
</html>
"""


def reasons(result: Prepared) -> str:
    """Why somebody should look at a pair; empty if nothing is known to speak against it."""
    outcome = result.outcome
    if outcome is None:
        return ""
    dark = "its paper stayed dark" if outcome.dark_paper else ""
    return "; ".join(filter(None, (outcome.doubt, outcome.kept_paper, dark)))


def write_review(path: Path, results: Sequence[Prepared], destination: Path) -> Path:
    """Write the sheet to `path` and the page beside it, and return the page's path.

    Pairs with a reason to look at them come first, then those whose drawing lies least on its photo. Raises
    `InputError` if no pair can be shown, or a file cannot be written.
    """
    shown = [(result, _pictures(result, destination)) for result in results if not result.problem]
    if not shown:
        raise InputError(f"{path}: there is no pair to show")
    shown.sort(key=lambda each: (not reasons(each[0]), agreement(*each[1][:2])))
    rows = math.ceil(min(len(shown), MOST) / COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * (3 * WIDTH + 12), rows * (HEIGHT + LABEL + 8)), "white")
    pen = ImageDraw.Draw(sheet)
    for place, (result, pictures) in enumerate(shown[:MOST]):
        left, top = place % COLUMNS * (3 * WIDTH + 12), place // COLUMNS * (HEIGHT + LABEL + 8)
        sheet.paste(_row(pictures), (left, top))
        reason = reasons(result)
        pen.text((left + 2, top + HEIGHT), _fitting(result.pair.name), "black")
        pen.text((left + 2, top + HEIGHT + LABEL // 2), _fitting(reason), "red")
    write_bytes(path, encode_image(sheet, path.suffix or ".png"))
    page = path.with_suffix(".html")
    write_bytes(page, _page(shown, [result for result in results if result.problem]).encode())
    return page


def agreement(photo: Image.Image, drawing: Image.Image) -> float:
    """The correlation of where photo and drawing have edges, -1 to 1: low where a drawing lies beside its photo."""
    edges = [_edges(picture) for picture in (photo, drawing)]
    if min(each.std() for each in edges) == 0:
        return -1.0
    return float(np.corrcoef(edges[0].ravel(), edges[1].ravel())[0, 1])


def _edges(picture: Image.Image) -> np.ndarray:
    """The strength of edges in the middle of a picture, blurred: strokes need not match to the pixel."""
    from scipy import ndimage

    grey = np.asarray(picture.convert("L"), dtype=np.float32)[HEIGHT // 4 : -HEIGHT // 8, WIDTH // 6 : -WIDTH // 6]
    return np.asarray(ndimage.gaussian_filter(ndimage.gaussian_gradient_magnitude(grey, 1.0), 2.0))


def _pictures(result: Prepared, destination: Path) -> tuple[Image.Image, Image.Image, Image.Image]:
    """Photo, drawing, and the drawing's ink in red on the photo."""
    photo, drawing = (
        read_image(goes_to(destination, result.pair, folder)).resize((WIDTH, HEIGHT), Image.Resampling.BOX)
        for folder in ("photos", "sketches")
    )
    grey, ink = (np.asarray(picture.convert("L"), dtype=np.float32) for picture in (photo, drawing))
    pale = 110 + grey * 145 / 255
    rest = pale * ink / 255
    overlay = np.stack([np.maximum(rest, pale * 0.9), rest, rest], axis=-1)
    return photo, drawing, Image.fromarray(overlay.round().astype(np.uint8))


def _row(pictures: Sequence[Image.Image]) -> Image.Image:
    row = Image.new("RGB", (WIDTH * len(pictures), HEIGHT))
    for place, picture in enumerate(pictures):
        row.paste(picture, (place * WIDTH, 0))
    return row


def _fitting(text: str) -> str:
    """As much of a text as Pillow's own letters have room for below a pair."""
    room = 3 * WIDTH // 6
    return text.encode("latin-1", "replace").decode("latin-1") if len(text) <= room else f"{text[: room - 3]}..."


def _page(shown: Sequence[tuple[Prepared, Sequence[Image.Image]]], left_out: Sequence[Prepared]) -> str:
    doubtful = sum(bool(reasons(result)) for result, _ in shown)
    figures = []
    for result, pictures in shown:
        picture = base64.b64encode(encode_image(_row(pictures), ".jpg")).decode()
        reason = reasons(result)
        figures.append(
            f'<figure{" class=doubtful" if reason else ""}><img alt="" src="data:image/jpeg;base64,{picture}">'
            f"<figcaption>{escape(result.pair.name)}<br><b>{escape(reason)}</b></figcaption></figure>"
        )
    lines = "".join(f"<li>{escape(result.problem)}</li>" for result in left_out)
    return PAGE.format(
        title="Prepared pairs",
        width=3 * WIDTH,
        summary=f"{len(shown)} pairs, {doubtful} with a reason to look at them; these come first, "
        "then those whose drawing lies least on its photo.",
        left_out=f"<h2>Left out</h2><ul>{lines}</ul>" if lines else "",
        figures="\n".join(figures),
    )

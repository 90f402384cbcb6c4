"""The paper around a drawing becomes white: captions and the edges of scans go, pale pencil stays."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from most_sketch.pairs.paper import (
    border_level,
    clear_paper,
    erase_edges,
    outline_of,
    person_in,
    smooth_paper,
    whiten,
)

SIZE = (400, 500)
FACE = (200.0, 270.0)


@pytest.fixture
def scan() -> Image.Image:
    """A head drawn as an outline with pale cheeks, a caption above, on grained paper of grey level 240."""
    grain = np.random.default_rng(0).normal(240, 3, (SIZE[1], SIZE[0])).clip(0, 255)
    drawing = Image.fromarray(grain.round().astype(np.uint8))
    pen = ImageDraw.Draw(drawing)
    pen.ellipse((100, 120, 300, 420), outline=60, width=4)
    pen.ellipse((150, 200, 180, 215), fill=40)
    pen.ellipse((220, 200, 250, 215), fill=40)
    pen.rectangle((240, 300, 270, 340), fill=222)
    pen.text((150, 30), "00001fb010.jpg", fill=30)
    return drawing


def cleaned(scan: Image.Image) -> np.ndarray:
    drawing = erase_edges(whiten(scan))
    return np.asarray(clear_paper(drawing, person_in(drawing, FACE, 2.0), 2.0))


def test_captions_go_and_the_drawing_stays(scan: Image.Image) -> None:
    drawn = cleaned(scan)
    assert (drawn[:100] == 255).all()
    assert (drawn[:, :80] == 255).all()
    assert drawn[205:210, 160:170].max() < 60
    assert drawn[268:272, 100:106].min() < 90


def test_pale_pencil_inside_the_face_stays(scan: Image.Image) -> None:
    assert cleaned(scan)[310:330, 250:260].mean() < 250


def test_grain_becomes_white(scan: Image.Image) -> None:
    whitened = np.asarray(whiten(scan), dtype=float)
    assert (whitened[450:, :] == 255).mean() > 0.95


def test_white_beyond_the_paper_is_not_the_paper(scan: Image.Image) -> None:
    """Scans are often laid on pure white, of which there may be more than of paper."""
    wide = Image.new("L", (1000, 500), 255)
    wide.paste(scan, (300, 0))
    assert (np.asarray(whiten(wide))[450:, 320:680] == 255).mean() > 0.95


def test_edges_of_scans_go(scan: Image.Image) -> None:
    pen = ImageDraw.Draw(scan)
    pen.line((385, 0, 390, 500), fill=50, width=2)
    pen.line((0, 6, 400, 8), fill=50, width=2)
    # Hair that touches the edge joins it to the person.
    pen.line((300, 260, 390, 262), fill=60, width=3)
    drawn = cleaned(scan)
    assert (drawn[:, 380:] == 255).all()
    assert drawn[258:264, 320:360].min() < 120


def test_dark_clothes_along_the_border_are_no_edge() -> None:
    drawing = Image.new("L", SIZE, 255)
    drawing.paste(80, (0, 380, 400, 500))
    assert erase_edges(drawing).tobytes() == drawing.tobytes()


def test_a_blank_sheet_and_a_blank_face_are_no_error() -> None:
    blank = Image.new("L", SIZE, 255)
    assert person_in(blank, FACE, 2.0).all()
    aside = blank.copy()
    aside.paste(0, (20, 20, 60, 60))
    person = person_in(aside, FACE, 2.0)
    assert person[40, 40]
    assert not person[270, 200]


def test_the_outline_is_that_of_the_strokes(scan: Image.Image) -> None:
    drawing = whiten(scan)
    outline = outline_of(person_in(drawing, FACE, 2.0), 2.0)
    across = np.flatnonzero(outline[270])
    assert across[0] == pytest.approx(100, abs=4)
    assert across[-1] == pytest.approx(300, abs=4)


def test_paper_is_seen_at_the_borders_but_the_lower() -> None:
    drawing = Image.new("L", (100, 120), 30)
    drawing.paste(240, (20, 30, 80, 120))
    drawing.paste(240, (0, 80, 100, 120))
    assert border_level([drawing]) == 30
    assert border_level([drawing, Image.new("L", (300, 300), 250)]) == 250


def test_smooth_paper_takes_grain_and_leaves_strokes_and_tones(scan: Image.Image) -> None:
    before, after = (np.asarray(picture, dtype=float) for picture in (scan, smooth_paper(scan, 2.0)))
    paper = (slice(440, 490), slice(20, 380))
    assert after[paper].std() < before[paper].std() / 3
    assert after[paper].mean() == pytest.approx(before[paper].mean(), abs=0.5)
    # The outline of the eyes, to the grey level.
    assert abs(after[200:216, 148:182] - before[200:216, 148:182]).max() <= 1

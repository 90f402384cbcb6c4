"""The paper around a drawing becomes white: captions and the edges of scans go, pale pencil stays."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from most_sketch.pairs.paper import (
    border_level,
    clean,
    clear_paper,
    erase_edges,
    ink_near,
    person_in,
    smooth_paper,
    whiten,
)

SIZE = (400, 500)
PLACEMENT = np.diag([0.5, 0.5, 1.0])


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
    return np.asarray(clear_paper(drawing, person_in(drawing, PLACEMENT).kept, 2.0))


def test_captions_go_and_the_drawing_stays(scan: Image.Image) -> None:
    drawn = cleaned(scan)
    assert (drawn[:85] == 255).all()
    assert (drawn[:, :70] == 255).all()
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


def test_an_edge_along_a_whole_border_goes_though_clothes_begin_beside_it() -> None:
    drawing = Image.new("L", SIZE, 255)
    drawing.paste(80, (60, 380, 340, 484))
    drawn = np.asarray(drawing)
    scanned = drawing.copy()
    scanned.paste(190, (0, 499, 400, 500))
    assert (np.asarray(erase_edges(scanned)) == drawn).all()


def test_dark_clothes_along_the_border_are_no_edge() -> None:
    drawing = Image.new("L", SIZE, 255)
    drawing.paste(80, (0, 380, 400, 500))
    assert erase_edges(drawing).tobytes() == drawing.tobytes()


def test_a_blank_sheet_and_a_blank_face_are_no_error() -> None:
    blank = Image.new("L", SIZE, 255)
    assert person_in(blank, PLACEMENT).kept.all()
    aside = blank.copy()
    aside.paste(0, (10, 10, 30, 30))
    kept = person_in(aside, PLACEMENT).kept
    assert not kept[20, 20]
    assert kept[270, 200]


def in_few_lines(ink: int = 40) -> Image.Image:
    """A head whose outline has gaps, so that eyes, mouth and hair hang together with nothing, with clothes below."""
    drawing = Image.new("L", SIZE, 255)
    pen = ImageDraw.Draw(drawing)
    for start in range(0, 360, 60):
        pen.arc((90, 100, 310, 430), start, start + 40, fill=ink, width=3)
        pen.arc((30, 46, 370, 420), start + 20, start + 50, fill=ink, width=3)
    for left in (135, 225):
        pen.ellipse((left, 240, left + 40, 258), outline=ink, width=3)
    pen.line((165, 370, 235, 372), fill=ink, width=3)
    pen.line((60, 480, 170, 450), fill=ink, width=3)
    return drawing


@pytest.mark.parametrize("ink", [40, 200, 235])
def test_strokes_that_hang_together_with_nothing_stay(ink: int) -> None:
    """Eyes and mouth in an outline with gaps; pale pencil too."""
    drawing = in_few_lines(ink)
    ImageDraw.Draw(drawing).text((180, 2), "f-005-01.jpg (m)", fill=30)
    drawing.paste(30, (2, 60, 8, 66))
    cleared = np.asarray(clear_paper(drawing, person_in(drawing, PLACEMENT).kept, 2.0))
    assert (cleared[:20, 170:] == 255).all()
    assert (cleared[50:80, :12] == 255).all()
    drawn = np.asarray(in_few_lines(ink))
    assert (cleared[25:] == drawn[25:])[drawn[25:] < 255].mean() > 0.99


def test_a_thin_line_along_the_border_goes_and_straight_strokes_in_the_middle_stay(scan: Image.Image) -> None:
    pen = ImageDraw.Draw(scan)
    pen.line((350, 20, 362, 490), fill=120, width=2)
    pen.line((20, 470, 290, 475), fill=120, width=2)
    pen.line((160, 440, 240, 440), fill=60, width=3)
    drawn = cleaned(scan)
    assert (drawn[100:480, 340:] > 250).all()
    assert (drawn[465:480, :130] > 250).all()
    assert drawn[440, 165:235].max() < 90


def test_pale_ends_of_strokes_stay_and_the_pale_rim_of_a_caption_goes() -> None:
    """A crown, a shoulder in pieces, and a caption that touches the hair with its rim."""
    drawing = in_few_lines()
    pen = ImageDraw.Draw(drawing)
    # Strokes that fade outside the head, and one that goes on after a gap.
    pen.line((310, 250, 345, 250), fill=40, width=3)
    pen.line((345, 250, 395, 250), fill=225, width=3)
    pen.line((60, 480, 20, 488), fill=225, width=3)
    pen.line((18, 488, 4, 492), fill=120, width=3)
    stroked = np.asarray(drawing).copy()
    pen.rectangle((170, 8, 290, 28), fill=244)
    pen.text((180, 12), "f-005-01.jpg (m)", fill=30)
    pen.line((200, 28, 200, 60), fill=244, width=3)
    cleared = np.asarray(clear_paper(drawing, person_in(drawing, PLACEMENT).kept, 2.0))
    for rows, columns in ((slice(247, 254), slice(330, 390)), (slice(478, 495), slice(5, 60))):
        there = stroked[rows, columns]
        assert (cleared[rows, columns] <= there + 4)[there < 250].mean() > 0.95
    assert (cleared[:20] == 255).all()


def test_ink_is_counted_near_the_landmarks() -> None:
    points = np.array([(155.0, 249.0), (245.0, 249.0), (200.0, 371.0)])
    drawing = in_few_lines()
    before = ink_near(drawing, points, PLACEMENT)
    without_mouth = drawing.copy()
    without_mouth.paste(255, (160, 360, 240, 380))
    assert ink_near(without_mouth, points, PLACEMENT) < 0.9 * before
    without_hair = drawing.copy()
    without_hair.paste(255, (0, 0, 400, 200))
    assert ink_near(without_hair, points, PLACEMENT) == before


def test_the_outline_is_that_of_the_strokes(scan: Image.Image) -> None:
    across = np.flatnonzero(person_in(whiten(scan), PLACEMENT).outline[270])
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


def test_a_drawing_that_would_lose_strokes_of_its_face_is_only_whitened(scan: Image.Image) -> None:
    """Landmarks outside of the head: then nothing that is removed can be trusted."""
    beside = np.array([(175.0, 38.0), (215.0, 38.0), (200.0, 40.0)])
    left_alone = clean(scan, PLACEMENT, beside)
    assert left_alone.lost > 0.9
    assert left_alone.drawing.tobytes() == whiten(scan).tobytes()
    eyes = np.array([(165.0, 207.0), (235.0, 207.0), (255.0, 320.0)])
    cleaned_scan = clean(scan, PLACEMENT, eyes)
    assert cleaned_scan.lost == 0
    assert np.asarray(cleaned_scan.drawing)[:85].min() == 255

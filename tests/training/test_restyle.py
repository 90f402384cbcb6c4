"""Drawings made over: each effect does what it says, and the same numbers make the same manner."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from most_sketch.training.restyle import (
    Restyling,
    draw_restyling,
    flat_tones,
    hatch,
    lines_of,
    restyle,
    smear,
    widen,
)

SIDE = 64


def line_and_tone() -> Tensor:
    """Ink: a line of 3 pixels on the left, a grey field on the right. (1, 1, 64, 64)."""
    ink = torch.zeros(1, 1, SIDE, SIDE)
    ink[..., 10:13] = 0.9
    ink[..., 32:] = 0.5
    return ink


def pair(matte: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
    """A drawing, a photo that is dark above and light below, and a matte; the upper left corner is background."""
    photo = torch.full((1, 3, SIDE, SIDE), -0.9)
    photo[..., SIDE // 2 :, :] = 0.9
    person = torch.full((1, 1, SIDE, SIDE), matte)
    person[..., :8, :8] = 0
    return 1 - 2 * line_and_tone(), photo, person


def test_without_an_effect_a_drawing_stays_as_it_is() -> None:
    sketch, photo, matte = pair()
    torch.testing.assert_close(restyle(sketch, photo, matte, Restyling()), sketch)


def test_a_line_is_widened_and_thinned_by_pixels_and_parts_of_them() -> None:
    ink = line_and_tone()
    row = widen(ink, 2)[0, 0, 30]
    assert row[8:15].tolist() == pytest.approx([0.9] * 7)
    assert not row[:8].any()
    assert widen(ink, -1)[0, 0, 30, 9:14].tolist() == pytest.approx([0, 0, 0.9, 0, 0])
    between = widen(ink, 1.5)[0, 0, 30]
    assert between[8].item() == pytest.approx(0.45)
    assert between[9].item() == pytest.approx(0.9)


def test_lines_stay_and_tones_go() -> None:
    lines = lines_of(line_and_tone())[0, 0, 30]
    assert lines[11] > 0.9
    assert lines[50] < 0.01


def test_a_wash_is_laid_in_flat_tones_where_the_photo_is_dark() -> None:
    tones = flat_tones(torch.linspace(0, 1, 101)[None, None, None])[0, 0, 0]
    assert tones[20] < 0.01
    assert tones[53].item() == pytest.approx(1 / 3, abs=0.06)
    assert tones[71].item() == pytest.approx(2 / 3, abs=0.06)
    assert tones[100] > 0.99
    sketch, photo, matte = pair()
    washed = restyle(sketch, photo, matte, Restyling(wash=0.5))[0, 0]
    # Bare paper between line and field, above and below; and background, which is as dark.
    assert washed[20, 22] < 0.2
    assert washed[-4, 22] > 0.99
    assert washed[1, 1] > 0.9


def test_hatching_is_strokes_at_an_angle_that_shades_alone_have() -> None:
    shade = torch.zeros(1, 1, SIDE, SIDE)
    shade[..., :32] = 0.8
    strokes = hatch(shade, 0, 8, crossed=False)[0, 0]
    assert strokes[:, 40:].max() < 0.05
    down, across = strokes[:, :28].mean(dim=1), strokes[:, :28].mean(dim=0)
    # Rows are stroke or none, columns all have as much; and a stroke comes every eight rows.
    assert down.max() - down.min() > 0.5
    assert across.max() - across.min() < 0.1
    assert strokes[8:56, 5].sub(strokes[16:, 5]).abs().max() < 0.2
    upright = hatch(shade, 90, 8, crossed=False)[0, 0, :, :28]
    assert upright.mean(dim=1).std() < 0.3 * upright.mean(dim=0).std()
    assert hatch(shade, 0, 8, crossed=True)[0, 0, :, :28].mean() > strokes[:, :28].mean()


def test_charcoal_is_soft_and_leaves_a_tone_beside_the_stroke() -> None:
    ink = line_and_tone()
    smeared = smear(ink, 1.0, 3.0)
    assert smeared[0, 0, 30, 8] > 0.1
    assert smeared.diff(dim=-1).abs().max() < 0.7 * ink.diff(dim=-1).abs().max()


def test_ink_and_paper_have_their_tones_and_the_curve_darkens_pale_ones() -> None:
    sketch, photo, matte = pair()
    toned = restyle(sketch, photo, matte, Restyling(ink=-0.5, paper=0.4))[0, 0]
    assert toned[30, 22].item() == pytest.approx(0.4)
    assert toned[30, 50].item() == pytest.approx(-0.05)
    darker = restyle(sketch, photo, matte, Restyling(gamma=0.5))[0, 0]
    assert darker[30, 50] < sketch[0, 0, 30, 50] - 0.3


def test_on_black_the_light_is_drawn_and_only_on_a_person_who_is_known() -> None:
    sketch, photo, matte = pair()
    chalk = Restyling(lines=1.0, wash=0.6, ink=1.0, paper=-1.0)
    assert chalk.white_on_black
    drawn = restyle(sketch, photo, matte, chalk)[0, 0]
    assert drawn[20, 11] > 0.5
    assert drawn[20, 22] < -0.95
    assert drawn[-4, 22] > 0
    unknown = restyle(sketch, photo, torch.ones_like(matte), chalk)[0, 0]
    assert unknown[-4, 22] < -0.95


def test_a_seed_decides_the_manner_and_manners_are_many() -> None:
    manners = [draw_restyling(torch.Generator().manual_seed(seed)) for seed in range(200)]
    assert manners[:20] == [draw_restyling(torch.Generator().manual_seed(seed)) for seed in range(20)]
    assert len(set(manners)) == 200
    for name in ("lines", "wash", "hatching", "charcoal", "width"):
        share = sum(getattr(manner, name) != 0 for manner in manners) / 200
        assert 0.2 < share < 0.8, name
    assert 0.4 < sum(manner.paper == 1 for manner in manners) / 200 < 0.7
    assert 0.1 < sum(manner.white_on_black for manner in manners) / 200 < 0.3


def test_every_manner_draws_what_can_be_seen() -> None:
    sketch, photo, matte = pair()
    for seed in range(60):
        manner = draw_restyling(torch.Generator().manual_seed(seed))
        drawn = restyle(sketch, photo, matte, manner)
        assert drawn.isfinite().all()
        assert -1 <= drawn.min() <= drawn.max() <= 1
        assert (drawn[..., 11] - manner.paper).abs().mean() > 0.2, manner

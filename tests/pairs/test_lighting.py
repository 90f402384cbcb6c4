"""Uneven, coloured and dark paper comes to one level, and becomes white; drawings that are all tone stay."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from most_sketch.pairs.lighting import LEVEL, level_paper
from most_sketch.pairs.paper import whiten

SIZE = (400, 500)


def drawn_on(paper: np.ndarray) -> Image.Image:
    """A head with dark hair that covers a third of a sheet whose level is given, (H, W)."""
    drawing = Image.fromarray(paper.clip(0, 255).round().astype(np.uint8))
    pen = ImageDraw.Draw(drawing)
    pen.pieslice((90, 60, 310, 400), 180, 360, fill=50)
    pen.ellipse((110, 120, 290, 420), fill=None, outline=60, width=4)
    pen.ellipse((150, 240, 180, 255), fill=40)
    pen.rectangle((40, 440, 360, 500), fill=70)
    return drawing


def light(kind: str) -> np.ndarray:
    """The level of paper under different light, with grain."""
    y, x = np.mgrid[0:1:500j, 0:1:400j]
    level = {
        "lamp on the left": 235 - 90 * x,
        "shadow of a hand": 225 - 70 * np.exp(-((x - 0.9) ** 2 + (y - 0.9) ** 2) / 0.3),
        "kraft": np.full_like(x, 148.0),
        "kraft under a lamp": 165 - 40 * y,
    }[kind]
    return level + np.random.default_rng(0).normal(0, 3, level.shape)


@pytest.mark.parametrize("kind", ["lamp on the left", "shadow of a hand", "kraft", "kraft under a lamp"])
def test_paper_becomes_white_and_strokes_stay(kind: str) -> None:
    drawing = drawn_on(light(kind))
    cleaned = np.asarray(whiten(level_paper(drawing)), dtype=float)
    bare = np.asarray(drawn_on(np.full(SIZE[::-1], 255.0))) == 255
    assert (cleaned[bare] > 240).mean() > 0.97
    assert cleaned[80:120, 180:220].mean() < 130
    assert cleaned[242:252, 155:175].max() < 120


def test_even_light_paper_stays_as_it_is() -> None:
    drawing = drawn_on(240 + np.random.default_rng(0).normal(0, 3, SIZE[::-1]))
    assert level_paper(drawing).tobytes() == drawing.tobytes()


@pytest.mark.parametrize("tone", [40, 100])
def test_chalk_on_black_and_night_stay_as_they_are(tone: int) -> None:
    drawing = Image.new("L", SIZE, tone)
    ImageDraw.Draw(drawing).ellipse((110, 120, 290, 420), outline=220, width=4)
    assert level_paper(drawing).tobytes() == drawing.tobytes()


def test_a_drawing_that_is_all_tone_stays_as_it_is() -> None:
    tones = np.random.default_rng(0).integers(0, 255, (25, 20)).repeat(20, 0).repeat(20, 1).astype(np.uint8)
    assert level_paper(Image.fromarray(tones)).tobytes() == tones.tobytes()


def test_the_level_is_that_of_light_paper() -> None:
    levelled = np.asarray(level_paper(drawn_on(light("kraft"))), dtype=float)
    assert np.median(levelled[:50]) == pytest.approx(LEVEL, abs=4)

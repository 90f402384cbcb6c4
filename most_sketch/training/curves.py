"""Curves of a run's figures over its steps: one picture, a panel for each figure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT = 680, 380
"""Pixels of a panel, which is shown at half of them: sharp on fine screens."""
ACROSS = 3
LEFT, TOP, RIGHT, BOTTOM = 92, 64, 44, 48
"""Pixels around the curve, for its title and the numbers on its axes."""
FONT_SIZE = 22
OVERSAMPLING = 2
"""Pillow draws lines without antialiasing, so they are drawn larger."""
MOST_POINTS = 400
"""Points of a line: a longer run's neighbours are drawn as their mean."""
SMOOTHING = 40
"""The mean of a loss moves over a window of twice a fortieth of the run."""
INK, SOFT, LINE, ACCENT, PALE = "#22211f", "#6b6862", "#e2dfd9", "#1f5f8b", "#b9d0e0"


@dataclass(frozen=True)
class Curve:
    """A figure of a run: a loss of its steps, or a score of its held-out pairs."""

    title: str
    points: Sequence[tuple[int, float]]
    """Step and finite value, the steps rising; at least one."""
    held_out: bool


def draw_curves(curves: Sequence[Curve]) -> Image.Image:
    """All curves on white, `ACROSS` panels a row. Losses are drawn pale, and their moving mean in full colour.

    All panels span the same steps. Raises `ValueError` if there is no curve.
    """
    if not curves:
        raise ValueError("no curves to draw")
    last = max(curve.points[-1][0] for curve in curves)
    rows = -(-len(curves) // ACROSS)
    picture = Image.new("RGB", (min(ACROSS, len(curves)) * WIDTH, rows * HEIGHT), "white")
    for place, curve in enumerate(curves):
        picture.paste(_panel(curve, last), (place % ACROSS * WIDTH, place // ACROSS * HEIGHT))
    return picture


def _panel(curve: Curve, last: int) -> Image.Image:
    steps, values = _thinned(curve.points)
    low, high = _range(values, curve.held_out)

    def across(step: float) -> float:
        return LEFT + step / last * (WIDTH - LEFT - RIGHT)

    def down(value: float) -> float:
        return HEIGHT - BOTTOM - (min(max(value, low), high) - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    panel = Image.new("RGB", (WIDTH * OVERSAMPLING, HEIGHT * OVERSAMPLING), "white")
    pen = ImageDraw.Draw(panel)
    for tick in _ticks(low, high):
        _line(pen, [(LEFT, down(tick)), (WIDTH - RIGHT, down(tick))], LINE, 1.5)
    lines = [(values, ACCENT)] if curve.held_out else [(values, PALE), (_moving_mean(values), ACCENT)]
    for heights, colour in lines:
        _line(pen, [(across(step), down(value)) for step, value in zip(steps, heights, strict=True)], colour, 3)
    if curve.held_out or len(steps) == 1:
        for step, value in zip(steps, values, strict=True):
            _dot(pen, across(step), down(value))
    panel = panel.reduce(OVERSAMPLING)
    _write(ImageDraw.Draw(panel), curve, across, down, low, high, last)
    return panel


def _write(
    pen: ImageDraw.ImageDraw,
    curve: Curve,
    across: Callable[[float], float],
    down: Callable[[float], float],
    low: float,
    high: float,
    last: int,
) -> None:
    """The title, the latest value and the numbers on both axes."""
    font, bold = ImageFont.load_default(FONT_SIZE), ImageFont.load_default(FONT_SIZE * 1.15)
    pen.text((LEFT, TOP / 2), curve.title, INK, bold, anchor="lm")
    pen.text((WIDTH - RIGHT, TOP / 2), f"{curve.points[-1][1]:.4g}", ACCENT, bold, anchor="rm")
    for tick in _ticks(low, high):
        pen.text((LEFT - 12, down(tick)), f"{tick:.6g}", SOFT, font, anchor="rm")
    for tick in _ticks(0, last):
        pen.text((across(tick), HEIGHT - BOTTOM / 2), f"{tick:,.6g}", SOFT, font, anchor="mm")


def _line(pen: ImageDraw.ImageDraw, points: Sequence[tuple[float, float]], colour: str, width: float) -> None:
    larger = [(x * OVERSAMPLING, y * OVERSAMPLING) for x, y in points]
    pen.line(larger, colour, round(width * OVERSAMPLING), joint="curve")


def _dot(pen: ImageDraw.ImageDraw, x: float, y: float) -> None:
    x, y, radius = x * OVERSAMPLING, y * OVERSAMPLING, 5 * OVERSAMPLING
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), ACCENT)


def _thinned(points: Sequence[tuple[int, float]]) -> tuple[list[float], list[float]]:
    """Steps and values, neighbours joined into their mean where there are too many."""
    parts = np.array_split(np.array(points, dtype=float), min(len(points), MOST_POINTS))
    means = np.stack([part.mean(axis=0) for part in parts])
    return means[:, 0].tolist(), means[:, 1].tolist()


def _moving_mean(values: Sequence[float]) -> list[float]:
    """The mean of each value and its neighbours on both sides, so that it does not lag behind a fall."""
    reach = len(values) // SMOOTHING
    return [float(np.mean(values[max(0, place - reach) : place + reach + 1])) for place in range(len(values))]


def _range(values: Sequence[float], whole: bool) -> tuple[float, float]:
    """Lowest and highest value of an axis: of losses, whose first steps and spikes would flatten all the rest, those
    of all but the outermost hundredths."""
    low, high = np.percentile(values, (0, 100) if whole else (1, 99)).tolist()
    room = (high - low) * 0.05 or abs(high) * 0.1 or 1.0
    return low - room, high + room


def _ticks(low: float, high: float) -> list[float]:
    """Three to seven round numbers on an axis."""
    power = 10.0 ** math.floor(math.log10((high - low) / 3))
    step = next(power * factor for factor in (5, 2, 1) if (high - low) / (power * factor) >= 3 or factor == 1)
    return [number * step for number in range(math.ceil(low / step), math.floor(high / step) + 1)]

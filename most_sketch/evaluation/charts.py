"""Small charts as inline SVG. Colours are the page's custom properties, so they follow light and dark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from statistics import median

WIDTH = 360
"""Units across; a chart is shown at about this many pixels on a phone and on a desktop alike."""
LABEL = 168
ROW = 22
GOLDEN = 0.6180339887
"""Multiples of the golden ratio, taken without their whole part, spread points evenly whatever their number."""


@dataclass(frozen=True)
class Bar:
    """One method in a bar chart."""

    label: str
    value: float
    own: bool


def bar_chart(title: str, bars: Sequence[Bar], higher_is_better: bool) -> str:
    """Horizontal bars from zero, the best on top; ours in the accent colour."""
    ordered = sorted(bars, key=lambda bar: bar.value, reverse=higher_is_better)
    top = max(bar.value for bar in bars) or 1.0
    room = WIDTH - LABEL - 52
    parts = []
    for row, bar in enumerate(ordered):
        y, length = row * ROW, max(1.0, bar.value / top * room)
        kind = "own" if bar.own else "other"
        parts.append(
            f'<text class="label {kind}" x="{LABEL - 8}" y="{y + 15}" text-anchor="end">{_short(bar.label)}</text>'
            f'<rect class="{kind}" x="{LABEL}" y="{y + 4}" width="{length:.1f}" height="{ROW - 8}" rx="2"/>'
            f'<text class="value {kind}" x="{LABEL + length + 6:.1f}" y="{y + 15}">{bar.value:.4f}</text>'
        )
    return _svg(title, len(ordered) * ROW, parts)


def strip_chart(title: str, groups: Sequence[tuple[str, Sequence[float]]]) -> str:
    """Every pair as a dot, a row for each group, with the median as a line. The axis spans all values."""
    everything = [value for _, values in groups for value in values]
    low, high = min(everything), max(everything)
    span = (high - low) or 1.0
    left, room, height = 96, WIDTH - 96 - 16, 46

    def across(value: float) -> float:
        return left + (value - low) / span * room

    parts = []
    for row, (label, values) in enumerate(groups):
        y, middle = row * height, median(values)
        dots = "".join(
            f'<circle cx="{across(value):.1f}" cy="{y + 10 + place * GOLDEN % 1 * 24:.1f}" r="2.6"/>'
            for place, value in enumerate(values)
        )
        parts.append(
            f'<text class="label other" x="0" y="{y + 19}">{_short(label, 15)}</text>'
            f'<text class="value other" x="0" y="{y + 34}">{middle:.4f}</text>'
            f'<g class="dots">{dots}</g>'
            f'<line class="median" x1="{across(middle):.1f}" x2="{across(middle):.1f}" y1="{y + 6}" y2="{y + 38}"/>'
        )
    bottom = len(groups) * height
    parts.append(
        f'<line class="axis" x1="{left}" x2="{left + room}" y1="{bottom + 2}" y2="{bottom + 2}"/>'
        f'<text class="value other" x="{left}" y="{bottom + 18}">{low:.3f}</text>'
        f'<text class="value other" x="{left + room}" y="{bottom + 18}" text-anchor="end">{high:.3f}</text>'
    )
    return _svg(title, bottom + 24, parts)


def _svg(title: str, height: int, parts: Sequence[str]) -> str:
    name = escape(title)
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{name}"><title>{name}</title>'
        f"{''.join(parts)}</svg>"
    )


def _short(label: str, most: int = 25) -> str:
    """A label that fits the room before its bar, fit for SVG."""
    return escape(label if len(label) <= most else f"{label[: most - 1]}…")

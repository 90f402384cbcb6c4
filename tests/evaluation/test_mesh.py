"""The mesh of a sketch: stripes and chequerboards two pixels long are seen, and nothing else is."""

from __future__ import annotations

import numpy as np
from PIL import Image

from most_sketch.evaluation.mesh import mesh


def sheet(added: float, pattern: str, size: tuple[int, int] = (200, 250)) -> Image.Image:
    """Noise, as of pencil, with a pattern of this strength."""
    rows, columns = np.indices(size[::-1])
    sign = {"none": 0, "across": (-1.0) ** columns, "down": (-1.0) ** rows, "both": (-1.0) ** (rows + columns)}[pattern]
    levels = 160 + np.random.default_rng(0).normal(0, 12, size[::-1]) + added * sign
    return Image.fromarray(levels.round().clip(0, 255).astype(np.uint8))


def test_noise_alone_has_about_as_much_of_every_wave() -> None:
    plain = mesh(sheet(0, "none"))
    assert 0.6 < plain.axes < 1.4
    assert 0.5 < plain.diagonal < 1.6


def test_a_chequerboard_is_on_the_diagonal_only() -> None:
    plain, woven = mesh(sheet(0, "none")), mesh(sheet(4, "both"))
    assert woven.diagonal > 5 * plain.diagonal
    assert woven.axes < 1.5 * plain.axes


def test_stripes_are_found_across_and_down() -> None:
    """A stripe over a slope, as in a sketch: its strength varies, so its energy lies beside the middle of the row."""
    slope = np.linspace(0, 8, 250)[:, None] * np.ones(200)
    for pattern in ("across", "down"):
        plain = np.asarray(sheet(0, "none"), dtype=float)
        rows, columns = np.indices(plain.shape)
        waves = (-1.0) ** (columns if pattern == "across" else rows)
        along = slope if pattern == "across" else np.broadcast_to(np.linspace(0, 8, 200), plain.shape)
        striped = Image.fromarray((plain + along * waves).round().clip(0, 255).astype(np.uint8))
        assert mesh(striped).axes > 1.5 * mesh(sheet(0, "none")).axes


def test_odd_sizes_and_blank_sheets_are_measured_too() -> None:
    assert mesh(Image.new("L", (201, 251), 255)).axes == 1
    assert mesh(sheet(4, "both", (201, 251))).diagonal > 5

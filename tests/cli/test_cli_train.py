"""`most-sketch train` as it is met: what a terminal shows."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from most_sketch.cli.train_display import progress

LOSSES = {
    "reconstruction": 0.123,
    "style": 0.234,
    "content": 0.345,
    "adversarial": 12.456,
    "discriminator": 0.567,
    "memory_refinement": 0.678,
}


def screen(width: int, steps: int) -> list[str]:
    """The last lines on a terminal of this width after ten of so many steps of 45 seconds each."""
    now = [0.0]
    console = Console(
        file=io.StringIO(), force_terminal=True, width=width, record=True, get_time=lambda: now[0], _environ={}
    )
    with progress(steps, live=True, console=console) as report:
        for step in range(1, 11):
            now[0] += 45
            report(step, LOSSES | {"total": 99.0})
    text = console.export_text()
    # Each state is drawn over the one before, which a record of what was written does not know.
    *_, last_bar = re.finditer("━+", text)
    return [line.rstrip() for line in text[last_bar.start() :].splitlines()]


@pytest.mark.parametrize(("width", "lines"), [(80, 3), (120, 2)])
def test_bar_count_and_time_left_are_in_the_first_line_and_losses_below(width: int, lines: int) -> None:
    bar, *losses = screen(width, 100_000)
    assert bar.startswith("━" * 4)
    for part in ("10/100000 steps", "0:07:30", "1249:52:30 left"):
        assert part in bar
    assert len(losses) == lines - 1
    shown = " ".join(losses)
    for name, value in LOSSES.items():
        assert f"{name.replace('_', ' ')} {value:.3f}" in shown
    assert "total" not in shown
    assert all(len(line) <= width for line in (bar, *losses))


def test_where_nothing_can_be_redrawn_a_line_now_and_then_has_the_steps_and_the_losses() -> None:
    console = Console(file=io.StringIO(), width=80, record=True)
    with progress(200, live=True, console=console) as report:
        for step in range(1, 101):
            report(step, LOSSES)
        report(100, {"validation_l1": 0.25})
    lines = console.export_text().splitlines()
    assert [line.split("  ")[0] for line in lines if line] == [f"step {step} of 200" for step in (50, 100, 100)]
    assert lines[-1].endswith("validation l1 0.250")

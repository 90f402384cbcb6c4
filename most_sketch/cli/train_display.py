"""How `most-sketch train` goes, on standard error: a bar with count and time left, and the losses below it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta

from rich.columns import Columns
from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

PLAIN_EVERY = 50
"""Steps between lines where no live display can be shown."""
LOSSES = ("reconstruction", "style", "content", "adversarial", "discriminator", "memory_refinement")
SPEED_PERIOD = 600.0
"""Seconds over which the speed is taken: within Rich's 30 a slow machine does no two steps, and knows no time left."""

Report = Callable[[int, Mapping[str, float]], None]
"""Told after every step, and after every validation, how many steps are done and what came of it. Most steps have no
figures: to read them is to wait for the device."""


class _Display(Progress):
    """One line of progress that fits 80 columns, then the figures in as many lines as they need."""

    figures: tuple[str, ...] = ()

    def get_renderables(self) -> Iterator[RenderableType]:
        yield from super().get_renderables()
        yield Columns(self.figures, padding=(0, 2))


@contextmanager
def progress(steps: int, live: bool, console: Console | None = None) -> Iterator[Report]:
    """A reporter of `steps` steps: live on a terminal, a line now and then elsewhere."""
    console = console or Console(stderr=True)
    columns = (
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TextColumn("steps"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    shown_live = live and console.is_terminal
    with _Display(
        *columns, console=console, disable=not shown_live, expand=True, speed_estimate_period=SPEED_PERIOD
    ) as display:
        task = display.add_task("", total=steps)
        began: float | None = None
        begun_at = 0

        def report(step: int, scores: Mapping[str, float]) -> None:
            nonlocal began, begun_at
            validation = "validation_l1" in scores
            texts = _texts(scores if validation else {name: scores[name] for name in LOSSES if name in scores})
            if not validation:
                display.figures = texts = texts or display.figures
                display.update(task, completed=step)
            if began is None:
                began, begun_at = time.monotonic(), step
            if validation or (not console.is_terminal and step % PLAIN_EVERY == 0):
                left = ""
                if step > begun_at and step < steps:
                    seconds = (time.monotonic() - began) / (step - begun_at) * (steps - step)
                    left = f"  about {timedelta(seconds=round(seconds))} left"
                console.print(f"step {step} of {steps}{left}  {'  '.join(texts)}", highlight=False, soft_wrap=True)

        yield report


def _texts(scores: Mapping[str, float]) -> tuple[str, ...]:
    return tuple(f"{name.replace('_', ' ')} {value:.3f}" for name, value in scores.items())

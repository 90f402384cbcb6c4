"""Medians of several runs, of different things in turn, so that other work on the machine meets all alike."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable, Mapping


def medians(runs: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Seconds of each, after one run of each that does not count."""
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(rounds + 1):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            if turn:
                taken[name].append(time.perf_counter() - start)
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def process(*command: str) -> Callable[[], object]:
    """A run of a command to its end."""
    return lambda: subprocess.run(command, check=True, capture_output=True)

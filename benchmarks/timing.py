"""Medians of several runs, of different things in turn, so that other work on the machine meets all alike."""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
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


def peak_memory(*command: str) -> float:
    """Largest resident memory of a command, in MiB."""
    with tempfile.TemporaryFile() as sink:
        running = subprocess.Popen(command, stdout=sink, stderr=sink)
        _, status, usage = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode:
        raise SystemExit(f"{' '.join(command)}: ended with {running.returncode}")
    return usage.ru_maxrss / 1024


def process(*command: str) -> Callable[[], object]:
    """A run of a command to its end."""
    return lambda: subprocess.run(command, check=True, capture_output=True)

"""What `convert` tells while it draws a batch, and at its end. No torch at import."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from most_sketch.terminal import in_options, say

if TYPE_CHECKING:
    from most_sketch.drawing.records import Record


class BatchReport:
    """Tells how a batch goes: JSON on standard output, progress and a summary on standard error."""

    def __init__(self, total: int, as_json: bool, quiet: bool, watched: bool = False) -> None:
        """`watched`: nobody knows how many photos will come."""
        self._total = 0 if watched else total
        self._watched = watched
        self._json = as_json
        self._quiet = quiet
        self._counts: Counter[str] = Counter()
        self._failures: list[str] = []
        self._last: Record | None = None
        self._fault = ""
        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), RateColumn(), TimeRemainingColumn())
        self._progress = Progress(
            *columns,
            console=console,
            disable=quiet or watched or not console.is_terminal,
            transient=total == 1,
            redirect_stdout=False,  # else JSON would go where the progress goes
        )
        self._task = self._progress.add_task("loading", total=total)

    @property
    def failed(self) -> bool:
        return bool(self._failures)

    def exporting(self) -> None:
        """The network is made into what ONNX Runtime reads, before it can be loaded."""
        if not self._quiet:
            say("exporting the network for ONNX Runtime, this once; it takes a minute")

    def watching(self) -> None:
        """From now on it waits for photos."""
        if not self._quiet:
            say("watching for photos until Ctrl-C")

    def told(self, fault: str) -> bool:
        """Was the last thing that went wrong this very one? It is noted."""
        before, self._fault = self._fault, fault
        return before == fault

    def loaded(self) -> None:
        """From now on photos are drawn."""
        self._progress.update(self._task, description=self._place(), refresh=True)

    def add(self, record: Record) -> None:
        record = replace(record, reason=in_options(record.reason))
        self._counts[record.status] += 1
        self._last = record
        if record.status == "failed":
            self._failures.append(record.reason)
        elif record.reason and not self._quiet:
            say(record.reason)
        if self._watched and not self._quiet:
            paths = ", ".join(map(str, record.outputs))
            say(record.reason if record.status == "failed" else f"{record.status}: {paths}")
        if self._json:
            sys.stdout.write(f"{json.dumps(record.as_dict())}\n")
            sys.stdout.flush()
        if not self._progress.disable:
            self._progress.update(self._task, advance=1, description=self._place())

    def _place(self) -> str:
        return f"drawing {min(sum(self._counts.values()) + 1, self._total)} of {self._total}"

    def __enter__(self) -> BatchReport:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()
        if isinstance(error, KeyboardInterrupt):
            say(f"interrupted; {self._summary()}. The same command goes on with the rest.")
            self._tell_failures()
        elif error is None:
            self._conclude()

    def _conclude(self) -> None:
        if self._total == 1 and self._failures:
            say(f"most-sketch: error: {self._failures[0]}")
            return
        self._tell_failures()
        if not self._quiet:
            say(self._summary())

    def _tell_failures(self) -> None:
        if self._failures and not (self._watched and not self._quiet):
            say("failed:")
            for reason in self._failures:
                say(f"  {reason}")

    def _summary(self) -> str:
        counts = self._counts
        if self._total == 1 and self._last is not None and self._last.outputs:
            paths = ", ".join(map(str, self._last.outputs))
            return f"{paths}: there already; --overwrite draws it anew" if counts["skipped"] else f"drawn: {paths}"
        hint = " (there already; --overwrite draws them anew)" if counts["skipped"] else ""
        return f"{counts['drawn']} drawn, {counts['skipped']} skipped{hint}, {counts['failed']} failed"


class RateColumn(ProgressColumn):
    """Photos a second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.1f} photos/s" if task.speed else "")

"""`most-sketch bench`: load, measure, show the table. No torch at import."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from most_sketch.cli.options import AsJson, Device, Offline, Precision, Weights
from most_sketch.cli.tables import print_table

if TYPE_CHECKING:
    from most_sketch.drawing.speed import Speed


def bench_command(
    weights: Weights = None,
    device: Device = "auto",
    precision: Precision = "auto",
    offline: Offline = False,
    as_json: AsJson = False,
) -> None:
    """Measure how fast this machine draws, with the example portraits."""
    # Nothing is shown where standard error is no terminal.
    with Console(stderr=True).status("loading", refresh_per_second=2) as status:
        start = time.perf_counter()
        from most_sketch.checkpoints.find import DEFAULT_WEIGHTS, find_weights
        from most_sketch.checkpoints.hub import Hub
        from most_sketch.drawing.speed import measure
        from most_sketch.drawing.torch_engine import TorchEngine

        name = weights or DEFAULT_WEIGHTS
        engine = TorchEngine.load(find_weights(name, Hub(offline=offline)), name, device, precision)
        loading = time.perf_counter() - start
        speed = measure(engine, status.update)
    if as_json:
        typer.echo(json.dumps({"weights": name, "start": loading} | speed.as_dict()))
    else:
        print_table(_table(name, loading, speed))


def _table(weights: str, loading: float, speed: Speed) -> Table:
    table = Table(title=Text(f"{weights}, {speed.precision}\n{speed.device}"), show_header=False)
    table.add_row("import and load", f"{loading:.2f} s")
    table.add_row("find and frame a face", f"{speed.detection:.3f} s")
    for size, taken in speed.drawing.items():
        table.add_row(f"draw, {size} at once", f"{taken:.3f} s a sketch")
    table.add_row("from file to file", f"{speed.photos_per_second:.1f} photos/s")
    if speed.memory is not None:
        table.add_row("peak memory", f"{speed.memory:.0f} MiB")
    return table

"""`most-sketch bench`: load, measure, show the table. No torch at import."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from most_sketch.drawing.speed import Speed


def bench_command(
    weights: Annotated[str | None, typer.Option(help="As for convert. (default: the bundled weights)")] = None,
    device: Annotated[str, typer.Option(metavar="auto|cpu|cuda|mps", help="Where to compute.")] = "auto",
    precision: Annotated[Literal["auto", "fp32", "bf16"], typer.Option(help="How exactly to compute.")] = "auto",
    offline: Annotated[bool, typer.Option("--offline", help="Make no connection; only weights that are here.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure how fast this machine draws, with the example portraits."""
    start = time.perf_counter()
    from most_sketch.checkpoints.weights import DEFAULT_WEIGHTS
    from most_sketch.drawing.sketcher import Sketcher
    from most_sketch.drawing.speed import measure

    name = weights or DEFAULT_WEIGHTS
    sketcher = Sketcher.load(name, device, precision, offline=offline)
    loading = time.perf_counter() - start
    speed = measure(sketcher)
    if as_json:
        typer.echo(json.dumps({"weights": name, "start": loading} | speed.as_dict()))
    else:
        Console().print(_table(name, loading, speed))


def _table(weights: str, loading: float, speed: Speed) -> Table:
    table = Table(title=f"{weights}, {speed.precision}\n{speed.device}", show_header=False)
    table.add_row("import and load", f"{loading:.2f} s")
    table.add_row("find and frame a face", f"{speed.detection:.3f} s")
    for size, taken in speed.drawing.items():
        table.add_row(f"draw, {size} at once", f"{taken:.3f} s a sketch")
    table.add_row("from file to file", f"{speed.photos_per_second:.1f} photos/s")
    if speed.memory is not None:
        table.add_row("peak memory", f"{speed.memory:.0f} MiB")
    return table

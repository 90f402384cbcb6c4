"""`most-sketch eval`: parse, score, show the table. No torch at import."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from most_sketch.errors import InputError
from most_sketch.terminal import say

TABLE_WIDTH = 120
"""Columns of the table where standard output is no terminal."""


def eval_command(
    runs: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN]...", help="With --compare: weights files or folders of runs.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder with photos/ and sketches/ at any depth. (default: cufs)"),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|PATH", help="Bundled weights, a weights file, or a run's folder. (default: most-net-cufs)"
        ),
    ] = None,
    predictions: Annotated[
        str | None,
        typer.Option(
            metavar="DIR|grey|dodge|nearest",
            help="Score sketches that are there already, matched by name, or a classical baseline.",
        ),
    ] = None,
    split: Annotated[
        str, typer.Option(metavar="all|validation", help="All pairs, or the tenth that training never sees.")
    ] = "all",
    compare: Annotated[
        bool, typer.Option("--compare", help="Score each RUN and print them side by side, as in Table II.")
    ] = False,
    style: Annotated[str | None, typer.Option(help="Style to draw in, of weights that have several.")] = None,
    gallery: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Pairs from which --predictions nearest takes its sketches.")
    ] = None,
    backbones: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder with squeezenet1_1-features.safetensors, alexnet-features.safetensors and "
            "vgg16-features.safetensors for LPIPS. (default: torchvision's cache or download, 770 MB)",
        ),
    ] = None,
    save: Annotated[Path | None, typer.Option(metavar="DIR", help="Keep the sketches, as DATABASE/NAME.png.")] = None,
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the scores of every pair.")] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="Write a page with table, charts and examples.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of the table.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Make no connection; only weights that are here.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    batch_size: Annotated[int, typer.Option(min=1, help="Pairs that are drawn and scored at once.")] = 8,
) -> None:
    """Score sketches against an artist's: FSIM, SSIM, LPIPS and L1, beside the published figures."""
    if compare != bool(runs):
        raise InputError(
            "--compare needs the weights files or run folders to compare"
            if compare
            else f"{(runs or [''])[0]}: give weights with --weights, or several after --compare"
        )
    if compare and any(option is not None for option in (weights, predictions, gallery, save, csv)):
        raise InputError("--compare makes one table and --report; score each run on its own for other files")

    from most_sketch.evaluation.command import EvalConfig, Outputs, evaluate
    from most_sketch.evaluation.command import compare as compare_runs
    from most_sketch.evaluation.results import summary
    from most_sketch.evaluation.table import comparison_table, method_table, notes

    config = EvalConfig(data, split, style, gallery, backbones, device, batch_size, offline)
    outputs = Outputs(save, csv, report, shlex.join(["most-sketch", *sys.argv[1:]]))
    with _progress() as watch:
        if runs:
            evaluations = compare_runs(config, runs, outputs, watch)
        else:
            evaluations = [evaluate(config, weights, predictions, outputs, watch)]
    if as_json:
        summaries = [summary(evaluation) for evaluation in evaluations]
        typer.echo(json.dumps(summaries if runs else summaries[0], indent=2, ensure_ascii=False))
    else:
        _show(comparison_table(evaluations) if runs else method_table(evaluations[0]))
    for line in dict.fromkeys(line for evaluation in evaluations for line in notes(evaluation)):
        say(line)


def _show(table: Table) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:
        # Rich would take a pipe for 80 columns wide and cut the headings.
        console.width = TABLE_WIDTH
    console.print(table)


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error, if that is a terminal."""
    console = Console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)

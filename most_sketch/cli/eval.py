"""`most-sketch eval`: parse, score, show the table. No torch at import."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn, TimeRemainingColumn

from most_sketch.cli.help import INPUT, MACHINE, OUTPUT
from most_sketch.cli.options import WEIGHTS_HELP, AsJson, Data, Device, Offline, Overwrite, Style, keep_existing
from most_sketch.cli.tables import print_table
from most_sketch.errors import InputError
from most_sketch.terminal import say

if TYPE_CHECKING:
    from most_sketch.evaluation.measuring import EvalConfig, Outputs


def eval_command(
    runs: Annotated[list[str] | None, typer.Argument(metavar="WEIGHTS", help=f"With --compare. {WEIGHTS_HELP}")] = None,
    data: Data = None,
    weights: Annotated[
        str | None,
        typer.Option(
            metavar="WEIGHTS",
            help=f"{WEIGHTS_HELP} (default: most-net-cufs, of CUFSF most-net-cufsf)",
            rich_help_panel=INPUT,
        ),
    ] = None,
    predictions: Annotated[
        str | None,
        typer.Option(
            metavar="DIR|grey|dodge|nearest",
            help="Score sketches that are there already, matched by name, or a classical baseline.",
            rich_help_panel=INPUT,
        ),
    ] = None,
    split: Annotated[
        str,
        typer.Option(
            metavar="all|validation",
            help="All pairs, or the tenth that training never sees.",
            rich_help_panel=INPUT,
        ),
    ] = "all",
    compare: Annotated[
        bool,
        typer.Option(
            "--compare", help="Score each of WEIGHTS and print them in one table, as Table II.", rich_help_panel=INPUT
        ),
    ] = False,
    style: Style = None,
    gallery: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Pairs from which --predictions nearest takes its sketches.",
            rich_help_panel=INPUT,
        ),
    ] = None,
    metrics: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="What to measure, with commas: fsim, ssim, lpips, lpips_squeeze, lpips_alex, lpips_vgg, l1, scoot, "
            "texture, or all. (default: all but the last two)",
            rich_help_panel=INPUT,
        ),
    ] = None,
    backbones: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder with squeezenet1_1-features.safetensors, alexnet-features.safetensors and "
            "vgg16-features.safetensors for LPIPS. (default: torchvision's cache or download, 770 MB)",
            rich_help_panel=INPUT,
        ),
    ] = None,
    identity: Annotated[
        bool,
        typer.Option(
            "--identity",
            help="Also ask a face recogniser whose sketch it is. Needs pip install 'most-sketch[identity]'.",
            rich_help_panel=INPUT,
        ),
    ] = False,
    texture: Annotated[
        Path | None,
        typer.Option(
            metavar="DRAWINGS",
            help="For photos without drawings: compare the strokes with those of the drawings in this folder.",
            rich_help_panel=INPUT,
        ),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Keep the sketches, as DATABASE/NAME.png.", rich_help_panel=OUTPUT),
    ] = None,
    csv: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the scores of every pair.", rich_help_panel=OUTPUT)
    ] = None,
    excel: Annotated[
        bool,
        typer.Option("--excel", help="Mark --csv as UTF-8, so that Excel reads all names.", rich_help_panel=OUTPUT),
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a web page with table, charts and examples.", rich_help_panel=OUTPUT),
    ] = None,
    as_json: AsJson = False,
    overwrite: Overwrite = False,
    offline: Offline = False,
    device: Device = "auto",
    batch_size: Annotated[
        int,
        typer.Option(metavar="N", min=1, help="Pairs that are drawn and scored at once.", rich_help_panel=MACHINE),
    ] = 8,
) -> None:
    """Score sketches against an artist's: FSIM, SSIM, LPIPS, L1 and more, beside the published figures."""
    if compare != bool(runs):
        raise InputError(
            "--compare needs the weights files or run folders to compare"
            if compare
            else f"{(runs or [''])[0]}: give weights with --weights, or several after --compare"
        )
    if compare and any(option is not None for option in (weights, predictions, gallery, save, csv)):
        raise InputError("--compare makes one table and --report; score each run on its own for other files")

    if excel and csv is None:
        raise InputError("--excel is of the file that --csv writes")
    for path in (csv, report):
        keep_existing(path, overwrite)

    from most_sketch.evaluation.command import is_unpaired
    from most_sketch.evaluation.measuring import EvalConfig, Outputs

    config = EvalConfig(data, split, style, gallery, metrics, backbones, identity, device, batch_size, offline, texture)
    outputs = Outputs(save, csv, excel, report, shlex.join(["most-sketch", *sys.argv[1:]]), overwrite)
    if is_unpaired(config):
        for option, value in (("predictions", predictions), ("report", report), ("metrics", metrics)):
            if value is not None:
                raise InputError(f"--{option} needs pairs, and {data} has photos without drawings")
        if split != "all":
            raise InputError(f"--split needs pairs, and {data} has photos without drawings")
        from most_sketch.checkpoints.find import DEFAULT_WEIGHTS

        lines = _measure_photos(config, runs or [weights or DEFAULT_WEIGHTS], outputs, as_json, compare)
    elif texture is not None:
        raise InputError("--texture is for photos without drawings; that of pairs is measured by --metrics texture")
    else:
        lines = _score_pairs(config, runs, weights, predictions, outputs, as_json)
    for line in dict.fromkeys(lines):
        say(line)


def _score_pairs(
    config: EvalConfig,
    runs: list[str] | None,
    weights: str | None,
    predictions: str | None,
    outputs: Outputs,
    as_json: bool,
) -> list[str]:
    """Print the scores of sketches of pairs; returns the lines that belong below them."""
    from most_sketch.evaluation.command import compare, evaluate
    from most_sketch.evaluation.results import summary
    from most_sketch.evaluation.table import comparison_table, identity_table, method_table, notes

    with _progress() as watch:
        if runs:
            evaluations = compare(config, runs, outputs, watch)
        else:
            evaluations = [evaluate(config, weights, predictions, outputs, watch)]
    if as_json:
        summaries = [summary(evaluation) for evaluation in evaluations]
        typer.echo(json.dumps(summaries if runs else summaries[0], indent=2))
    else:
        print_table(comparison_table(evaluations) if runs else method_table(evaluations[0]))
        if config.identity:
            print_table(identity_table(evaluations))
    return [line for evaluation in evaluations for line in notes(evaluation)]


def _measure_photos(
    config: EvalConfig, weights: list[str], outputs: Outputs, as_json: bool, several: bool
) -> list[str]:
    """Print what was measured of sketches of photos alone; returns the lines that belong below it."""
    from most_sketch.evaluation.table import unpaired_table
    from most_sketch.evaluation.unpaired import evaluate_photos, unpaired_notes, unpaired_summary

    with _progress() as watch:
        evaluations = evaluate_photos(config, weights, outputs, watch)
    if as_json:
        summaries = [unpaired_summary(evaluation) for evaluation in evaluations]
        typer.echo(json.dumps(summaries if several else summaries[0], indent=2))
    else:
        print_table(unpaired_table(evaluations))
    return [line for evaluation in evaluations for line in unpaired_notes(evaluation)]


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error, if that is a terminal."""
    console = Console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)

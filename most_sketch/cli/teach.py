"""`most-sketch teach`: a new style from a handful of pairs, as a small file. No torch at import."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from most_sketch.cli.help import OUTPUT, PAIRS, TRAINING
from most_sketch.cli.options import (
    AsJson,
    Device,
    Offline,
    Overwrite,
    Quiet,
    Weights,
    check_picture,
    finite,
    keep_existing,
)
from most_sketch.terminal import in_options, say


def teach_command(
    pairs: Annotated[Path, typer.Argument(metavar="PAIRS", help="Folder with photos/ and sketches/ at any depth.")],
    name: Annotated[str, typer.Option(metavar="NAME", help="What the style is to be called.", rich_help_panel=OUTPUT)],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FILE", help="The style: a .safetensors file.", rich_help_panel=OUTPUT),
    ],
    description: Annotated[
        str, typer.Option(metavar="WORDS", help="What it looks like, in a few words.", rich_help_panel=OUTPUT)
    ] = "",
    weights: Weights = None,
    minutes: Annotated[
        float,
        typer.Option(
            metavar="N",
            min=0,
            callback=finite,
            help="To spend, about, once the pairs are in the frame.",
            rich_help_panel=TRAINING,
        ),
    ] = 8.0,
    sheet: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write a picture of some pairs: photo, before, after, the artist's drawing.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    keep_paper: Annotated[
        bool,
        typer.Option(
            "--keep-paper",
            help="Leave the drawings' paper as it is where pairs are not in the frame.",
            rich_help_panel=PAIRS,
        ),
    ] = False,
    steps: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=1,
            help="Of tuning, at most. More make strokes bolder; too many learn the pairs by heart.",
            rich_help_panel=TRAINING,
        ),
    ] = 200,
    reduce: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=1,
            max=8,
            help="How many times drawings in the frame were enlarged; they are compared so much smaller.",
            rich_help_panel=TRAINING,
        ),
    ] = 1,
    perceptual: Annotated[
        str,
        typer.Option(
            metavar="auto|vgg19|FILE|none",
            help="What strokes are compared through. auto is vgg19 (548 MB, downloaded once), or none without it.",
            rich_help_panel=TRAINING,
        ),
    ] = "auto",
    overwrite: Overwrite = False,
    offline: Offline = False,
    device: Device = "auto",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Teach the weights a new style from 5 to 50 pairs of photo and drawing, for `convert --style FILE`.

    Pairs that have the size of the weights' frame, 400x500, are taken as they are; others are brought into it.
    """
    from most_sketch.checkpoints.find import DEFAULT_WEIGHTS
    from most_sketch.checkpoints.header import STYLE_SUFFIX
    from most_sketch.checkpoints.styles import save_style
    from most_sketch.photo.images import encode_image, write_bytes
    from most_sketch.teaching.teach import Teaching, teach

    if output.suffix != STYLE_SUFFIX:
        raise typer.BadParameter(f"-o {output}: a style is a {STYLE_SUFFIX} file")
    check_picture("--sheet", sheet)
    for path in (output, sheet):
        keep_existing(path, overwrite)
    how = Teaching(minutes, steps, reduce, keep_paper, perceptual, device)
    with _progress(quiet) as report:
        taught = teach(
            pairs,
            name,
            weights or DEFAULT_WEIGHTS,
            description=description,
            how=how,
            offline=offline,
            report=report,
            tell=lambda missing: None if quiet else say(in_options(missing)),
        )
    save_style(output, taught.style)
    if taught.problems:
        say("left out:")
        for problem in taught.problems:
            say(f"  {problem}")
    if as_json:
        outcome = {
            "output": str(output),
            "pairs": taught.style.info.pairs,
            "nearest": taught.nearest,
            "kept": taught.kept,
        }
        outcome |= {"nearer": round(taught.nearer, 4), "held_out": taught.held_out, "without": taught.unaided}
        typer.echo(json.dumps(outcome | {"left_out": taught.problems}))
    if sheet is not None:
        write_bytes(sheet, encode_image(taught.sheet, sheet.suffix.lower()))
    if not quiet:
        say(f"{output}: {name}, taught from {taught.style.info.pairs} pairs, {taught.style.info.made}")
        say(taught.outcome())


@contextmanager
def _progress(quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """A reporter of the work: live on a terminal, a line for each part of it elsewhere, on standard error."""
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, disable=quiet or not console.is_terminal) as progress:
        tasks = {}

        def report(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=total)
                if not (quiet or console.is_terminal):
                    say(what)
            progress.update(tasks[what], completed=done, total=total)

        yield report

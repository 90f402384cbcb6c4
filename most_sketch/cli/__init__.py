"""The `most-sketch` command: its subcommands, and what becomes of errors. No torch at import."""

from __future__ import annotations

import gc
import os
import sys
from typing import Annotated, NoReturn

import typer

from most_sketch import __version__
from most_sketch.cli.bench import bench_command
from most_sketch.cli.convert import convert_command
from most_sketch.cli.demo import demo_command
from most_sketch.cli.eval import eval_command
from most_sketch.cli.prepare import prepare_command
from most_sketch.cli.styles import styles_command
from most_sketch.cli.train import train_command
from most_sketch.cli.weights import weights_app
from most_sketch.errors import MostSketchError
from most_sketch.terminal import say

app = typer.Typer(
    name="most-sketch",
    no_args_is_help=True,
    # Measured: boxes around help and errors take a third of the time of --help.
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("convert")(convert_command)
app.command("styles", short_help="List the styles, or draw a photo in each.")(styles_command)
app.command("prepare", short_help="Bring unaligned pairs into the frame.")(prepare_command)
app.command("train")(train_command)
app.command("eval", short_help="Score sketches: FSIM, SSIM, LPIPS and L1.")(eval_command)
app.command("demo")(demo_command)
app.command("bench")(bench_command)
app.add_typer(weights_app, name="weights")


def main() -> NoReturn:
    """Run the command line. Exit code 0: all done; 1: something failed; 2: wrong usage; 130: interrupted."""
    # Importing torch makes objects by the million and no garbage: looking for some after each 700 takes a twentieth
    # of the start.
    gc.set_threshold(100_000)
    try:
        app(prog_name="most-sketch")
    except MostSketchError as error:
        say(f"most-sketch: error: {error}")
        sys.exit(1)
    except BrokenPipeError:
        # The reader has gone; else Python would complain when it flushes standard output at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    sys.exit(0)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"most-sketch {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Hand-drawn face sketches from photos."""

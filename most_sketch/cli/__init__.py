"""The `most-sketch` command: its subcommands, and what becomes of errors. No torch at import."""

from __future__ import annotations

import atexit
import gc
import os
import sys
import traceback
from typing import Annotated, NoReturn

import typer

from most_sketch import __version__
from most_sketch.cli.bench import bench_command
from most_sketch.cli.convert import convert_command
from most_sketch.cli.demo import demo_command
from most_sketch.cli.eval import eval_command
from most_sketch.cli.export import export_command
from most_sketch.cli.help import Command
from most_sketch.cli.prepare import prepare_command
from most_sketch.cli.styles import styles_command
from most_sketch.cli.teach import teach_command
from most_sketch.cli.train import train_command
from most_sketch.cli.weights import weights_app
from most_sketch.errors import MostSketchError, first_line, known_fault
from most_sketch.terminal import in_options, let_go_of_stdout, prepare_streams, say

app = typer.Typer(
    name="most-sketch",
    no_args_is_help=True,
    # Measured: boxes around help and errors take a third of the time of --help.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)
app.command("convert", cls=Command)(convert_command)
app.command("styles", cls=Command, short_help="List the styles, or draw a photo in each.")(styles_command)
app.command("prepare", cls=Command, short_help="Bring unaligned pairs into the frame.")(prepare_command)
app.command("train", cls=Command)(train_command)
app.command("teach", cls=Command, short_help="Teach the weights a new style from a few pairs.")(teach_command)
app.command("eval", cls=Command, short_help="Score sketches: FSIM, SSIM, LPIPS and L1.")(eval_command)
app.command("demo", cls=Command)(demo_command)
app.command("bench", cls=Command)(bench_command)
app.command("export", cls=Command, short_help="Write the networks as ONNX files.")(export_command)
app.add_typer(weights_app, name="weights")

DEBUG = "--debug"


def main() -> NoReturn:
    """Run the command line. Exit code 0: all done; 1: something failed; 2: wrong usage; 130: interrupted."""
    # Importing torch makes objects by the million and no garbage: looking for some after each 700 takes a twentieth
    # of the start.
    gc.set_threshold(100_000)
    # Nor are they to be looked at in the end, several times over: the process gives all of its memory back.
    atexit.register(gc.freeze)
    wait_politely()
    prepare_streams()
    debug = _takes_debug(sys.argv)
    try:
        try:
            app(prog_name="most-sketch")
        finally:
            sys.stdout.flush()
    except Exception as error:  # noqa: BLE001 - the one place that turns what is left into a line
        let_go_of_stdout()
        if debug:
            traceback.print_exc()
        # A reader that has gone away knows.
        if not isinstance(error, BrokenPipeError):
            say(f"most-sketch: error: {_explain(error)}")
        sys.exit(1)
    sys.exit(0)


def wait_politely() -> None:
    """Have the threads of torch sleep while they wait for each other, unless the user has said how they are to wait.

    By default they spin. Beside other work each then keeps a core from the thread that it waits for: training takes
    several times as long. It is read when torch loads.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def _takes_debug(arguments: list[str]) -> bool:
    """Is --debug there, before or behind the command's name? It is taken out: no command knows it."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    if DEBUG not in options:
        return False
    arguments.remove(DEBUG)
    return True


def _explain(error: Exception) -> str:
    """What an error means to a person, in one line."""
    if isinstance(error, MostSketchError):
        return in_options(str(error))
    known = known_fault(error)
    if known:
        return in_options(known)
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror or first_line(error)
    return (
        f"{type(error).__name__}: {first_line(error)}. That is a fault of most-sketch {__version__}: "
        f"please report it with what the same command says with {DEBUG}"
    )


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"most-sketch {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
    debug: Annotated[bool, typer.Option(DEBUG, help="Show where an error comes from; with any command.")] = False,
) -> None:
    """Hand-drawn face sketches from photos."""

"""`most-sketch demo`: serve the page until Ctrl-C."""

from __future__ import annotations

import signal
import time
import warnings
from typing import Annotated

import typer

from most_sketch.cli.help import OUTPUT
from most_sketch.cli.options import Device, Offline, TaughtStyles, Weights
from most_sketch.errors import MostSketchError
from most_sketch.terminal import say


def demo_command(
    host: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS", help="Address to serve at; 0.0.0.0 lets other machines in.", rich_help_panel=OUTPUT
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            max=65535,
            help="Port to serve at. (default: the first free one from 7860)",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.", rich_help_panel=OUTPUT)
    ] = True,
    style: TaughtStyles = None,
    weights: Weights = None,
    device: Device = "auto",
    offline: Offline = False,
) -> None:
    """Open a page to draw with in the browser, served by this machine. Needs pip install 'most-sketch[demo]'."""
    from most_sketch.demo.environment import WITHOUT_PROXY, environment

    try:
        # Gradio makes clients when it is imported; proxies of kinds that they do not know would end that.
        with environment(WITHOUT_PROXY):
            from most_sketch.demo.server import serving
    except ModuleNotFoundError as error:
        if error.name != "gradio":
            raise
        raise MostSketchError("the page needs Gradio; install it with: pip install 'most-sketch[demo]'") from error

    from most_sketch.checkpoints.find import DEFAULT_WEIGHTS
    from most_sketch.checkpoints.manifest import read_manifest
    from most_sketch.drawing.sketcher import Sketcher

    # Pillow warns of strange tags and of sizes that we accept; errors say what matters.
    warnings.filterwarnings("ignore", module="PIL")
    name = weights or DEFAULT_WEIGHTS
    sketcher = Sketcher.load(name, device, styles=style or (), offline=offline)
    entry = read_manifest().get(name)
    licence = entry.licence if entry else None
    # So that temporary files are removed when the process is told to end. No KeyboardInterrupt: one that is raised in
    # what the interpreter calls by itself, as it collects garbage, say, is ignored, and the page would stay for ever.
    told_to_end: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: told_to_end.append(number))
    with serving(sketcher, host, port, browser, licence) as address:
        say(f"the page is at {address} until Ctrl-C")
        while not told_to_end:
            time.sleep(0.1)

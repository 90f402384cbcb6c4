"""`most-sketch demo`: the page that draws in the browser, served until Ctrl-C or saved as files."""

from __future__ import annotations

import signal
import warnings
import webbrowser
from pathlib import Path
from threading import Event
from typing import Annotated

import typer

from most_sketch.cli.help import OUTPUT
from most_sketch.cli.options import Offline, TaughtStyles, Weights
from most_sketch.terminal import say


def demo_command(
    save: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write the page as files for any web host instead.", rich_help_panel=OUTPUT),
    ] = None,
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
    offline: Offline = False,
) -> None:
    """Open a page that draws in the browser. With --save write it as files that any web host can serve."""
    from most_sketch.checkpoints.find import DEFAULT_WEIGHTS
    from most_sketch.page.server import serving
    from most_sketch.page.site import make_site, save_site

    # Pillow warns of strange tags and of sizes that we accept; errors say what matters.
    warnings.filterwarnings("ignore", module="PIL")
    if weights or style:
        say("making the page; the first time its examples are drawn")
    files = make_site(weights or DEFAULT_WEIGHTS, style or (), offline=offline)
    if save is not None:
        save_site(save, files)
        size = sum(map(len, files.values())) / 1e6
        say(f"{len(files)} files, {size:.0f} MB; README.md there says how to publish them")
        typer.echo(save)
        return
    # No KeyboardInterrupt: one that is raised in what the interpreter calls by itself, as it collects garbage, say, is
    # ignored, and the page would stay for ever.
    told_to_end = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: told_to_end.set())
    with serving(files, host, port) as address:
        say(f"the page is at {address} until Ctrl-C")
        if browser:
            webbrowser.open(address)
        told_to_end.wait()

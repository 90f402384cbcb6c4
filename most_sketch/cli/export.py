"""`most-sketch export`: the networks as ONNX files, for other programs and for `convert --engine onnx`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from most_sketch.cli.help import OUTPUT
from most_sketch.cli.options import WEIGHTS_HELP, Offline, Overwrite, TaughtStyles, keep_existing
from most_sketch.terminal import say


def export_command(
    weights: Annotated[
        str | None, typer.Argument(metavar="WEIGHTS", help=f"{WEIGHTS_HELP} (default: most-net, bundled)")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="Where to write them. (default: the cache folder, where convert finds them)",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    style: TaughtStyles = None,
    overwrite: Overwrite = False,
    offline: Offline = False,
) -> None:
    """Write the networks as ONNX files. Takes a minute; print where they are. Styles of teach go with --output."""
    from most_sketch.checkpoints.find import DEFAULT_WEIGHTS, find_style, find_weights
    from most_sketch.checkpoints.hub import Hub
    from most_sketch.checkpoints.onnx_files import FILES, exported_folder, is_exported

    name = weights or DEFAULT_WEIGHTS
    if style and output is None:
        raise typer.BadParameter("--style goes with -o: convert draws in taught styles with torch")
    hub = Hub(offline=offline)
    path = find_weights(name, hub)
    folder = output or exported_folder(path)
    if output is None and not overwrite and is_exported(folder):
        say(f"{name}: is exported already")
        typer.echo(folder)
        return
    for file in FILES if output else ():
        keep_existing(folder / file, overwrite)

    from most_sketch.checkpoints.onnx_export import export_weights
    from most_sketch.checkpoints.styles import read_styles_of

    styles = read_styles_of(path, name, [find_style(each, hub) for each in style or ()])
    export_weights(path, folder, styles)
    typer.echo(folder)

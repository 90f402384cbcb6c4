"""`most-sketch export`: the networks as ONNX files, for other programs and for `convert --engine onnx`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from most_sketch.cli.help import DRAWING, OUTPUT
from most_sketch.cli.options import WEIGHTS_HELP, Offline, Overwrite, keep_existing
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
    style: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="A style of teach, instead of the weights' own: a file or owner/repo.",
            rich_help_panel=DRAWING,
        ),
    ] = None,
    overwrite: Overwrite = False,
    offline: Offline = False,
) -> None:
    """Write the networks as ONNX files. Takes a minute; print where they are. A style of teach goes with --output."""
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

    (taught,) = read_styles_of(path, name, [find_style(style, hub)]) if style else (None,)
    export_weights(path, folder, taught)
    typer.echo(folder)

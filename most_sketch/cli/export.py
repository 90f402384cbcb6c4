"""`most-sketch export`: the networks as ONNX files, for other programs and for `convert --engine onnx`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from most_sketch.cli.help import DRAWING, OUTPUT
from most_sketch.cli.options import AsJson, Offline, Overwrite, Quiet, Weights, keep_existing
from most_sketch.terminal import say


def export_command(
    given: Annotated[
        str | None, typer.Argument(metavar="[WEIGHTS]", help="The same as --weights.", show_default=False)
    ] = None,
    weights: Weights = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="Where to write them. (default: the network without weights, where convert finds it)",
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
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Write the networks as ONNX files, for other programs. Without --output: so that convert draws without torch."""
    from most_sketch.checkpoints.find import DEFAULT_WEIGHTS, find_style, find_weights
    from most_sketch.checkpoints.hub import Hub
    from most_sketch.checkpoints.onnx_files import FILES

    if given and weights:
        raise typer.BadParameter(f"weights are given twice: {given} and --weights {weights}")
    name = weights or given or DEFAULT_WEIGHTS
    if style and output is None:
        raise typer.BadParameter("--style goes with -o: convert draws in taught styles with torch")
    hub = Hub(offline=offline)
    path = find_weights(name, hub)
    if output is None:
        graph = _prepare(name, path, overwrite, quiet)
        typer.echo(json.dumps({"outputs": [str(graph)]}) if as_json else graph)
        return
    for file in FILES:
        keep_existing(output / file, overwrite)

    from most_sketch.checkpoints.onnx_export import export_weights
    from most_sketch.checkpoints.styles import read_styles_of

    (taught,) = read_styles_of(path, name, [find_style(style, hub)]) if style else (None,)
    export_weights(path, output, taught)
    typer.echo(json.dumps({"outputs": [str(output / file) for file in FILES]}) if as_json else output)


def _prepare(name: str, path: Path, overwrite: bool, quiet: bool) -> Path:
    """The graph that convert needs to draw with weights; it is made if there is none, or anew if it can be."""
    from most_sketch.checkpoints.header import read_header
    from most_sketch.checkpoints.onnx_files import cached_graph, find_graph, packaged_graph

    config = read_header(path).config
    graph = find_graph(config)
    if graph and (not overwrite or packaged_graph(config)):
        if not quiet:
            say(f"{name}: convert draws with them already; -o DIR writes files for other programs")
        return graph
    from most_sketch.checkpoints.onnx_graphs import make_graph

    graph = cached_graph(config)
    make_graph(path, graph)
    return graph

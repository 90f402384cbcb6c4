"""`most-sketch prepare`: pairs that were never aligned, brought into the frame."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

from most_sketch.errors import InputError
from most_sketch.terminal import say


def prepare_command(
    source: Annotated[Path, typer.Argument(help="Folder with photos/ and sketches/ at any depth.")],
    destination: Annotated[Path, typer.Argument(help="Folder for the pairs in the frame; the tree is kept.")],
    min_confidence: Annotated[float, typer.Option(min=0, max=1, help="Of a face to be used.")] = 0.9,
    device: Annotated[str, typer.Option(metavar="auto|cpu|cuda|mps", help="Where to look for faces.")] = "auto",
) -> None:
    """Bring unaligned pairs into the 200x250 frame, photo and sketch alike, ready for `train`."""
    from most_sketch.device import resolve_device
    from most_sketch.pairs.pairs import find_pairs
    from most_sketch.pairs.prepare import prepare
    from most_sketch.photo.faces import FaceFinder

    if destination.resolve() == source.resolve():
        raise InputError(f"{destination}: the pairs in the frame need a folder of their own")
    pairs = find_pairs(source)
    prepared = prepare(pairs, destination, FaceFinder(resolve_device(device)), min_confidence)
    console = Console(stderr=True)
    progress = track(prepared, "", len(pairs), console=console, disable=not console.is_terminal)
    problems = [result.problem for result in progress if result.problem]
    if problems:
        say("left out:")
        for problem in problems:
            say(f"  {problem}")
    say(f"{len(pairs) - len(problems)} of {len(pairs)} pairs are in {destination}")
    if len(problems) == len(pairs):
        raise typer.Exit(1)

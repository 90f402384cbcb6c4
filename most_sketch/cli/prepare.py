"""`most-sketch prepare`: pairs that were never aligned, brought into the frame."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

from most_sketch.cli.help import PAIRS
from most_sketch.cli.options import Device, MinConfidence, finite
from most_sketch.errors import InputError, did_you_mean
from most_sketch.saved_names import KEEP_PREDICTABLE_OFFSET
from most_sketch.terminal import say


def prepare_command(
    source: Annotated[Path, typer.Argument(metavar="DIR", help="Folder with photos/ and sketches/ at any depth.")],
    destination: Annotated[
        Path, typer.Argument(metavar="PAIRS", help="Folder for the pairs in the frame; the tree is kept.")
    ],
    scale: Annotated[
        float,
        typer.Option(
            metavar="N",
            min=0.5,
            max=5,
            callback=finite,
            help="Size of the pairs, in frames of 200x250: 2 for 400x500.",
            rich_help_panel=PAIRS,
        ),
    ] = 1.0,
    fit: Annotated[
        bool,
        typer.Option(
            "--fit", help="Bend each drawing onto its photo, where the two are not of one size.", rich_help_panel=PAIRS
        ),
    ] = False,
    keep_predictable_offset: Annotated[
        bool,
        typer.Option(
            "--keep-predictable-offset",
            help="With --fit: leave what photos tell of where their drawings lie; for benchmarks.",
            rich_help_panel=PAIRS,
        ),
    ] = False,
    by_its_old_name: Annotated[bool, typer.Option(KEEP_PREDICTABLE_OFFSET, hidden=True)] = False,
    onto: Annotated[
        str | None,
        typer.Option(
            metavar="WEIGHTS",
            help="With --fit: bend each drawing onto what these weights draw of its photo, too.",
            rich_help_panel=PAIRS,
        ),
    ] = None,
    keep_paper: Annotated[
        bool,
        typer.Option(
            "--keep-paper",
            help="Leave the paper of drawings as it is, captions and all; for benchmarks.",
            rich_help_panel=PAIRS,
        ),
    ] = False,
    smooth_paper: Annotated[
        bool,
        typer.Option(
            "--smooth-paper",
            help="Blur the grain of the drawings' paper, which networks can only guess; for benchmarks.",
            rich_help_panel=PAIRS,
        ),
    ] = False,
    frame: Annotated[
        str,
        typer.Option(
            metavar="cufs|cufsf",
            help="Where the face is in the frame: as in CUFS, or as in CUFSF.",
            rich_help_panel=PAIRS,
        ),
    ] = "cufs",
    min_confidence: MinConfidence = 0.9,
    device: Device = "auto",
) -> None:
    """Bring unaligned pairs into the frame, ready for `train`.

    Photo and drawing of one size match pixel by pixel, and are moved alike. Others, such as scans, are each brought
    into the frame by their own face, by points in photo_points/ and sketch_points/ (.pts, .3pts) where there are any;
    captions and the edges of scans are removed.
    """
    from most_sketch.device import resolve_device
    from most_sketch.drawing.sketcher import Sketcher
    from most_sketch.pairs.landmarks import FRAMES
    from most_sketch.pairs.pairs import find_pairs
    from most_sketch.pairs.prepare import Preparation, prepare
    from most_sketch.photo.faces import FaceFinder
    from most_sketch.photo.mtcnn_networks import load_cascade

    if frame not in FRAMES:
        raise InputError(f"--frame {frame}: there are {', '.join(FRAMES)}{did_you_mean(frame, FRAMES)}")
    keep_predictable_offset = keep_predictable_offset or by_its_old_name
    if keep_predictable_offset and not fit:
        raise InputError("--keep-predictable-offset goes with --fit")
    if onto and not fit:
        raise InputError("--onto goes with --fit")
    origin, target = source.resolve(), destination.resolve()
    if origin == target or origin in target.parents or target in origin.parents:
        raise InputError(f"{destination}: the pairs in the frame need a folder of their own, outside {source}")
    pairs = find_pairs(source)
    how = Preparation(scale, frame, fit, keep_predictable_offset, keep_paper, smooth_paper, min_confidence)
    if onto:
        say(f"before each database the photos are drawn by {onto}, and the drawings registered")
    draw = partial(Sketcher.load(onto, device).sketch, align=False) if onto else None
    prepared = prepare(pairs, destination, FaceFinder(load_cascade(resolve_device(device))), how, draw)
    console = Console(stderr=True)
    progress = track(prepared, "", len(pairs), console=console, disable=not console.is_terminal)
    results = list(progress)
    problems = [result.problem for result in results if result.problem]
    for heading, lines in (
        ("left out:", problems),
        ("paper kept as it is:", [result.notice for result in results if result.notice]),
    ):
        if lines:
            say(heading)
        for line in lines:
            say(f"  {line}")
    say(f"{len(pairs) - len(problems)} of {len(pairs)} pairs are in {destination}")
    if len(problems) == len(pairs):
        raise typer.Exit(1)

"""`most-sketch prepare`: pairs that were never aligned, brought into the frame."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

from most_sketch.cli.help import PAIRS
from most_sketch.cli.options import AsJson, Device, MinConfidence, Overwrite, Quiet, check_picture, finite
from most_sketch.errors import InputError, did_you_mean
from most_sketch.saved_names import KEEP_PREDICTABLE_OFFSET
from most_sketch.terminal import say

POINTS_REMEDY = "examples/face_landmarks.py writes the points of a face mesh beside photos and drawings"


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
    sheet: Annotated[
        Path | None,
        typer.Option(
            metavar="PNG",
            help="A sheet of photo, drawing and both in one, doubtful pairs first; a page of all of them beside it.",
            rich_help_panel=PAIRS,
        ),
    ] = None,
    list_file: Annotated[
        Path | None,
        typer.Option(
            "--list",
            metavar="FILE",
            help="Only these pairs, a name a line or FS2K's JSON; its styles go to style0/, style1/ and style2/.",
            rich_help_panel=PAIRS,
        ),
    ] = None,
    min_confidence: MinConfidence = 0.9,
    overwrite: Overwrite = False,
    device: Device = "auto",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Bring unaligned pairs into the frame, ready for `train`.

    Photo and drawing of one size match pixel by pixel, and are moved alike. Others, such as scans, are each brought
    into the frame by their own face, by points in photo_points/ and sketch_points/ (.pts, .3pts) where there are any;
    captions and the edges of scans are removed.
    """
    from most_sketch.device import resolve_device
    from most_sketch.drawing.sketcher import Sketcher
    from most_sketch.pairs.landmarks import FRAMES
    from most_sketch.pairs.lists import listed_pairs, read_list
    from most_sketch.pairs.pairs import nothing_found, survey
    from most_sketch.pairs.prepare import is_prepared, prepare
    from most_sketch.pairs.reading import Preparation
    from most_sketch.pairs.review import write_review
    from most_sketch.photo.faces import FaceFinder
    from most_sketch.photo.mtcnn_networks import load_cascade

    if frame not in FRAMES:
        raise InputError(f"--frame {frame}: there are {', '.join(FRAMES)}{did_you_mean(frame, FRAMES)}")
    keep_predictable_offset = keep_predictable_offset or by_its_old_name
    if keep_predictable_offset and not fit:
        raise InputError("--keep-predictable-offset goes with --fit")
    if onto and not fit:
        raise InputError("--onto goes with --fit")
    check_picture("--sheet", sheet)
    origin, target = source.resolve(), destination.resolve()
    if origin == target or origin in target.parents or target in origin.parents:
        raise InputError(f"{destination}: the pairs in the frame need a folder of their own, outside {source}")
    found = survey(source, joined=True)
    pairs = found.pairs if list_file is None else listed_pairs(found.pairs, source, read_list(list_file))
    unusable = [*found.doubled, *(f"{path}: without a partner of the same name" for path in found.alone), *found.unread]
    if not pairs and not unusable:
        raise nothing_found(source)
    how = Preparation(scale, frame, fit, keep_predictable_offset, keep_paper, smooth_paper, min_confidence)
    already = sum(is_prepared(destination, pair) for pair in pairs)
    if already and not quiet:
        stay = "are made anew" if overwrite else "stay as they are; --overwrite makes them anew"
        say(f"{already} of {len(pairs)} pairs are in {destination} already and {stay}")
    if onto and not quiet:
        say(f"before each database the photos are drawn by {onto}, and the drawings registered")
    draw = partial(Sketcher.load(onto, device).sketch, align=False) if onto else None
    prepared = prepare(pairs, destination, FaceFinder(load_cascade(resolve_device(device))), how, draw, overwrite)
    console = Console(stderr=True)
    results = list(track(prepared, "", len(pairs), console=console, disable=quiet or not console.is_terminal))
    problems = [result.problem for result in results if result.problem]
    _tell("left out:", [*unusable, *problems])
    outcomes = [(result.pair.name, result.outcome) for result in results if result.outcome]
    if not quiet:
        _tell("paper kept as it is:", [f"{name}: {each.kept_paper}" for name, each in outcomes if each.kept_paper])
        _tell("paper stays dark:", [name for name, each in outcomes if each.dark_paper])
        _tell("doubtful:", [f"{name}: {each.doubt}" for name, each in outcomes if each.doubt])
    if fit and outcomes and not quiet:
        bent = Counter(each.bent_by for _, each in outcomes)
        for by in sorted(filter(None, bent)):
            say(f"bent onto their photos by {by}: {bent[by]}")
        if bent[""]:
            say(f"not bent: {bent['']} of one size with their photos; {POINTS_REMEDY}")
        if bent["5 points"]:
            say(f"five points say little of a face; {POINTS_REMEDY}")
        if onto:
            say(f"registered: {sum(each.registered for _, each in outcomes)}")
    if as_json:
        replaced = already if overwrite else 0
        told = {"output": str(destination), "pairs": len(pairs) - len(problems), "replaced": replaced}
        typer.echo(json.dumps(told | {"left_out": [*unusable, *problems]}))
    if not quiet:
        say(f"{len(pairs) - len(problems)} of {len(pairs)} pairs are in {destination}")
    if len(problems) == len(pairs):
        raise typer.Exit(1)
    if sheet is not None:
        page = write_review(sheet, results, destination)
        if not quiet:
            say(f"look at {sheet} and {page}")


def _tell(heading: str, lines: Sequence[str]) -> None:
    """Say lines below a heading, if there are any."""
    if lines:
        say(heading)
    for line in lines:
        say(f"  {line}")

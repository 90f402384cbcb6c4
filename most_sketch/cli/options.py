"""Options that several commands have, in one voice: names, metavars and words. No torch at import."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Literal

import typer

from most_sketch.cli.help import DRAWING, INPUT, MACHINE, OUTPUT
from most_sketch.errors import InputError

WEIGHTS_HELP = "A name from `weights list`, a file, a run's folder, or owner/repo[@revision][:file]."


def finite(value: float) -> float:
    """Refuse what is no number: the ranges of some versions of Typer let NaN pass."""
    if math.isnan(value):
        raise typer.BadParameter("not a number")
    return value


Weights = Annotated[
    str | None,
    typer.Option(metavar="WEIGHTS", help=f"{WEIGHTS_HELP} (default: most-net, bundled)", rich_help_panel=INPUT),
]
Data = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Folder with photos/ and sketches/ at any depth. (default: cufs)", rich_help_panel=INPUT
    ),
]
Style = Annotated[
    str | None,
    typer.Option(metavar="STYLE", help="A style of the weights. (default: their first)", rich_help_panel=DRAWING),
]
MinConfidence = Annotated[
    float,
    typer.Option(
        metavar="N", min=0, max=1, callback=finite, help="Of a face to be drawn or used.", rich_help_panel=DRAWING
    ),
]
Framing = Annotated[
    Literal["portrait", "face"],
    typer.Option(
        metavar="portrait|face",
        help="Head and shoulders, as far as the photo shows them, or the face close up.",
        rich_help_panel=DRAWING,
    ),
]
Finish = Annotated[
    Literal["fade", "none"],
    typer.Option(
        metavar="fade|none",
        help="What becomes of a drawing where its photo or the paper ends.",
        rich_help_panel=DRAWING,
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there already.", rich_help_panel=OUTPUT)]
AsJson = Annotated[
    bool, typer.Option("--json", help="JSON on standard output instead of text.", rich_help_panel=OUTPUT)
]
Device = Annotated[str, typer.Option(metavar="auto|cpu|cuda|mps", help="Where to compute.", rich_help_panel=MACHINE)]
TaughtStyles = Annotated[
    list[str] | None,
    typer.Option(
        "--style",
        metavar="FILE",
        help="A style of teach, too: a file or owner/repo; may be repeated.",
        rich_help_panel=DRAWING,
    ),
]
Precision = Annotated[
    Literal["auto", "fp32", "bf16"],
    typer.Option(
        metavar="auto|fp32|bf16",
        help="How exactly to compute; when drawing auto is fp32, and bf16 may be faster and a few levels off.",
        rich_help_panel=MACHINE,
    ),
]
Engine = Annotated[
    Literal["auto", "torch", "onnx"],
    typer.Option(
        metavar="auto|torch|onnx",
        help="What computes; auto is onnx on a CPU for the bundled weights and exported ones, where it is installed.",
        rich_help_panel=MACHINE,
    ),
]
Offline = Annotated[
    bool,
    typer.Option(
        "--offline", help="Make no connection; only weights that are on this machine.", rich_help_panel=MACHINE
    ),
]


Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Only errors.", rich_help_panel=OUTPUT)]


def check_picture(option: str, path: Path | None) -> None:
    """Refuse a name under which no picture can be written. It is wrong usage, whatever is in the files."""
    from most_sketch.photo.images import WRITE_FORMATS

    if path is not None and path.suffix.lower() not in WRITE_FORMATS:
        raise typer.BadParameter(f"{option} {path}: pictures are saved as {', '.join(WRITE_FORMATS)}")


def keep_existing(path: Path | None, overwrite: bool) -> None:
    """Raise `InputError` for a folder, and for a file that is there already and may not be replaced.

    Devices and FIFOs may be written to.
    """
    if path is not None and path.is_dir():
        raise InputError(f"{path}: is a folder, not a file")
    if path is not None and path.is_file() and not overwrite:
        raise InputError(f"{path}: is there already; replace it with --overwrite")

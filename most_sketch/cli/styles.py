"""`most-sketch styles`: the styles that weights can draw in, by name and as a picture. No torch at import."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from most_sketch.cli.help import OUTPUT
from most_sketch.cli.options import (
    AsJson,
    Device,
    Offline,
    Overwrite,
    Quiet,
    TaughtStyles,
    Weights,
    check_picture,
    keep_existing,
)
from most_sketch.errors import InputError
from most_sketch.terminal import say


def styles_command(
    photo: Annotated[
        Path | None, typer.Argument(metavar="PHOTO", help="What --output shows. (default: an example portrait)")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write a picture of the photo in every style.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    style: TaughtStyles = None,
    overwrite: Overwrite = False,
    weights: Weights = None,
    offline: Offline = False,
    device: Device = "auto",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """The styles to choose from with convert --style; the first is the default."""
    from most_sketch.checkpoints.find import DEFAULT_WEIGHTS, find_style, find_weights
    from most_sketch.checkpoints.header import read_header
    from most_sketch.checkpoints.hub import Hub
    from most_sketch.checkpoints.manifest import read_manifest

    if photo is not None and output is None:
        raise typer.BadParameter(f"{photo}: a photo is drawn with -o FILE only; without, the styles are listed")
    check_picture("-o", output)
    if output is not None and output.is_file():
        if photo is not None and photo.exists() and output.samefile(photo):
            raise InputError(f"{output}: is the photo itself; name another file with -o")
        keep_existing(output, overwrite)
    name = weights or DEFAULT_WEIGHTS
    entry = read_manifest().get(name)
    described = dict(entry.styles) if entry else {}
    hub = Hub(offline=offline)
    path = find_weights(name, hub)
    files = [find_style(each, hub) for each in style or ()]
    config = read_header(path).config
    if files:
        from most_sketch.checkpoints.styles import read_styles_of, with_names

        taught = [each.info for each in read_styles_of(path, name, files)]
        described |= {info.name: info.description for info in taught}
        config = with_names(config, [info.name for info in taught])
    if as_json:
        typer.echo(json.dumps([{"style": each, "description": described.get(each, "")} for each in config.styles]))
    elif not (quiet and output is not None):
        width = max(map(len, config.styles))
        for each in config.styles:
            typer.echo(f"{each:{width}}  {described.get(each, '')}".rstrip())
    if output is not None:
        _draw(photo, output, path, files, device)
        if not quiet:
            say(f"{output}: the photo in every style")


def _draw(photo: Path | None, output: Path, weights: Path, styles: Sequence[Path], device: str) -> None:
    from most_sketch.checkpoints.packaged import examples_folder
    from most_sketch.drawing.contact_sheets import captioned
    from most_sketch.drawing.sketcher import Sketcher
    from most_sketch.photo.images import encode_image, read_image, write_bytes

    picture = read_image(photo or examples_folder() / "astronaut.jpg")
    sketcher = Sketcher.load(weights, device, styles=styles, photos=1)
    (crop,) = sketcher.crops(picture)
    sketches = zip(sketcher.styles, sketcher.draw_every_style(crop), strict=True)
    sheet = captioned({"photo": crop.image} | dict(sketches))
    write_bytes(output, encode_image(sheet, output.suffix.lower()))

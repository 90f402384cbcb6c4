"""A sketch as the file that a person asked for: a picture, shapes, a pen's strokes, or a page to print."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from most_sketch.drawing.options import Options
from most_sketch.drawing.records import Pen
from most_sketch.drawing.stores import Location
from most_sketch.photo.images import encode_image
from most_sketch.photo.ink import ink_as_alpha
from most_sketch.photo.pdf import to_pdf
from most_sketch.photo.provenance import PhotoMark, record_text, seal, settings_text


@dataclass(frozen=True)
class SketchFile:
    """What is to be written."""

    data: bytes
    pen: Pen | None = None


def sketch_file(
    sketch: Image.Image, suffix: str, options: Options, paper: int, record: str, exif: Image.Exif
) -> SketchFile:
    """A sketch on paper of this grey level in the format of `suffix`, a key of `SKETCH_FORMATS`, with its record.

    Raises `InputError` without a name for what the format cannot hold, and where packages are missing.
    """
    if suffix == ".svg" and options.strokes:
        from most_sketch.photo.strokes import to_strokes

        data, plot = to_strokes(sketch, options.dpi, paper, record)
        return SketchFile(seal(data), Pen(plot.lifts, plot.metres))
    if suffix == ".svg":
        from most_sketch.photo.shapes import to_shapes

        return SketchFile(seal(to_shapes(sketch, options.dpi, paper, record)))
    if suffix == ".pdf":
        return SketchFile(to_pdf([sketch], options.page, options.margin, options.dpi, record))
    picture = ink_as_alpha(sketch, paper) if options.transparent else sketch
    return SketchFile(encode_image(picture, suffix, options.quality, dpi=options.dpi, record=record, exif=exif))


def book_of(sketches: Sequence[Location], options: Options) -> bytes:
    """A PDF with a page for each sketch that was written; it is known again as ours."""
    pictures = (Image.open(io.BytesIO(path.read_bytes())) for path in sketches)
    record = record_text("", PhotoMark("", ""), settings_text({"pages": len(sketches)}))
    return to_pdf(pictures, options.page, options.margin, options.dpi, record)

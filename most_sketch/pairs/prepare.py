"""Bring pairs that were never aligned into the frame: one transform for the photo and its sketch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from most_sketch.errors import FaceError, InputError
from most_sketch.pairs.pairs import Pair, read_pair
from most_sketch.photo.faces import MIN_CONFIDENCE, FaceFinder
from most_sketch.photo.frame import extend_with_paper, place_face, to_frame
from most_sketch.photo.images import encode_image, write_bytes

SUFFIX = ".png"
DARKEST_PAPER = 160
"""A sketch's paper is its most frequent grey level from here on."""


@dataclass(frozen=True)
class Prepared:
    """What became of one pair."""

    pair: Pair
    problem: str = ""
    """Why it was left out; empty if it is in the destination."""


def prepare(
    pairs: Iterable[Pair], destination: Path, finder: FaceFinder, min_confidence: float = MIN_CONFIDENCE
) -> Iterator[Prepared]:
    """Write each pair to `destination` as DATABASE/photos/NAME.png and DATABASE/sketches/NAME.png, 200 x 250.

    The largest face of the photo is brought into the frame. Beyond the picture's edge the photo goes on and the
    sketch is white paper, as white as all its paper is made. Pairs that are there already are not done again.
    Yields what became of each pair; raises `InputError` if the destination cannot be written.
    """
    for pair in pairs:
        photo_path, sketch_path = (
            destination / pair.database / folder / f"{pair.photo.stem}{SUFFIX}" for folder in ("photos", "sketches")
        )
        if not sketch_path.exists():
            try:
                photo, sketch = in_the_frame(pair, finder, min_confidence)
            except InputError as error:
                yield Prepared(pair, str(error))
                continue
            # The sketch last: it is there only if the photo is.
            write_bytes(photo_path, encode_image(photo, SUFFIX))
            write_bytes(sketch_path, encode_image(sketch, SUFFIX))
        yield Prepared(pair)


def in_the_frame(pair: Pair, finder: FaceFinder, min_confidence: float) -> tuple[Image.Image, Image.Image]:
    """Photo (RGB) and sketch (L) of a pair in the frame. Raises `FaceError` or `InputError` that names the pair."""
    photo, sketch = read_pair(pair)
    faces = finder.find(photo, min_confidence)
    if not faces:
        raise FaceError(f"{pair.name}: no face found in the photo")
    placement = place_face(photo.size, *faces[0].eyes)
    return to_frame(photo, placement), to_frame(whiten(sketch), placement, extend_with_paper)


def whiten(sketch: Image.Image) -> Image.Image:
    """Brighten a sketch (mode L) until its paper is white, as a scanner's operator would.

    Else grey scans end in a step where the frame goes beyond them, which a network learns to draw.
    """
    levels = sketch.histogram()[DARKEST_PAPER:]
    if not any(levels):
        return sketch
    paper = DARKEST_PAPER + levels.index(max(levels))
    return sketch.point([min(255, round(level * 255 / paper)) for level in range(256)])

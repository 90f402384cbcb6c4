"""Read a pair that is to be prepared: its pictures, and where they go in the frame.

Where photo and drawing have the same size they match pixel by pixel, and one transform brings both. Else each goes into
the frame by its own face.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from most_sketch.errors import FaceError, InputError
from most_sketch.pairs.landmarks import FRAMES, Points, check_inside, eyes_of, read_points
from most_sketch.pairs.lighting import level_paper
from most_sketch.pairs.mattes import check_mask
from most_sketch.pairs.pairs import Pair, read_pictures
from most_sketch.pairs.perspective import find_sheet, project, rectify
from most_sketch.photo.faces import MIN_CONFIDENCE, FaceFinder
from most_sketch.photo.frame import WHITE, Placement, Point, apply, in_frame, place_whole, scale_of
from most_sketch.photo.images import read_image

FACE = (100.0, 140.0)
"""The middle of a face in the frame."""
MOST_PIXELS = 100_000_000
"""Of pictures that are kept, in all, so that they need not be read again."""
CUTOFF = 1
"""Per cent of the darkest and of the lightest pixels that a second look for a face does without."""

THICKEN, DRAWN_CONFIDENCE = (3, 5), 0.7
"""Pixels to which the strokes of a drawing are widened for further looks, and how sure those have to be."""


@dataclass(frozen=True)
class Preparation:
    """How pairs are prepared."""

    scale: float = 1.0
    """Size of the prepared pairs, in frames of 200 x 250."""
    frame: str = "cufs"
    """Where the face is in it: a name in `landmarks.FRAMES`."""
    fit: bool = False
    """Bend drawings that do not match their photos onto them."""
    keep_predictable_offset: bool = False
    """Leave the displacement of a database's drawings in them as far as photos tell it (`offset_model`): where
    unbent drawings are scored against, a network must learn it."""
    keep_paper: bool = False
    """Leave the drawings' paper as it is, grain, captions and all: benchmarks are scored against that."""
    smooth_paper: bool = False
    """Blur the grain of drawings' paper, which photos do not tell of."""
    min_confidence: float = MIN_CONFIDENCE
    """Of faces, which are looked for where no points of them are given."""
    paper: int = WHITE
    """The grey level of what is beyond a drawing's borders."""


@dataclass(frozen=True)
class Placed:
    """Where a pair's photo and drawing go in the frame, and the same points of both there."""

    photo: Placement
    sketch: Placement
    photo_points: Points
    sketch_points: Points

    @property
    def together(self) -> bool:
        """Do photo and drawing match pixel by pixel?"""
        return self.photo is self.sketch

    @property
    def displacement(self) -> Points:
        """By how much the drawing's points lie beside the photo's, (n, 2)."""
        moved: Points = self.sketch_points - self.photo_points
        return moved


@dataclass(frozen=True)
class Opened:
    """A pair as it was read: photo (RGB), drawing and mask (L), and where they go.

    A photographed sheet is straightened. Where paper is to become white, it is of one level.
    """

    photo: Image.Image
    sketch: Image.Image
    mask: Image.Image | None
    placed: Placed

    @property
    def pixels(self) -> int:
        return 3 * self.photo.width * self.photo.height + self.sketch.width * self.sketch.height


class Reader:
    """Reads pairs and finds their faces once, however often they are asked for; the last pictures stay in memory."""

    def __init__(self, finder: FaceFinder, how: Preparation) -> None:
        self.finder = finder
        self.how = how
        self._found: dict[tuple[Path, str], Points | None] = {}
        self._problems: dict[str, InputError] = {}
        self._opened: OrderedDict[str, Opened] = OrderedDict()

    def open(self, pair: Pair) -> Opened:
        """A pair's pictures and where they go. Raises `FaceError` or `InputError` that names the pair."""
        if problem := self._problems.get(pair.name):
            raise problem
        if pair.name not in self._opened:
            try:
                self._opened[pair.name] = self._read(pair)
            except InputError as error:
                self._problems[pair.name] = error
                raise
            while len(self._opened) > 1 and sum(each.pixels for each in self._opened.values()) > MOST_PIXELS:
                self._opened.popitem(last=False)
        return self._opened[pair.name]

    def _read(self, pair: Pair) -> Opened:
        photo, sketch = read_pictures(pair)
        mask = None if pair.mask is None else read_image(pair.mask).convert("L")
        drawn = None
        if pair.sketch_points is not None:
            drawn = read_points(pair.sketch_points)
            check_inside(drawn, sketch.size, pair.sketch_points)
        together = photo.size == sketch.size and drawn is None
        if not together and (corners := find_sheet(sketch)) is not None:
            sketch, homography = rectify(sketch, corners)
            drawn = None if drawn is None else project(homography, drawn)
        as_read = sketch
        if not self.how.keep_paper:
            sketch = level_paper(sketch)
        looks = (sketch,) if sketch is as_read else (sketch, as_read)
        placed = self._place(pair, photo, looks, drawn, together)
        if mask is not None and pair.mask is not None:
            check_mask(mask, photo.size, face_in(placed.photo), 1 / scale_of(placed.photo), pair.mask)
        return Opened(photo, sketch, mask, placed)

    def _place(
        self, pair: Pair, photo: Image.Image, sketches: Sequence[Image.Image], drawn: Points | None, together: bool
    ) -> Placed:
        """Where a pair's photo and sketch go: by the points that it has, else by the largest face.

        The sketch may come in several shades, in which faces are looked for in turn.
        """
        into = FRAMES[self.how.frame]
        sketch = sketches[0]
        if pair.photo_points is not None:
            points: Points | None = read_points(pair.photo_points)
            check_inside(read_points(pair.photo_points), photo.size, pair.photo_points)
        else:
            points = self._find(pair.photo, "photo", [photo])
        if points is None:
            raise FaceError(f"{pair.name}: no face found in the photo")
        # CUFS itself is in the frame already, and is not to be moved by what a detector says.
        there = self.how.frame == "cufs" and photo.size == sketch.size and in_frame(photo.size, *eyes_of(points))
        first = place_whole(photo.size) if there else into(points)
        if together:
            placed = apply(first, points)
            return Placed(first, first, placed, placed)
        if drawn is None:
            drawn = self._find(pair.sketch, "sketch", [each.convert("RGB") for each in sketches])
        if drawn is None:
            raise FaceError(
                f"{pair.name}: no face found in the drawing; add its points as sketch_points/{pair.sketch.stem}.pts"
            )
        if self.how.fit and len(points) != len(drawn):
            raise InputError(
                f"{pair.name}: {len(points)} points of the photo and {len(drawn)} of the drawing do not match"
            )
        second = place_whole(sketch.size) if there else into(drawn)
        return Placed(first, second, apply(first, points), apply(second, drawn))

    def _find(self, path: Path, half: str, pictures: Sequence[Image.Image]) -> Points | None:
        """MTCNN's five points of the largest face, if there is any; half: of one file that holds both."""
        if (path, half) not in self._found:
            sure = self.how.min_confidence
            looks: Iterable[tuple[Image.Image, float]] = ((picture, sure) for picture in pictures)
            if half == "sketch":
                # Pale pencil and fine lines are no face to a detector of photos.
                looks = (look for picture in pictures for look in _looks_at_drawing(picture, sure))
            faces = next((faces for look in looks if (faces := self.finder.find(*look))), [])
            self._found[path, half] = np.array(faces[0].landmarks) if faces else None
        return self._found[path, half]


def _looks_at_drawing(picture: Image.Image, sure: float) -> Iterator[tuple[Image.Image, float]]:
    """A drawing in ways in which its face may be seen, and how sure that has to be."""
    yield picture, sure
    yield ImageOps.autocontrast(picture, CUTOFF), sure
    for width in THICKEN:
        yield picture.filter(ImageFilter.MinFilter(width)), min(sure, DRAWN_CONFIDENCE)


def face_in(placement: Placement) -> Point:
    """Where the middle of the face is in a picture that this brings into the frame."""
    ((x, y),) = apply(np.linalg.inv(placement), np.array([FACE]))
    return float(x), float(y)

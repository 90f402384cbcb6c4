"""Bring pairs that were never aligned into the frame, large or small, and drawings onto their photos.

Where photo and drawing have the same size they match pixel by pixel, and one transform brings both. Scans of drawings
match nothing: there photo and drawing are brought into the frame each by its own face, the drawing is freed of all that
is not drawn, and may be bent onto the photo.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from pathlib import Path

import numpy as np
from PIL import Image

from most_sketch.errors import FaceError, InputError
from most_sketch.pairs.bend import Field, bend, field_between, outline_points
from most_sketch.pairs.landmarks import FRAMES, Points, eyes_of, read_points
from most_sketch.pairs.mattes import one_person
from most_sketch.pairs.offset_model import LandmarkOffsets, OffsetModel, fit_offset_model
from most_sketch.pairs.pairs import Pair, hold_out, read_pictures
from most_sketch.pairs.paper import clean, smooth_paper, whiten
from most_sketch.pairs.register import after, flow_between, limited
from most_sketch.photo.faces import MIN_CONFIDENCE, FaceFinder
from most_sketch.photo.frame import (
    WHITE,
    Placement,
    apply,
    extend_with_nothing,
    extend_with_paper,
    in_frame,
    place_whole,
    scale_of,
    to_frame,
)
from most_sketch.photo.images import encode_image, read_image, write_bytes

SUFFIX = ".png"
FACE = (100.0, 140.0)
"""The middle of a face in the frame."""

Draw = Callable[[Image.Image], Image.Image]
"""What a network draws of a photo in the frame."""


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
class Prepared:
    """What became of one pair."""

    pair: Pair
    problem: str = ""
    """Why it was left out; empty if it is in the destination."""
    notice: str = ""
    """What of it was left undone, and why."""


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
class Framed:
    """A pair in the frame: photo (RGB), sketch and mask (L), and the photo's points there."""

    photo: Image.Image
    sketch: Image.Image
    mask: Image.Image | None
    points: Points
    notice: str = ""
    """Why the drawing's paper was left as it is, although it was to be cleared."""


def prepare(
    pairs: Iterable[Pair],
    destination: Path,
    finder: FaceFinder,
    how: Preparation | None = None,
    draw: Draw | None = None,
) -> Iterator[Prepared]:
    """Write each pair to `destination`: DATABASE/photos/NAME.png, DATABASE/sketches/NAME.png, and masks likewise.

    The largest face is brought into the frame. Beyond the picture's edge the photo goes on and the sketch is white
    paper, as white as all its paper is made. Drawings that are bent are registered to what `draw` makes of their photos
    too, if it is given. Pairs that are there already are not done again. Where what photos tell is left in drawings,
    DATABASE/displaced.safetensors says where they lay (`LandmarkOffsets`). Yields what became of each pair; raises
    `InputError` if the destination cannot be written.
    """
    how = how or Preparation()
    for _, group in groupby(pairs, key=lambda pair: pair.database):
        members = list(group)
        measured = landmark_offsets_in(members, finder, how) if how.fit and how.keep_predictable_offset else None
        offsets = None if measured is None else offset_model_of(members, measured)
        if measured is not None:
            measured.write(destination / members[0].database)
        flows: dict[str, Field] = {}
        if draw is not None and not all(_goes_to(destination, pair, "sketches").exists() for pair in members):
            flows = flows_of(members, finder, how, offsets, draw)
        for pair in members:
            photo_path, sketch_path, mask_path = (
                _goes_to(destination, pair, folder) for folder in ("photos", "sketches", "masks")
            )
            notice = ""
            if not sketch_path.exists():
                try:
                    framed = in_the_frame(pair, finder, how, offsets, flows.get(pair.name))
                except InputError as error:
                    yield Prepared(pair, str(error))
                    continue
                notice = framed.notice
                # The sketch last: it is there only if the others are.
                if framed.mask is not None:
                    write_bytes(mask_path, encode_image(framed.mask, SUFFIX))
                write_bytes(photo_path, encode_image(framed.photo, SUFFIX))
                drawing = smooth_paper(framed.sketch, how.scale) if how.smooth_paper else framed.sketch
                write_bytes(sketch_path, encode_image(drawing, SUFFIX))
            yield Prepared(pair, notice=notice)


def in_the_frame(
    pair: Pair, finder: FaceFinder, how: Preparation, offsets: OffsetModel | None = None, flow: Field | None = None
) -> Framed:
    """A pair in the frame; `offsets` is the model of its database, `flow` its own, as `flows_of` finds them.

    Raises `FaceError` or `InputError` that names the pair.
    """
    photo, sketch = read_pictures(pair)
    extend_paper = partial(extend_with_paper, level=how.paper)
    mask = None if pair.mask is None else read_image(pair.mask).convert("L")
    placed = place(pair, photo, sketch, finder, how)
    framed = to_frame(photo, placed.photo, scale=how.scale)
    framed_mask = None
    if mask is not None:
        alone = one_person(mask, _face_in(placed.photo), 1 / scale_of(placed.photo))
        framed_mask = to_frame(alone, placed.photo, extend_with_nothing, how.scale)
    if placed.together:
        sketch = sketch if how.keep_paper else whiten(sketch)
        drawing = to_frame(sketch, placed.sketch, extend_paper, how.scale)
        return Framed(framed, drawing, framed_mask, placed.photo_points)
    cleaned = clean(sketch, placed.sketch, apply(np.linalg.inv(placed.sketch), placed.sketch_points))
    notice = ""
    if not how.keep_paper:
        sketch = cleaned.drawing
        if cleaned.lost:
            notice = f"{pair.name}: cleaning would have taken {cleaned.lost:.0%} of the face's strokes"
    drawing = to_frame(sketch, placed.sketch, extend_paper, how.scale)
    if not how.fit:
        return Framed(framed, drawing, framed_mask, placed.photo_points, notice)
    ours = placed.photo_points + (0 if offsets is None else offsets.predict(placed.photo_points))
    outlines = None
    if mask is not None:
        outlines = outline_points(
            to_frame(mask, placed.photo), to_frame(cleaned.outline, placed.sketch, extend_with_nothing), FACE
        )
    field = field_between(ours, placed.sketch_points, outlines)
    if flow is not None:
        field = after(limited(flow), field)
    return Framed(framed, bend(drawing, field, how.paper), framed_mask, placed.photo_points, notice)


def place(pair: Pair, photo: Image.Image, sketch: Image.Image, finder: FaceFinder, how: Preparation) -> Placed:
    """Where a pair's photo (RGB) and sketch (L) go: by the points that it has, else by the largest face.

    Raises `FaceError` where there is no face, `InputError` for points that cannot be used.
    """
    into = FRAMES[how.frame]
    points = _points(pair.photo_points, photo, f"{pair.name}: no face found in the photo", finder, how)
    # CUFS itself is in the frame already, and is not to be moved by what a detector says.
    there = how.frame == "cufs" and photo.size == sketch.size and in_frame(photo.size, *eyes_of(points))
    first = place_whole(photo.size) if there else into(points)
    if photo.size == sketch.size and pair.sketch_points is None:
        placed = apply(first, points)
        return Placed(first, first, placed, placed)
    remedy = "add its points as sketch_points/NAME.pts"
    drawn = _points(
        pair.sketch_points, sketch.convert("RGB"), f"{pair.name}: no face found in the drawing; {remedy}", finder, how
    )
    if how.fit and len(points) != len(drawn):
        raise InputError(f"{pair.name}: {len(points)} points of the photo and {len(drawn)} of the drawing do not match")
    second = place_whole(sketch.size) if there else into(drawn)
    return Placed(first, second, apply(first, points), apply(second, drawn))


def landmark_offsets_in(pairs: Sequence[Pair], finder: FaceFinder, how: Preparation) -> LandmarkOffsets | None:
    """Where the drawings of a database lie beside their photos.

    None where all match, or have points that do not; pairs that cannot be used are left out.
    """
    places: dict[str, Placed] = {}
    for pair in pairs:
        try:
            placed = place(pair, *read_pictures(pair), finder, how)
        except InputError:
            continue
        if not placed.together:
            places[pair.photo.stem] = placed
    if len({len(placed.photo_points) for placed in places.values()}) != 1:
        return None
    points, displacements = (
        np.stack([getattr(placed, name) for placed in places.values()]) for name in ("photo_points", "displacement")
    )
    return LandmarkOffsets(list(places), points, displacements)


def offset_model_of(pairs: Sequence[Pair], measured: LandmarkOffsets) -> OffsetModel:
    """The offset model of a database, fitted on the pairs that are not held out."""
    return measured.offset_model({pair.photo.stem for pair in hold_out(pairs)[0]})


def flows_of(
    pairs: Sequence[Pair], finder: FaceFinder, how: Preparation, offsets: OffsetModel | None, draw: Draw
) -> dict[str, Field]:
    """How the bent drawings of a database's pairs, by name, lie beside what `draw` makes of their photos.

    Less what photos tell of it, which is to be learnt: if that were registered away, a network that draws a little too
    low, say, would never be mended. Pairs that cannot be used are left out.
    """
    flows: dict[str, Field] = {}
    points: dict[str, Points] = {}
    for pair in pairs:
        try:
            framed = in_the_frame(pair, finder, replace(how, scale=1.0), offsets)
        except InputError:
            continue
        flows[pair.name] = flow_between(draw(framed.photo), framed.sketch)
        points[pair.name] = framed.points
    telling = [pair.name for pair in hold_out(pairs)[0] if pair.name in flows] or list(flows)
    if not telling:
        return {}
    common = fit_offset_model([points[name] for name in telling], [flows[name] for name in telling])
    return {name: flow - common.predict(points[name]) for name, flow in flows.items()}


def _goes_to(destination: Path, pair: Pair, folder: str) -> Path:
    """Where this one of a pair's pictures is written."""
    return destination / pair.database / folder / f"{pair.photo.stem}{SUFFIX}"


def _face_in(placement: Placement) -> tuple[float, float]:
    """Where the middle of the face is in a picture that this brings into the frame."""
    ((x, y),) = apply(np.linalg.inv(placement), np.array([FACE]))
    return x, y


def _points(path: Path | None, picture: Image.Image, missing: str, finder: FaceFinder, how: Preparation) -> Points:
    """Those in a file, else MTCNN's five of the largest face."""
    if path is not None:
        return read_points(path)
    faces = finder.find(picture, how.min_confidence)
    if not faces:
        raise FaceError(missing)
    return np.array(faces[0].landmarks)

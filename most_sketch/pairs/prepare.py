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

from most_sketch.errors import InputError
from most_sketch.pairs.bend import Field, bend, field_between, outline_points
from most_sketch.pairs.landmarks import EYES_IN, Points
from most_sketch.pairs.mattes import one_person
from most_sketch.pairs.offset_model import LandmarkOffsets, OffsetModel, fit_offset_model
from most_sketch.pairs.pairs import Pair, hold_out
from most_sketch.pairs.paper import border_level, clean, smooth_paper, whiten
from most_sketch.pairs.reading import FACE, Placed, Preparation, Reader, face_in
from most_sketch.pairs.register import after, flow_between, limited
from most_sketch.photo.faces import FaceFinder
from most_sketch.photo.frame import (
    FRAME_SIZE,
    apply,
    extend_with_nothing,
    extend_with_paper,
    scale_of,
    to_frame,
)
from most_sketch.photo.images import encode_image, write_bytes

SUFFIX = ".png"
LIGHT = 225
"""Paper that was to be white and is darker than this stayed dark."""
SURE_FACE = 0.95
"""Faces found less surely say nothing against points."""
FAR_EYES, DOUBTFUL_EYES = 25.0, 10.0
"""Points whose eyes are so many pixels of the frame beside those that are found are wrong, or doubtful."""

Draw = Callable[[Image.Image], Image.Image]
"""What a network draws of a photo in the frame."""


@dataclass(frozen=True)
class Outcome:
    """What was done to a pair, and what somebody should know of it."""

    bent_by: str = ""
    """What its drawing was bent onto the photo by; empty if it was not."""
    registered: bool = False
    """Was its drawing registered to what a network draws?"""
    kept_paper: str = ""
    """Why its paper was left as it is, although it was to be cleaned."""
    dark_paper: bool = False
    """Did its paper stay dark, although it was to be made white?"""
    doubt: str = ""
    """Why somebody should look at it."""


@dataclass(frozen=True)
class Prepared:
    """What became of one pair."""

    pair: Pair
    problem: str = ""
    """Why it was left out; empty if it is in the destination."""
    outcome: Outcome | None = None
    """None if it was left out, or was there already."""


@dataclass(frozen=True)
class Framed:
    """A pair in the frame: photo (RGB), sketch and mask (L), and the photo's points there."""

    photo: Image.Image
    sketch: Image.Image
    mask: Image.Image | None
    points: Points
    outcome: Outcome


def prepare(
    pairs: Iterable[Pair],
    destination: Path,
    finder: FaceFinder,
    how: Preparation | None = None,
    draw: Draw | None = None,
    overwrite: bool = False,
) -> Iterator[Prepared]:
    """Write each pair to `destination`: DATABASE/photos/NAME.png, DATABASE/sketches/NAME.png, and masks likewise.

    The largest face is brought into the frame. Beyond the picture's edge the photo goes on and the sketch is white
    paper, as white as all its paper is made. Drawings that are bent are registered to what `draw` makes of their photos
    too, if it is given. Pairs that are there already are done again only with `overwrite`. Where what photos tell is
    left in drawings, DATABASE/displaced.safetensors says where they lay (`LandmarkOffsets`). Yields what became of each
    pair; raises `InputError` if the destination cannot be written.
    """
    how = how or Preparation()
    for _, group in groupby(pairs, key=lambda pair: pair.database):
        members = list(group)
        reader = Reader(finder, how)
        measured = landmark_offsets_in(members, reader) if how.fit and how.keep_predictable_offset else None
        offsets = None if measured is None else offset_model_of(members, measured)
        if measured is not None:
            measured.write(destination / members[0].database)
        flows: dict[str, Field] = {}
        if draw is not None and (overwrite or not all(is_prepared(destination, pair) for pair in members)):
            flows = flows_of(members, reader, offsets, draw)
        for pair in members:
            photo_path, sketch_path, mask_path = (
                goes_to(destination, pair, folder) for folder in ("photos", "sketches", "masks")
            )
            if sketch_path.exists() and not overwrite:
                yield Prepared(pair)
                continue
            try:
                framed = in_the_frame(pair, reader, offsets, flows.get(pair.name))
            except InputError as error:
                yield Prepared(pair, str(error))
                continue
            # The sketch last: it is there only if the others are.
            if framed.mask is not None:
                write_bytes(mask_path, encode_image(framed.mask, SUFFIX))
            write_bytes(photo_path, encode_image(framed.photo, SUFFIX))
            drawing = smooth_paper(framed.sketch, how.scale) if how.smooth_paper else framed.sketch
            write_bytes(sketch_path, encode_image(drawing, SUFFIX))
            yield Prepared(pair, outcome=framed.outcome)


def in_the_frame(
    pair: Pair,
    reader: Reader,
    offsets: OffsetModel | None = None,
    flow: Field | None = None,
    scale: float | None = None,
) -> Framed:
    """A pair in the frame; `offsets` is the model of its database, `flow` its own, as `flows_of` finds them.

    `scale` is that of the preparation unless it is given. Raises `FaceError` or `InputError` that names the pair.
    """
    how = reader.how if scale is None else replace(reader.how, scale=scale)
    opened = reader.open(pair)
    placed = opened.placed
    extend_paper = partial(extend_with_paper, level=how.paper)
    photo = to_frame(opened.photo, placed.photo, scale=how.scale)
    mask = None
    if opened.mask is not None:
        alone = one_person(opened.mask, face_in(placed.photo), 1 / scale_of(placed.photo))
        mask = to_frame(alone, placed.photo, extend_with_nothing, how.scale)
    if placed.together:
        sketch = opened.sketch if how.keep_paper else whiten(opened.sketch)
        drawing = to_frame(sketch, placed.sketch, extend_paper, how.scale)
        return Framed(photo, drawing, mask, placed.photo_points, Outcome(dark_paper=_is_dark(sketch, how)))
    cleaned = clean(opened.sketch, placed.sketch, apply(np.linalg.inv(placed.sketch), placed.sketch_points))
    if cleaned.blank:
        raise InputError(f"{pair.name}: no drawing where its face should be; are its points of another size of it?")
    sketch = opened.sketch if how.keep_paper else cleaned.drawing
    drawing = to_frame(sketch, placed.sketch, extend_paper, how.scale)
    outcome = Outcome(
        kept_paper=f"cleaning would have taken {cleaned.lost:.0%} of its face's ink" if cleaned.lost else "",
        dark_paper=_is_dark(sketch, how),
        doubt=_doubt(pair, photo, drawing, reader),
    )
    if how.keep_paper:
        outcome = replace(outcome, kept_paper="")
    if not how.fit:
        return Framed(photo, drawing, mask, placed.photo_points, outcome)
    ours = placed.photo_points + (0 if offsets is None else offsets.predict(placed.photo_points))
    outlines = None
    if opened.mask is not None:
        outlines = outline_points(
            to_frame(opened.mask, placed.photo), to_frame(cleaned.outline, placed.sketch, extend_with_nothing), FACE
        )
    field = field_between(ours, placed.sketch_points, outlines)
    if flow is not None:
        field = after(limited(flow), field)
    bent_by = f"{len(ours)} points" + (" and the outline of the head" if outlines is not None else "")
    outcome = replace(outcome, bent_by=bent_by, registered=flow is not None)
    return Framed(photo, bend(drawing, field, how.paper), mask, placed.photo_points, outcome)


def landmark_offsets_in(pairs: Sequence[Pair], reader: Reader) -> LandmarkOffsets | None:
    """Where the drawings of a database lie beside their photos.

    None where all match, or have points that do not; pairs that cannot be used are left out.
    """
    places: dict[str, Placed] = {}
    for pair in pairs:
        try:
            placed = reader.open(pair).placed
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


def flows_of(pairs: Sequence[Pair], reader: Reader, offsets: OffsetModel | None, draw: Draw) -> dict[str, Field]:
    """How the bent drawings of a database's pairs, by name, lie beside what `draw` makes of their photos.

    Less what photos tell of it, which is to be learnt: if that were registered away, a network that draws a little too
    low, say, would never be mended. Pairs that cannot be used are left out.
    """
    flows: dict[str, Field] = {}
    points: dict[str, Points] = {}
    for pair in pairs:
        try:
            framed = in_the_frame(pair, reader, offsets, scale=1.0)
        except InputError:
            continue
        flows[pair.name] = flow_between(draw(framed.photo), framed.sketch)
        points[pair.name] = framed.points
    telling = [pair.name for pair in hold_out(pairs)[0] if pair.name in flows] or list(flows)
    if not telling:
        return {}
    common = fit_offset_model([points[name] for name in telling], [flows[name] for name in telling])
    return {name: flow - common.predict(points[name]) for name, flow in flows.items()}


def is_prepared(destination: Path, pair: Pair) -> bool:
    """Is a pair in the destination already?"""
    return goes_to(destination, pair, "sketches").exists()


def goes_to(destination: Path, pair: Pair, folder: str) -> Path:
    """Where this one of a pair's pictures is written."""
    return destination / pair.database / folder / f"{pair.photo.stem}{SUFFIX}"


def _is_dark(drawing: Image.Image, how: Preparation) -> bool:
    """Did the paper of a drawing stay dark that was to be made white?"""
    return not how.keep_paper and border_level([drawing]) < LIGHT


def _doubt(pair: Pair, photo: Image.Image, drawing: Image.Image, reader: Reader) -> str:
    """What speaks against the points in a pair's files: a face that is found elsewhere in the frame.

    Raises `InputError` where it is so far away that the points cannot be right.
    """
    doubts = []
    opened = reader.open(pair)
    for file, picture, whole, placement, name in (
        (pair.photo_points, photo, opened.photo, opened.placed.photo, "photo"),
        (pair.sketch_points, drawing, opened.sketch, opened.placed.sketch, "drawing"),
    ):
        if file is None:
            continue
        small = picture.convert("RGB").resize(FRAME_SIZE, Image.Resampling.BOX)
        eyes = [np.array(face.eyes) for face in reader.finder.find(small, SURE_FACE)[:1]]
        if not eyes:
            faces = reader.finder.find(whole.convert("RGB"), SURE_FACE)
            eyes = [apply(placement, np.array(face.eyes)) for face in faces[:1]]
        if not eyes:
            continue
        beside = float(np.abs(np.subtract(eyes[0], EYES_IN[reader.how.frame])).max())
        if beside > FAR_EYES:
            missing = "drawing" if name == "drawing" else "face"
            raise InputError(
                f"{pair.name}: no {missing} where its face should be; {file} does not fit its picture, are its points "
                "of another size of it?"
            )
        if beside > DOUBTFUL_EYES:
            doubts.append(f"the eyes of the {name} lie {beside:.0f} pixels of the frame beside its points")
    return "; ".join(doubts)

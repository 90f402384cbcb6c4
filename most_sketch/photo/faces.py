"""Find the faces in a photo, with MTCNN."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from most_sketch.photo.frame import EYES, Point
from most_sketch.photo.mtcnn import Cascade, Detector
from most_sketch.photo.search_area import Span, search_shrink, tile_spans

MIN_CONFIDENCE = 0.9

SURE = 0.9995
"""No other turn of a photo is looked at if a face is found so surely: 15 of 24 upright portraits measured. Turned
ones were found sideways with up to 0.988 in those, and upside down with 0.9985 in another."""

CLEARLY, MAX_DOUBT = 4, 0.02
"""A photo is taken as turned if its surest face so is so many times less likely to be none, and not likelier."""

PROBE_FACE = 100
"""Width of the found face in pixels of the picture that is searched in other turns: enough to tell, and quick."""

SMALL_FACE = 1.25
"""A face that must be enlarged more than this to fill the frame gives a notice."""

FRAME_EYE_DISTANCE = math.dist(*EYES)

TURNS = {0: None, 90: Image.Transpose.ROTATE_270, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_90}
"""Degrees clockwise, and what Pillow calls them."""


@dataclass(frozen=True)
class Face:
    """A face in a photo, in its pixels. Left and right are as seen in the picture."""

    box: tuple[float, float, float, float]
    """Left, top, right, bottom."""
    landmarks: tuple[Point, Point, Point, Point, Point]
    """Left eye, right eye, nose, left and right corner of the mouth."""
    confidence: float
    turned: int = 0
    """By how many degrees clockwise the photo had to be turned for the face to be upright: 0, 90, 180 or 270."""

    @property
    def eyes(self) -> tuple[Point, Point]:
        return self.landmarks[0], self.landmarks[1]

    @property
    def area(self) -> float:
        left, top, right, bottom = self.box
        return max(0.0, right - left) * max(0.0, bottom - top)

    @property
    def enlargement(self) -> float:
        """How many times the face must be enlarged to fill the frame; up to 1 the frame uses all its detail."""
        return FRAME_EYE_DISTANCE / math.dist(*self.eyes)


class FaceFinder:
    """MTCNN, whose networks are given. Several threads may search with one finder."""

    def __init__(self, networks: Cascade) -> None:
        self._detector = Detector(networks)

    def find(self, photo: Image.Image, min_confidence: float = MIN_CONFIDENCE) -> list[Face]:
        """The faces in an RGB photo, each once, the largest first. An empty list if there is none.

        Where no face is surely upright, the photo is searched turned as well; the turn with the surest face counts.
        """
        shrink = search_shrink(photo.size)
        searched = _shrunk(photo, shrink)
        faces = self._search(searched, min_confidence)
        turn = self._surer_turn(searched, faces, min_confidence)
        if turn:
            turned = self._search(searched, min_confidence, turn)
            faces = turned if _doubt(turned) < _doubt(faces) else faces
        ratio = (photo.width / searched.width, photo.height / searched.height)
        sure = [face for face in (_enlarged(face, ratio) for face in faces) if math.dist(*face.eyes) > 1]
        return sorted(merge(sure), key=lambda face: face.area, reverse=True)

    def _surer_turn(self, searched: Image.Image, upright: list[Face], min_confidence: float) -> int:
        """The turn in which faces are found clearly more surely than upright, or 0."""
        doubt = _doubt(upright)
        if doubt <= 1 - SURE:
            return 0
        widest = max((face.box[2] - face.box[0] for face in upright), default=0.0)
        small = _shrunk(searched, min(1.0, PROBE_FACE / widest) if widest else 1.0)
        doubts = {turn: _doubt(self._search(small, min_confidence, turn)) for turn in TURNS if turn}
        turn = min(doubts, key=lambda turn: doubts[turn])
        return turn if doubts[turn] < min(doubt / CLEARLY, MAX_DOUBT) else 0

    def _search(self, picture: Image.Image, min_confidence: float, turn: int = 0) -> list[Face]:
        """The faces in a picture that is turned first, in pixels of the picture as it is; some may be there twice."""
        method = TURNS[turn]
        turned = picture if method is None else picture.transpose(method)
        return [
            _turned_back(face, turn, turned.size)
            for span in tile_spans(max(turned.size))
            for face in self._search_tile(turned, span)
            if face.confidence >= min_confidence
        ]

    def _search_tile(self, picture: Image.Image, span: Span) -> Iterator[Face]:
        """The faces in a part of a picture's longer side, without those that its inner edges cut."""
        start, end = span
        across = picture.width > picture.height
        length = max(picture.size)
        box = (start, 0, end, picture.height) if across else (0, start, picture.width, end)
        part = picture if span == (0, length) else picture.crop(box)
        for found, points, confidence in zip(*self._detector.detect(part), strict=True):
            face = _moved(_face(found, points, float(confidence)), box[0], box[1])
            low, high = (face.box[0], face.box[2]) if across else (face.box[1], face.box[3])
            if (low > start or start == 0) and (high < end or end == length):
                yield face


def face_notice(name: str, faces: Sequence[Face]) -> str:
    """What to tell who wants these faces of the photo `name` drawn; empty if all are upright and large enough."""
    told = []
    if turned := next((face.turned for face in faces if face.turned), 0):
        told.append(f"the photo was not upright and was turned by {turned} degrees clockwise")
    worst = max((face.enlargement for face in faces), default=0.0)
    if worst > SMALL_FACE:
        told.append(f"a face is small and was enlarged {worst:.1f} times; a closer photo gives a better sketch")
    return f"{name}: {'; '.join(told)}" if told else ""


def merge(faces: Iterable[Face]) -> list[Face]:
    """Of boxes on one face keep the surest: those whose smaller box lies by more than half in the larger."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: (face.confidence, face.area), reverse=True):
        if all(_overlap(face, other) <= 0.5 for other in kept):
            kept.append(face)
    return kept


def _overlap(one: Face, other: Face) -> float:
    """The share of the smaller box that lies in the larger."""
    left, top = max(one.box[0], other.box[0]), max(one.box[1], other.box[1])
    right, bottom = min(one.box[2], other.box[2]), min(one.box[3], other.box[3])
    return max(0.0, right - left) * max(0.0, bottom - top) / max(min(one.area, other.area), 1e-9)


def _face(box: NDArray[np.floating], landmarks: NDArray[np.floating], confidence: float) -> Face:
    """From the detector's arrays, (4,) and (5, 2), to plain numbers."""
    left, top, right, bottom = (float(value) for value in box)
    points = tuple((float(x), float(y)) for x, y in landmarks)
    return Face((left, top, right, bottom), (points[0], points[1], points[2], points[3], points[4]), confidence)


def _mapped(face: Face, move: Callable[[Point], Point]) -> Face:
    """A face whose points have gone elsewhere, its box upright again."""
    left, top, right, bottom = face.box
    (one_x, one_y), (other_x, other_y) = move((left, top)), move((right, bottom))
    box = (min(one_x, other_x), min(one_y, other_y), max(one_x, other_x), max(one_y, other_y))
    points = tuple(move(point) for point in face.landmarks)
    return replace(face, box=box, landmarks=(points[0], points[1], points[2], points[3], points[4]))


def _moved(face: Face, right: float, down: float) -> Face:
    return _mapped(face, lambda point: (point[0] + right, point[1] + down)) if right or down else face


def _enlarged(face: Face, ratio: Point) -> Face:
    return _mapped(face, lambda point: (point[0] * ratio[0], point[1] * ratio[1]))


def _turned_back(face: Face, turn: int, size: tuple[int, int]) -> Face:
    """A face of a picture of this size, where it was before the picture was turned by so many degrees clockwise."""
    width, height = size
    back: dict[int, Callable[[Point], Point]] = {
        90: lambda point: (point[1], width - point[0]),
        180: lambda point: (width - point[0], height - point[1]),
        270: lambda point: (height - point[1], point[0]),
    }
    return replace(_mapped(face, back[turn]), turned=turn) if turn else face


def _shrunk(picture: Image.Image, shrink: float) -> Image.Image:
    size = (round(picture.width * shrink), round(picture.height * shrink))
    if shrink == 1 or min(size) < 1:
        return picture
    return picture.resize(size, Image.Resampling.BOX, reducing_gap=2.0)


def _doubt(faces: Iterable[Face]) -> float:
    """How likely even the surest of these is none."""
    return 1 - max((face.confidence for face in faces), default=0.0)

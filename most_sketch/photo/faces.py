"""Find the faces in a photo, with MTCNN."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image

from most_sketch.photo.frame import EYES, Point

MIN_CONFIDENCE = 0.9
SEARCH_SIDE = 1000
"""Longer photos are searched at this length: the detector's time grows with the area."""

MIN_FACE = 20
"""The detector's smallest face, in pixels of the searched picture; it fails on pictures smaller than that."""

SMALL_FACE = 1.25
"""A face that must be enlarged more than this to fill the frame gives a notice."""

FRAME_EYE_DISTANCE = math.dist(*EYES)


@dataclass(frozen=True)
class Face:
    """A face in a photo, in its pixels. Left and right are as seen in the picture."""

    box: tuple[float, float, float, float]
    """Left, top, right, bottom."""
    landmarks: tuple[Point, Point, Point, Point, Point]
    """Left eye, right eye, nose, left and right corner of the mouth."""
    confidence: float

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
    """MTCNN, loaded when it is first used. Several threads may search with one finder."""

    def __init__(self, device: torch.device) -> None:
        from facenet_pytorch import MTCNN

        # Some of the detector's operations do not exist on Apple's MPS.
        where = torch.device("cpu") if device.type == "mps" else device
        self._detector: Any = MTCNN(keep_all=True, min_face_size=MIN_FACE, device=where).eval()

    def find(self, photo: Image.Image, min_confidence: float = MIN_CONFIDENCE) -> list[Face]:
        """The faces in an RGB photo, each once, the largest first. An empty list if there is none."""
        shrink = min(1.0, SEARCH_SIDE / max(photo.size))
        size = (round(photo.width * shrink), round(photo.height * shrink))
        if min(size) < MIN_FACE:
            return []
        searched = photo if shrink == 1 else photo.resize(size, Image.Resampling.BOX, reducing_gap=2.0)
        boxes, confidences, landmarks = self._detector.detect(searched, landmarks=True)
        if boxes is None:
            return []
        ratio = (photo.width / size[0], photo.height / size[1])
        found = (
            _face(box, points, float(confidence), ratio)
            for box, points, confidence in zip(boxes, landmarks, confidences, strict=True)
        )
        sure = [face for face in found if face.confidence >= min_confidence and math.dist(*face.eyes) > 1]
        return sorted(merge(sure), key=lambda face: face.area, reverse=True)


def small_face_notice(name: str, faces: Iterable[Face]) -> str:
    """What to tell who wants these faces of the photo `name` drawn; empty if all are large enough."""
    worst = max((face.enlargement for face in faces), default=0.0)
    if worst <= SMALL_FACE:
        return ""
    return f"{name}: a face is small and was enlarged {worst:.1f} times; a closer photo gives a better sketch"


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


def _face(box: Any, landmarks: Any, confidence: float, ratio: Point) -> Face:
    """From the detector's object arrays, (4,) and (5, 2), to plain numbers in the photo's pixels."""
    across, down = ratio
    left, top, right, bottom = (float(value) for value in box)
    points = tuple((float(x) * across, float(y) * down) for x, y in landmarks)
    return Face(
        (left * across, top * down, right * across, bottom * down),
        (points[0], points[1], points[2], points[3], points[4]),
        confidence,
    )

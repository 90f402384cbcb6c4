"""Faces are found once each, largest first, in photos of any size; and where there is none, none."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from most_sketch.photo.faces import TURNS, Face, FaceFinder, face_notice, merge
from most_sketch.photo.frame import place_by_eyes, to_frame
from most_sketch.photo.mtcnn_networks import load_cascade


@pytest.fixture(scope="module")
def finder() -> FaceFinder:
    return FaceFinder(load_cascade(torch.device("cpu")))


def test_the_eyes_of_a_portrait(finder: FaceFinder, portrait: Image.Image) -> None:
    (face,) = finder.find(portrait)
    assert face.confidence > 0.99
    # Where a person sees the pupils in this photo.
    assert math.dist(face.eyes[0], (205, 101)) < 4
    assert math.dist(face.eyes[1], (246, 103)) < 4
    left, top, right, bottom = face.box
    assert all(left < x < right and top < y < bottom for x, y in face.landmarks)
    assert face.enlargement == pytest.approx(51 / 42, abs=0.1)


def test_a_large_photo_is_searched_small_and_answered_large(finder: FaceFinder, portrait: Image.Image) -> None:
    (small,) = finder.find(portrait)
    (large,) = finder.find(portrait.resize((2560, 2560)))
    for near, far in zip(small.landmarks, large.landmarks, strict=True):
        assert math.dist((5 * near[0], 5 * near[1]), far) < 12


def test_an_aligned_face_is_found_at_the_frames_eyes(finder: FaceFinder, portrait: Image.Image) -> None:
    turned = portrait.rotate(20, Image.Resampling.BICUBIC, expand=True, fillcolor="white")
    (face,) = finder.find(turned)
    framed = to_frame(turned, place_by_eyes(*face.eyes))
    (again,) = finder.find(framed)
    assert math.dist(again.eyes[0], (75.36, 125.97)) < 3
    assert math.dist(again.eyes[1], (126.35, 125.95)) < 3


@pytest.mark.parametrize("size", [(1, 1), (19, 400), (10, 300), (3000, 20), (20, 20), (64, 64)])
def test_no_face_in_a_blank_or_tiny_picture(finder: FaceFinder, size: tuple[int, int]) -> None:
    assert finder.find(Image.new("RGB", size, "grey")) == []


def test_no_face_in_noise(finder: FaceFinder) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    assert finder.find(Image.fromarray(noise)) == []


def test_two_faces_come_largest_first(finder: FaceFinder, portrait: Image.Image) -> None:
    both = Image.new("RGB", (820, 512), "white")
    both.paste(portrait.resize((300, 300)), (0, 100))
    both.paste(portrait, (308, 0))
    large, small = finder.find(both)
    assert large.box[0] > 308 > small.box[2]
    assert large.area > 2 * small.area
    assert finder.find(both, min_confidence=1.1) == []


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_face_that_lies_turned_is_drawn_upright(finder: FaceFinder, portrait: Image.Image, turn: int) -> None:
    """As a scan or a photo whose Exif is lost; `turn` is what brings it upright."""
    around = portrait.crop((60, 0, 400, 260))
    lying = around.transpose(TURNS[360 - turn])
    (upright,) = finder.find(around)
    (face,) = finder.find(lying)
    assert (upright.turned, face.turned) == (0, turn)
    left, top, right, bottom = face.box
    assert all(left < x < right and top < y < bottom for x, y in face.landmarks)
    expected, drawn = (
        np.asarray(to_frame(photo, place_by_eyes(*found.eyes)), dtype=float)
        for photo, found in ((around, upright), (lying, face))
    )
    assert np.abs(drawn - expected).mean() < 8
    assert face_notice("me.jpg", [face]).startswith(f"me.jpg: the photo was not upright and was turned by {turn} ")


def test_an_upright_photo_is_searched_once(
    finder: FaceFinder, portrait: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched = []
    detect = finder._detector.detect
    monkeypatch.setattr(finder._detector, "detect", lambda image: searched.append(image.size) or detect(image))
    assert len(finder.find(portrait)) == 1
    assert searched == [(512, 512)]


def test_each_face_of_a_wide_group_is_found_once(finder: FaceFinder, portrait: Image.Image) -> None:
    """Shrunk to a length of 1000 they would have 9 pixels; some lie where one tile ends."""
    one = portrait.crop((100, 0, 390, 300))
    group = Image.new("RGB", (5800, 300), "grey")
    for place in range(20):
        group.paste(one, (290 * place, 0))
    faces = sorted(finder.find(group), key=lambda face: face.box[0])
    assert len(faces) == 20
    for place, face in enumerate(faces):
        assert math.dist(face.eyes[0], (290 * place + 105, 101)) < 8


def box(left: float, top: float, right: float, bottom: float, confidence: float) -> Face:
    point = (0.0, 0.0)
    return Face((left, top, right, bottom), (point, (50.0, 0.0), point, point, point), confidence)


def test_several_boxes_on_one_face_are_one_face() -> None:
    face = box(100, 100, 200, 200, 0.99)
    inside = box(120, 130, 160, 180, 0.95)
    shifted = box(110, 90, 220, 210, 0.98)
    neighbour = box(190, 100, 290, 200, 0.97)
    assert merge([inside, shifted, face, neighbour]) == [face, neighbour]
    assert merge([replace(face, confidence=0.9), shifted]) == [shifted]
    assert merge([]) == []

"""Drawings are bent onto their photos: known bends are undone, what is not known is left alone."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from most_sketch.pairs.bend import GRID, bend, field_between, outline_points
from most_sketch.pairs.landmarks import Points
from most_sketch.photo.frame import FRAME_SIZE

FACE = (100.0, 140.0)


@pytest.fixture
def face_points() -> Points:
    """As many points as a face mesh has, all over a face."""
    rng = np.random.default_rng(0)
    return rng.uniform((60, 90), (140, 210), (468, 2))


def dots(points: Points, scale: int) -> Image.Image:
    """A drawing with a soft dark dot at each of these places of the frame, at a multiple of its size."""
    y, x = (np.mgrid[0 : scale * FRAME_SIZE[1], 0 : scale * FRAME_SIZE[0]] + 0.5) / scale
    dark = sum(np.exp(-((x - left) ** 2 + (y - top) ** 2) / 4) for left, top in points)
    return Image.fromarray((255 - 255 * np.minimum(dark, 1)).round().astype(np.uint8))


def middle(drawing: Image.Image, near: Points) -> Points:
    """The middle of the dot around a place of the frame."""
    scale = drawing.width / FRAME_SIZE[0]
    y, x = (np.mgrid[0 : drawing.height, 0 : drawing.width] + 0.5) / scale
    dark = (255 - np.asarray(drawing, dtype=float)) * (np.hypot(x - near[0], y - near[1]) < 10)
    return np.array([(x * dark).sum(), (y * dark).sum()]) / dark.sum()


def wavy(points: Points) -> Points:
    """A smooth bend of up to five frame pixels."""
    x, y = points.T
    return points + np.stack([4 * np.sin(y / 40), 3 * np.cos(x / 50)], axis=1)


@pytest.mark.parametrize("scale", [1, 2])
def test_a_known_bend_is_undone(face_points: Points, scale: int) -> None:
    places = np.array([(80.0, 120.0), (120.0, 120.0), (100.0, 150.0), (100.0, 180.0)])
    bent = dots(wavy(places), scale)
    straight = bend(bent, field_between(face_points, wavy(face_points)))
    assert np.hypot(*(wavy(places) - places).T).max() > 3
    assert straight.size == bent.size
    for place, moved in zip(places, wavy(places), strict=True):
        assert np.hypot(*(middle(bent, moved) - moved)) < 0.1
        assert np.hypot(*(middle(straight, place) - place)) < 0.4


def test_points_that_agree_change_nothing(face_points: Points) -> None:
    drawing = dots(face_points[:9], 2)
    same = bend(drawing, field_between(face_points, face_points))
    assert np.abs(np.asarray(same, dtype=float) - np.asarray(drawing, dtype=float)).mean() < 0.5


def test_fine_strokes_are_as_strong_between_pixels() -> None:
    """A cubic spline would leave four fifths of hatching of this period."""
    columns, rows = np.arange(0, FRAME_SIZE[0] + GRID, GRID), np.arange(0, FRAME_SIZE[1] + GRID, GRID)
    half_a_pixel = np.stack(np.meshgrid(columns + 0.5, rows), axis=-1)
    waves = 128 + 100 * np.sin(2 * np.pi * np.arange(200.5, step=0.5) / 2.7)
    hatched = Image.fromarray(np.tile(waves[:-1:2].round().astype(np.uint8), (250, 1)))
    moved = np.asarray(bend(hatched, half_a_pixel), dtype=float)
    assert np.abs(moved - waves[1::2])[:, 20:-20].max() < 5


def test_the_border_of_the_frame_stays(face_points: Points) -> None:
    drawing = Image.new("L", FRAME_SIZE, 255)
    drawing.paste(0, (0, 0, 4, 250))
    bent = np.asarray(bend(drawing, field_between(face_points, wavy(face_points))))
    assert bent[:, :3].mean() < 60
    assert (bent[:, 8:] > 195).all()


def test_no_paper_comes_in_at_the_borders(face_points: Points) -> None:
    """The spline, which follows no point at any price, is some tenths of a pixel beyond them."""
    dark = Image.new("L", FRAME_SIZE, 60)
    field = field_between(face_points, wavy(face_points))
    assert field.min() < -0.02
    assert bend(dark, field).getextrema() == (60, 60)
    assert bend(dark, field - np.array([3.0, 0.0])).getpixel((0, 125)) == 255


def test_single_wrong_points_are_not_followed(face_points: Points) -> None:
    wrong = face_points.copy()
    wrong[100] += (12, -9)
    field = field_between(face_points, wrong)
    plain = field_between(face_points, face_points)
    assert np.abs(field - plain).max() < 15 / 2


def head(wide: float, tall: float, shoulders: bool = True) -> Image.Image:
    """A mask of a head around the face, with shoulders that leave the frame."""
    mask = Image.new("L", FRAME_SIZE, 0)
    pen = ImageDraw.Draw(mask)
    pen.ellipse((100 - wide, 130 - tall, 100 + wide, 130 + tall), fill=255)
    if shoulders:
        pen.rectangle((30, 220, 170, 250), fill=255)
    return mask


def test_outlines_are_found_on_the_same_rays() -> None:
    photo, drawing = outline_points(head(60, 90), head(54, 80), FACE)
    assert len(photo) == len(drawing) > 15
    for points, wide, tall in ((photo, 60, 90), (drawing, 54, 80)):
        off = ((points - (100, 130)) / (wide, tall)) ** 2
        assert np.sqrt(off.sum(axis=1)) == pytest.approx(1, abs=0.03)
    directions = [np.arctan2(*(points - FACE).T[::-1]) for points in (photo, drawing)]
    assert directions[0] == pytest.approx(directions[1])


def test_outlines_of_different_things_are_left_alone() -> None:
    hat = head(60, 120)
    photo, drawing = outline_points(hat, head(60, 80), FACE)
    assert all(
        abs(np.hypot(*(one - FACE)) - np.hypot(*(other - FACE))) < 22 for one, other in zip(photo, drawing, strict=True)
    )
    nobody = Image.new("L", FRAME_SIZE, 0)
    assert len(outline_points(nobody, hat, FACE)[0]) == 0
    everywhere = Image.new("L", FRAME_SIZE, 255)
    assert len(outline_points(everywhere, hat, FACE)[0]) == 0


def test_outlines_bend_the_hair(face_points: Points) -> None:
    """The face agrees, the hair is drawn too small: it grows, the face stays."""
    small, large = head(60, 80), head(60, 92)
    field = field_between(face_points, face_points, outline_points(large, small, FACE))
    grown = np.asarray(bend(Image.eval(small, lambda level: 255 - level), field))
    crown = np.flatnonzero(grown[:, 100] < 128)[0]
    assert crown == pytest.approx(130 - 92, abs=3)
    assert np.abs(field[35, 25] - (100, 140)).max() < 1.5

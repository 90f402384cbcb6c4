"""The frame: eyes land where they belong, nothing is stretched, borders go on, sketches return to their place."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import pytest
from PIL import Image

from most_sketch.photo.frame import (
    EYES,
    FRAME_SIZE,
    extend,
    in_frame,
    place_by_eyes,
    place_whole,
    put_back,
    scale_of,
    to_frame,
)


def dots(size: tuple[int, int], points: Iterable[tuple[float, float]], radius: float) -> Image.Image:
    """Soft white dots on black, centred exactly on these points. Pillow's ellipses round to whole pixels."""
    y, x = np.mgrid[0 : size[1], 0 : size[0]] + 0.5
    light = sum(np.exp(-((x - left) ** 2 + (y - top) ** 2) / radius**2) for left, top in points)
    return Image.fromarray((255 * np.minimum(light, 1)).round().astype(np.uint8))


def middle(image: Image.Image, near: tuple[float, float], reach: int = 12) -> tuple[float, float]:
    """The centre of the light around a point."""
    light = np.asarray(image.convert("L"), dtype=float)
    left, top = round(near[0]) - reach, round(near[1]) - reach
    part = light[top : top + 2 * reach, left : left + 2 * reach]
    y, x = np.mgrid[0 : 2 * reach, 0 : 2 * reach] + 0.5
    return float((part * x).sum() / part.sum()) + left, float((part * y).sum() / part.sum()) + top


@pytest.mark.parametrize("degrees", [0, 20, -35, 90, 180])
@pytest.mark.parametrize("distance", [20, 51, 130, 400])
def test_eyes_land_on_their_places(degrees: float, distance: float) -> None:
    middle_x, middle_y, turn = 600.3, 500.8, math.radians(degrees)
    reach = (distance / 2 * math.cos(turn), distance / 2 * math.sin(turn))
    left, right = (middle_x - reach[0], middle_y - reach[1]), (middle_x + reach[0], middle_y + reach[1])
    placement = place_by_eyes(left, right)
    framed = to_frame(dots((1200, 1000), [left, right], distance / 15).convert("RGB"), placement)
    assert framed.size == FRAME_SIZE
    for eye in EYES:
        assert math.dist(middle(framed, eye), eye) < 0.4
    # A similarity: the same scale in all directions, and no mirroring.
    turned = placement[:2, :2]
    assert turned.T @ turned == pytest.approx(np.eye(2) * scale_of(placement) ** 2)
    assert np.linalg.det(turned) > 0


def test_shrinking_averages() -> None:
    """A one-pixel chequerboard, ten times too fine for the frame, is grey, not a moire."""
    y, x = np.mgrid[0:2500, 0:2000]
    board = Image.fromarray(((x + y) % 2 * 255).astype(np.uint8)).convert("RGB")
    turn = place_by_eyes((750, 1250), (1255, 1300))
    assert np.asarray(to_frame(board, turn)).astype(float).std() < 3


def test_beyond_the_photo_its_border_goes_on() -> None:
    photo = np.full((60, 60, 3), 90, dtype=np.uint8)
    photo[0, :], photo[:, 0] = 200, 30
    placement = place_by_eyes((15, 30), (45, 30))
    framed = np.asarray(to_frame(Image.fromarray(photo), placement))[..., 0].astype(int)
    assert (framed[-1, 150:] == 90).all()
    assert framed[5, 120:150] == pytest.approx(200, abs=5)
    assert framed[200, 5:15] == pytest.approx(30, abs=5)


def test_extend_begins_with_the_outermost_pixels() -> None:
    image = Image.fromarray(np.uint8([[100, 110], [120, 130]]))
    extended = np.asarray(extend(image, 1, 0, 2, 1)).astype(int)
    repeated = [[100, 100, 110, 110, 110], [120, 120, 130, 130, 130], [120, 120, 130, 130, 130]]
    assert abs(extended - repeated).max() <= 2
    assert extended[:2, 1:3].tolist() == [[100, 110], [120, 130]]


def test_extend_draws_no_streaks() -> None:
    stripes = Image.fromarray(np.tile(np.uint8([0, 255]), (50, 25)))
    extended = np.asarray(extend(stripes, 0, 30, 0, 0)).astype(float)
    assert abs(np.diff(extended[30:], axis=1)).min() == 255
    assert abs(np.diff(extended[:8], axis=1)).max() < 5


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (10, 300), (199, 251)])
def test_a_photo_of_any_shape_fits(size: tuple[int, int]) -> None:
    framed = to_frame(Image.new("RGB", size, (10, 20, 30)), place_whole(size))
    assert framed.size == FRAME_SIZE
    assert framed.getextrema() == ((10, 10), (20, 20), (30, 30))


def test_a_whole_photo_is_not_stretched() -> None:
    """A disc that touches all four borders of a square stays round, in the middle of the frame."""
    y, x = np.mgrid[-249.5:250, -249.5:250]
    photo = Image.fromarray((255 * (x**2 + y**2 < 250**2)).astype(np.uint8)).convert("RGB")
    light = np.asarray(to_frame(photo, place_whole(photo.size)).convert("L"))[25:225] > 127
    assert light.any(axis=0).sum() == pytest.approx(200, abs=2)
    assert light.any(axis=1).sum() == pytest.approx(200, abs=2)
    assert light.mean() == pytest.approx(math.pi / 4, abs=0.01)


def test_a_photo_of_the_frame_stays_bit_by_bit() -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (250, 200, 3), dtype=np.uint8))
    assert to_frame(noise, place_whole(noise.size)).tobytes() == noise.tobytes()


@pytest.mark.parametrize("scale", [0.5, 2, 2.5])
def test_the_frame_scales(scale: float) -> None:
    left, right = (300.0, 400.0), (500.0, 440.0)
    framed = to_frame(dots((800, 800), [left, right], 8).convert("RGB"), place_by_eyes(left, right), scale=scale)
    assert framed.size == (200 * scale, 250 * scale)
    for x, y in EYES:
        eye = (scale * x, scale * y)
        assert math.dist(middle(framed, eye, round(12 * max(scale, 1))), eye) < 0.4 * max(scale, 1)


def test_a_large_sketch_returns_to_the_same_place() -> None:
    placement = place_by_eyes((300, 420), (500, 440))
    papers = []
    for scale in (1, 2):
        sketch = Image.eval(
            dots((200 * scale, 250 * scale), [(scale * x, scale * y) for x, y in EYES], 4 * scale), lambda v: 255 - v
        )
        papers.append(Image.new("L", (800, 800), 255))
        put_back(sketch, placement, papers[-1])
    small, large = (np.asarray(paper, dtype=float) for paper in papers)
    assert np.abs(small - large).mean() < 1


def test_what_is_in_the_frame_already() -> None:
    near = [(x + 2.5, y - 2.5) for x, y in EYES]
    far = [(x + 5, y - 5) for x, y in EYES]
    assert in_frame(FRAME_SIZE, *near)
    assert not in_frame(FRAME_SIZE, *far)
    assert not in_frame((400, 500), *near)
    assert in_frame((400, 500), *((2 * x, 2 * y) for x, y in near))
    assert not in_frame((400, 501), *((2 * x, 2 * y) for x, y in near))


@pytest.mark.parametrize("distance", [25, 60, 200])
def test_a_sketch_returns_to_its_place(distance: float) -> None:
    left, right = (400 - distance / 2, 420.0), (400 + distance / 2, 440.0)
    placement = place_by_eyes(left, right)
    sketch = Image.eval(dots(FRAME_SIZE, EYES, 4), lambda value: 255 - value)
    paper = Image.new("L", (800, 800), 255)
    put_back(sketch, placement, paper)
    ink = Image.eval(paper, lambda value: 255 - value)
    for eye in (left, right):
        assert math.dist(middle(ink, eye, reach=round(0.3 * distance)), eye) < max(0.5, distance / 100)


def test_a_sketch_fades_into_the_paper() -> None:
    paper = Image.new("L", (600, 600), 255)
    put_back(Image.new("L", FRAME_SIZE, 100), place_by_eyes((275, 300), (325, 300)), paper)
    pixels = np.asarray(paper).astype(int)
    assert pixels[300, 300] == 100
    assert (pixels[[0, -1]] == 255).all()
    assert np.abs(np.diff(pixels, axis=0)).max() < 30
    assert np.abs(np.diff(pixels, axis=1)).max() < 30

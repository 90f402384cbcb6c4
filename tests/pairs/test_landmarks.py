"""Points of faces are read from files, and bring faces into their frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from most_sketch.errors import InputError
from most_sketch.pairs.landmarks import (
    CUFSF_POINTS,
    MESH_EYES,
    check_inside,
    eyes_of,
    place_as_cufs,
    place_as_cufsf,
    read_points,
)
from most_sketch.photo.frame import EYES, apply


def write_pts(path: Path, points: np.ndarray) -> Path:
    """As iBUG's files are."""
    lines = "\n".join(f"{x} {y}" for x, y in points)
    path.write_text(f"version: 1\nn_points: {len(points)}\n{{\n{lines}\n}}\n")
    return path


@pytest.mark.parametrize("count", [5, 68, 468, 478])
def test_points_are_read_as_written(tmp_path: Path, count: int) -> None:
    points = np.random.default_rng(count).uniform(0, 500, (count, 2)).round(2)
    points[:, 0].sort()
    assert read_points(write_pts(tmp_path / "a.pts", points)) == pytest.approx(points)


def test_three_points_of_cufsf(tmp_path: Path) -> None:
    path = tmp_path / "00001.3pts"
    path.write_text("200 300\n330.5 301\n266 410\n")
    points = read_points(path)
    assert eyes_of(points) == ((200, 300), (330.5, 301))
    assert apply(place_as_cufsf(points), points) == pytest.approx(np.array(CUFSF_POINTS))
    assert apply(place_as_cufs(points), points[:2]) == pytest.approx(np.array(EYES))


def test_the_corners_of_the_eyes_of_a_mesh_come_to_their_own_places() -> None:
    points = np.random.default_rng(0).uniform(0, 500, (468, 2))
    points[[33, 133, 362, 263]] = [(100, 200), (140, 202), (200, 201), (240, 199)]
    placed = apply(place_as_cufs(points), points)
    assert np.array(eyes_of(placed)) == pytest.approx(np.array(MESH_EYES))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "0 points"),
        ("1 2 3", "not a list of points"),
        ("one two", "not a list of points"),
        ("1 2\n3 4\n5 6\n7 8", "4 points"),
        ("nan 2\n3 4\n5 6", "not those of a face"),
        ("5 2\n5 4\n5 6", "not those of a face"),
        ("{ 1 2", "not a list of points"),
    ],
)
def test_other_files_are_refused_in_one_line(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "bad.pts"
    path.write_text(text)
    with pytest.raises(InputError, match=words) as error:
        read_points(path)
    assert "\n" not in str(error.value)
    with pytest.raises(InputError, match="not a list of points"):
        read_points(tmp_path / "missing.pts")


def test_eyes_that_are_swapped_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.3pts"
    path.write_text("330 300\n200 301\n266 410\n")
    with pytest.raises(InputError, match="left eye is right of the right one"):
        read_points(path)


@pytest.mark.parametrize(("move", "scale", "inside"), [(0, 1, True), (-150, 1, False), (0, 2, False)])
def test_points_outside_of_their_picture_are_refused(tmp_path: Path, move: float, scale: float, inside: bool) -> None:
    points = np.array([(130.0, 200.0), (260.0, 200.0), (195.0, 300.0)]) * scale + move
    if inside:
        check_inside(points, (400, 500), tmp_path / "a.3pts")
        return
    with pytest.raises(InputError, match=r"outside of the picture.*of 400 x 500"):
        check_inside(points, (400, 500), tmp_path / "a.3pts")

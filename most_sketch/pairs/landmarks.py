"""Points of a face that were found beforehand, and frames that a face is brought into by them.

Points are (x, y) in the picture's pixels, as an array (n, 2). Left and right are as seen in the picture.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from most_sketch.errors import InputError
from most_sketch.photo.frame import EYES, Placement, Point, place_by_eyes

Points = NDArray[np.floating[Any]]

SUFFIXES = (".pts", ".3pts")
EYES_OF: dict[int, tuple[tuple[int, ...], tuple[int, ...]]] = {
    3: ((0,), (1,)),
    5: ((0,), (1,)),
    68: (tuple(range(36, 42)), tuple(range(42, 48))),
    468: ((33, 133), (362, 263)),
    478: ((33, 133), (362, 263)),
}
"""Which points have the left and the right eye as their middle, by the number of points: two eyes and a mouth (CUFSF's
own), MTCNN's five, iBUG's 68, and MediaPipe's face mesh without and with irises."""
MOUTH_OF: dict[int, tuple[int, ...]] = {3: (2,), 5: (3, 4), 68: tuple(range(48, 68)), 468: (13, 14), 478: (13, 14)}
"""The points whose middle is that of the mouth."""

OUTSIDE = 0.5
"""Points may lie outside of a picture by this share of the distance of the eyes."""

MESH_EYES = ((75.7, 127.0), (125.3, 127.0))
"""Where the middles of the corners of the eyes are in the frame of CUFS: the mean of the face mesh's over its training
photos. MTCNN's eyes are the pupils."""
CUFSF_POINTS = ((66.3, 114.4), (139.8, 114.4), (102.5, 189.3))
"""Where eyes and mouth are in the published crops of CUFSF, 200 x 250: measured on 30 pairs, all within a pixel."""


def read_points(path: Path) -> Points:
    """The points in a file, (n, 2). Raises `InputError` for anything but points of a known kind.

    iBUG's files have them in braces behind a header, CUFSF's have the numbers alone.
    """
    try:
        text = path.read_text("ascii")
        if "{" in text:
            text = text[text.index("{") + 1 : text.index("}")]
        points = np.array([float(number) for number in text.split()]).reshape(-1, 2)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not a list of points ({error})") from error
    if len(points) not in EYES_OF:
        raise InputError(f"{path}: {len(points)} points; eyes are known in {', '.join(map(str, EYES_OF))} points")
    if not np.isfinite(points).all() or np.ptp(points[:, 0]) < 1:
        raise InputError(f"{path}: its points are not those of a face")
    left, right = eyes_of(points)
    if left[0] >= right[0]:
        raise InputError(f"{path}: its left eye is right of the right one; left and right are as seen in the picture")
    return points


def check_inside(points: Points, size: tuple[int, int], path: Path) -> None:
    """Raise `InputError` for points that lie outside of their picture of this (width, height).

    A chin may be cut off; eyes and mouth may not.
    """
    left, right = eyes_of(points)
    mouth = points[list(MOUTH_OF[len(points)])].mean(axis=0)
    features = np.array([left, right, mouth])
    beyond = OUTSIDE * np.hypot(*np.subtract(right, left))
    if (features < 0).any() or (features > size).any() or (points < -beyond).any() or (points > size + beyond).any():
        low, high = points.min(axis=0), points.max(axis=0)
        raise InputError(
            f"{path}: its points lie outside of the picture, from ({low[0]:.0f}, {low[1]:.0f}) to "
            f"({high[0]:.0f}, {high[1]:.0f}) of {size[0]} x {size[1]}; are they of another size of it?"
        )


def eyes_of(points: Points) -> tuple[Point, Point]:
    """The left and the right eye among points of a known number."""
    left, right = (points[list(chosen)].mean(axis=0) for chosen in EYES_OF[len(points)])
    return (float(left[0]), float(left[1])), (float(right[0]), float(right[1]))


def place_as_cufs(points: Points) -> Placement:
    """The similarity transform that brings a face into the frame of CUFS, by its eyes."""
    return place_by_eyes(*eyes_of(points), EYES if len(points) <= 5 else MESH_EYES)


def place_as_cufsf(points: Points) -> Placement:
    """The affine map that brings eyes and mouth exactly to where they are in the published crops of CUFSF."""
    mouth = points[list(MOUTH_OF[len(points)])].mean(axis=0)
    here = np.array([(*point, 1.0) for point in (*eyes_of(points), mouth)])
    there = np.array([(*point, 1.0) for point in CUFSF_POINTS])
    placement: Placement = np.linalg.solve(here, there).T
    return placement


ROOM, ROOM_LEFT, ROOM_ABOVE = 1.3, 30.0, 35.0
"""How many times wider and higher `portrait` is than the frame of CUFS, and how many pixels of that frame it shows left
of and above it. Prepared with `--scale 2.6` its faces are as large as those of `cufs` with `--scale 2`."""


def place_with_room(points: Points) -> Placement:
    """As `place_as_cufs`, with room around the head: the face is smaller by `ROOM`."""
    room: Placement = np.array([[1, 0, ROOM_LEFT], [0, 1, ROOM_ABOVE], [0, 0, ROOM]]) / ROOM @ place_as_cufs(points)
    return room


FRAMES: dict[str, Callable[[Points], Placement]] = {
    "cufs": place_as_cufs,
    "cufsf": place_as_cufsf,
    "portrait": place_with_room,
}
"""How a face with these points is brought into a frame, by the frame's name. All frames are 200 x 250."""

EYES_IN = {"cufs": EYES, "cufsf": CUFSF_POINTS[:2]}
"""Where the eyes are in each frame."""

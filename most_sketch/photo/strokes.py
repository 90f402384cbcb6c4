"""A sketch as strokes of a pen: the middle of its lines, and hatching where it has tones. For plotters.

Coordinates are (row, column) in pixels until the file is written.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from most_sketch.errors import InputError
from most_sketch.photo.frame import WHITE
from most_sketch.photo.shapes import INSTALL, MM_PER_INCH, svg

Line = NDArray[np.float64]
"""Points (n, 2), at least two."""

WORKING_HEIGHT = 1000
"""Sketches are enlarged to about this before lines are looked for; measures below are in pixels of that size."""
WIDEST_LINE = 9
"""What is dark and wider is a tone, and hatched."""
FINE, COARSE = 1.0, 4.0
"""What a line and its surroundings are: means over so many pixels."""
FAINT, PLAIN = 0.045, 0.11
"""How much darker than its surroundings a line is at least, all along it and somewhere; paper is 0 and ink is 1."""
STRONG, WEAKEST = 0.25, 0.4
"""So much darker than its surroundings is what is darkest in an ordinary drawing. In fainter ones less is a line, down
to this share."""
SHORTEST = 10.0
"""Strokes are at least so long."""
STRAIGHT = 0.5
"""Cosine of how much two pieces may bend where they are joined into one stroke."""
NEAR = 2.5
"""Ends so close are at one place."""
SMOOTHNESS = 2.0
TOLERANCE = 0.35
"""Points are left out that a straight line misses by no more."""
PEN = 0.3
"""Width of the pen in millimetres."""
HATCHES = ((0.16, 45.0, 0.0), (0.36, 45.0, 0.5), (0.54, 135.0, 0.0), (0.72, 135.0, 0.5))
"""From how dark on there are lines of this angle, moved by this share of their distance: darker, more of them."""
DISTANCE = 8.0
"""Between hatches of one angle."""


@dataclass(frozen=True)
class Plot:
    """What a pen does."""

    lines: tuple[Line, ...]
    """In the order and direction in which they are drawn, in pixels of the sketch, as (x, y)."""
    lifts: int
    metres: float
    """That are drawn, without the ways between."""


def plot(sketch: Image.Image, dpi: int, paper: int = WHITE) -> Plot:
    """The strokes of a grey sketch that is so many dots per inch large. Raises `InputError` without scikit-image."""
    try:
        from scipy.ndimage import gaussian_filter, grey_opening
        from skimage import filters, morphology
    except ImportError as error:
        raise InputError(f"strokes are found by scikit-image and skan: {INSTALL}") from error
    enlarged = max(1, round(WORKING_HEIGHT / sketch.height))
    size = (enlarged * sketch.width, enlarged * sketch.height)
    grey = np.asarray(sketch.convert("L").resize(size, Image.Resampling.BICUBIC), dtype=np.float64)
    dark = paper < WHITE / 2
    ink = ((grey - paper) / (WHITE - paper) if dark else (paper - grey) / paper).clip(0, 1)
    tone = gaussian_filter(grey_opening(ink, size=(WIDEST_LINE, WIDEST_LINE)), WIDEST_LINE / 2)
    # Darker than what is around it: two hairs side by side stay two.
    darker = gaussian_filter(ink, FINE) - gaussian_filter(ink, COARSE)
    find: Any = morphology  # which has no types
    follow: Any = filters
    strength = float(np.clip(np.percentile(darker, 99) / STRONG, WEAKEST, 1))
    lines = follow.apply_hysteresis_threshold(darker, FAINT * strength, PLAIN * strength)
    skeleton = find.skeletonize(_without_specks(lines, int(3 * SHORTEST)))
    strokes = [*_joined(_pieces(skeleton)), *_hatched(tone)]
    scale = enlarged
    ordered = _ordered([_smooth(stroke) for stroke in strokes if _length(stroke) >= SHORTEST])
    drawn = _without_lifts(ordered, PEN * dpi / MM_PER_INCH * scale)
    in_pixels = tuple((line[:, ::-1] + 0.5) / scale for line in drawn)
    millimetres = sum(map(_length, in_pixels)) * MM_PER_INCH / dpi
    return Plot(in_pixels, len(in_pixels), millimetres / 1000)


def to_strokes(sketch: Image.Image, dpi: int, paper: int = WHITE, record: str = "") -> tuple[bytes, Plot]:
    """A grey sketch as an SVG file of polylines, and what a pen does with it. Raises as `plot`."""
    found = plot(sketch, dpi, paper)
    lines = "\n".join(f'<polyline points="{" ".join(f"{x:.2f},{y:.2f}" for x, y in line)}"/>' for line in found.lines)
    width = PEN * dpi / MM_PER_INCH
    style = f'fill="none" stroke="black" stroke-width="{width:.2f}" stroke-linecap="round" stroke-linejoin="round"'
    return svg(sketch.size, dpi, f"<g {style}>\n{lines}\n</g>", record), found


def _without_specks(mask: NDArray[np.bool_], least: int) -> NDArray[np.bool_]:
    """A mask without what is of fewer pixels that touch each other."""
    from scipy.ndimage import label

    parts, _ = label(mask, np.ones((3, 3)))
    return np.asarray(mask & (np.bincount(parts.ravel()) >= least)[parts])


def _pieces(skeleton: NDArray[np.bool_]) -> list[Line]:
    """The ways between ends and crossings of lines that are a pixel wide."""
    from skan import Skeleton

    if not skeleton.any():
        return []
    graph: Any = Skeleton(skeleton)
    return [np.asarray(graph.path_coordinates(number), dtype=np.float64) for number in range(graph.n_paths)]


def _joined(pieces: Sequence[Line]) -> Iterator[Line]:
    """The pieces; where some meet, those that go on most straightly are one stroke."""
    partner = _partners(pieces)
    used = set[int]()
    ends = [2 * number for number in range(len(pieces))]
    # From strokes' own ends first; what is left then goes in circles.
    for start in sorted(ends + [end + 1 for end in ends], key=lambda end: end in partner):
        if start // 2 in used:
            continue
        parts, end = list[Line](), start
        while end // 2 not in used:
            used.add(end // 2)
            piece = pieces[end // 2]
            parts.append(piece if end % 2 == 0 else piece[::-1])
            end = partner.get(end ^ 1, end)
        yield np.concatenate(parts)


def _partners(pieces: Sequence[Line]) -> dict[int, int]:
    """Of each end of a piece, numbered 2 n and 2 n + 1, the end that goes on from there."""
    from scipy.spatial import cKDTree

    if not pieces:
        return {}
    places = np.array([place for piece in pieces for place in (piece[0], piece[-1])])
    away = np.array([way for piece in pieces for way in (_direction(piece), _direction(piece[::-1]))])
    near = cKDTree(places).query_pairs(NEAR, output_type="ndarray")
    bends = (away[near[:, 0]] * away[near[:, 1]]).sum(axis=1) if len(near) else np.zeros(0)
    partner = dict[int, int]()
    for number in np.argsort(bends):
        one, other = (int(end) for end in near[number])
        if bends[number] > -STRAIGHT:
            break
        if one not in partner and other not in partner:
            partner[one], partner[other] = other, one
    return partner


def _direction(piece: Line) -> NDArray[np.float64]:
    """Where a piece goes from its beginning, as a unit vector."""
    way = piece[min(len(piece) - 1, 8)] - piece[0]
    return np.asarray(way / max(float(np.hypot(*way)), 1e-9))


def _hatched(tone: NDArray[np.float64]) -> Iterator[Line]:
    """Lines over the tones of a picture, to and fro, the denser the darker."""
    height, width = tone.shape
    centre, reach = np.array([height, width]) / 2, math.hypot(height, width) / 2
    along = np.arange(-reach, reach)
    for bound, angle, shift in HATCHES:
        turn = math.radians(angle)
        way, across = np.array([-math.sin(turn), math.cos(turn)]), np.array([math.cos(turn), math.sin(turn)])
        for number, off in enumerate(np.arange(-reach + shift * DISTANCE, reach, DISTANCE)):
            points = centre + off * across + along[:, None] * way
            rows, columns = np.rint(points).astype(int).T
            inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
            covered = np.zeros(len(along), dtype=bool)
            covered[inside] = tone[rows[inside], columns[inside]] > bound
            edges = np.flatnonzero(np.diff(covered.astype(int), prepend=0, append=0))
            spans = [(int(start), int(end)) for start, end in edges.reshape(-1, 2) if end - start > SHORTEST]
            for start, end in spans:
                line = points[[start, end - 1]]
                yield line if number % 2 == 0 else line[::-1]


def _smooth(line: Line) -> Line:
    """A line without the steps of pixels, of as few points as show it."""
    from scipy.ndimage import gaussian_filter1d
    from skimage import measure

    find: Any = measure
    if len(line) < 3:
        return line
    smooth = gaussian_filter1d(line, SMOOTHNESS, axis=0, mode="nearest")
    smooth[0], smooth[-1] = line[0], line[-1]
    return np.asarray(find.approximate_polygon(smooth, TOLERANCE))


def _ordered(lines: Sequence[Line]) -> list[Line]:
    """The lines such that the pen has little way between them: after each the nearest, from either end."""
    if not lines:
        return []
    ends = np.array([place for line in lines for place in (line[0], line[-1])])
    left = np.ones(len(ends), dtype=bool)
    here, ordered = np.zeros(2), list[Line]()
    for _ in lines:
        distances = np.where(left, ((ends - here) ** 2).sum(axis=1), np.inf)
        nearest = int(distances.argmin())
        line = lines[nearest // 2] if nearest % 2 == 0 else lines[nearest // 2][::-1]
        left[[nearest // 2 * 2, nearest // 2 * 2 + 1]] = False
        ordered.append(line)
        here = line[-1]
    return ordered


def _without_lifts(lines: Sequence[Line], width: float) -> list[Line]:
    """The lines; where the next begins within the pen's width it is drawn on."""
    drawn = list[Line]()
    for line in lines:
        if drawn and float(np.hypot(*(line[0] - drawn[-1][-1]))) <= width:
            drawn[-1] = np.concatenate([drawn[-1], line])
        else:
            drawn.append(line)
    return drawn


def _length(line: Line) -> float:
    return float(np.hypot(*np.diff(line, axis=0).T).sum())

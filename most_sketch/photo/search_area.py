"""Which parts of a photo are searched for faces, and how small: wide ones in tiles."""

from __future__ import annotations

import math

SEARCH_SIDE = 1000
"""Longer photos are searched at this length: the detector's time grows with the area."""

SEARCH_BREADTH = 500
"""But the shorter side not below this: else the faces of a wide group are shrunk until none is left."""

TILE = 1500
"""Wide pictures are searched in tiles of this length."""

TILE_OVERLAP = 500
"""No face in a picture of `SEARCH_BREADTH` is wider, so that each is whole in some tile."""

Span = tuple[int, int]
"""From and to, in pixels along the longer side."""


def search_shrink(size: tuple[int, int]) -> float:
    """By how much a photo of this (width, height) is made smaller to be searched, at most 1."""
    return min(1.0, max(SEARCH_SIDE / max(size), SEARCH_BREADTH / min(size)))


def tile_spans(length: int) -> list[Span]:
    """The parts of a long side that are searched one by one; a single one for all but very wide pictures."""
    if length <= TILE:
        return [(0, length)]
    count = math.ceil((length - TILE_OVERLAP) / (TILE - TILE_OVERLAP))
    starts = (round(place * (length - TILE) / (count - 1)) for place in range(count))
    return [(start, start + TILE) for start in starts]

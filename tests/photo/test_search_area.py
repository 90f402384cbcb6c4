"""Ordinary photos are searched as they always were, wide ones in tiles that overlap."""

from __future__ import annotations

from itertools import pairwise

import pytest

from most_sketch.photo.search_area import SEARCH_SIDE, TILE, TILE_OVERLAP, search_shrink, tile_spans


@pytest.mark.parametrize("size", [(1000, 1000), (4000, 3000), (3000, 4000), (6000, 3000), (1920, 1080)])
def test_ordinary_photos_are_searched_at_one_length_and_whole(size: tuple[int, int]) -> None:
    assert search_shrink(size) == SEARCH_SIDE / max(size)
    assert tile_spans(SEARCH_SIDE) == [(0, SEARCH_SIDE)]


def test_small_photos_are_never_enlarged() -> None:
    assert search_shrink((300, 200)) == search_shrink((5000, 300)) == 1


def test_a_wide_photo_keeps_its_shorter_side() -> None:
    assert round(900 * search_shrink((12000, 900))) == 500


@pytest.mark.parametrize("length", [1501, 2500, 6667, 50_000])
def test_tiles_cover_a_long_side_and_overlap(length: int) -> None:
    spans = tile_spans(length)
    assert (spans[0][0], spans[-1][1]) == (0, length)
    assert all(end - start == TILE for start, end in spans)
    assert all(before[1] - after[0] >= TILE_OVERLAP for before, after in pairwise(spans))

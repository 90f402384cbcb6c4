"""Squares see a picture's borders too."""

from __future__ import annotations

from collections import Counter

from most_sketch.training.augmentation import start_of_square


def test_a_third_of_the_squares_lie_at_either_border_and_the_rest_evenly_between() -> None:
    starts = Counter(start_of_square(50, 40, number / 3000) for number in range(3000))
    assert set(starts) == set(range(11))
    assert 1000 <= starts[0] <= 1100
    assert 1000 <= starts[10] <= 1100
    assert all(80 <= starts[start] <= 100 for start in range(1, 10))


def test_every_pixel_is_seen_by_a_third_of_the_squares() -> None:
    seen = Counter(pixel for number in range(900) for pixel in _pixels(start_of_square(250, 144, number / 900)))
    assert min(seen[pixel] for pixel in range(250)) >= 300


def test_a_square_larger_than_the_picture_begins_with_it() -> None:
    assert {start_of_square(30, 40, number / 10) for number in range(10)} == {0}


def _pixels(start: int) -> range:
    return range(start, start + 144)

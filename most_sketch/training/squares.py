"""Where the random squares lie that a training step sees of pictures."""

from __future__ import annotations


def start_of_square(size: int, side: int, chance: float) -> int:
    """The first pixel of a square of this side along `size` pixels; `chance` in [0, 1).

    A third of them lie at either border, the rest between. Were all places equally likely, a border's own pixels would
    be in one of a hundred squares, and the middle in all.
    """
    room = max(size - side, 0)
    return int(min(max(3 * chance - 1, 0) * (room + 1), room))

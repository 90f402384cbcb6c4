"""SCOOT against values worked out by hand from the paper, and against a program of loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
import reference_metrics
import torch
from test_metrics import drawing, tensor

from most_sketch.evaluation.scoot import features, scoot

SIDE = 64
"""So a block has 16 x 16 pixels."""


def test_by_hand_for_one_block_of_two_tones() -> None:
    """A white sheet, and one whose first block is black on its left half.

    Neighbours in the block, by direction: to the right 16 black and white, 112 black, 112 white; up to the right 15
    black and white, 105, 105; up 120, 120; up to the left 15 white and black, 105, 105. The means of four, rounded:
    black and white 31 / 4 = 8, white and black 15 / 4 = 4, each colour 442 / 4 = 111, of 234 in all. The levels are 5
    apart, so contrast is 25 * 12 / 234; energy is the sum of the squares. Of a white block they are 0 and 1.
    """
    sheet = np.full((SIDE, SIDE), 255.0)
    inked = sheet.copy()
    inked[:16, :8] = 0
    contrast, energy = 25 * 12 / 234, (8**2 + 4**2 + 2 * 111**2) / 234**2
    found = features(inked.astype(np.uint8))
    assert found[:2].tolist() == pytest.approx([contrast, energy])
    assert found[2:].tolist() == [0, 1] * 15
    expected = 1 / (1 + math.hypot(contrast, 1 - energy))
    assert scoot(tensor(inked), tensor(sheet)).item() == pytest.approx(expected)
    assert expected == pytest.approx(0.41763, abs=1e-5)


def test_tones_of_one_level_are_the_same_and_blocks_are_kept_apart() -> None:
    """42 is of the first of six levels, 43 of the second."""
    black, dark, lighter = (tensor(np.full((SIDE, SIDE), float(level))) for level in (0, 42, 43))
    assert scoot(black, dark).item() == scoot(black, lighter).item() == 1
    edge = np.zeros((SIDE, SIDE))
    edge[:, 16:] = 255
    assert scoot(tensor(edge), black).item() == 1
    striped = np.zeros((SIDE, SIDE))
    striped[::2] = 42
    assert scoot(tensor(striped), black).item() == 1
    striped[::2] = 43
    assert scoot(tensor(striped), black).item() < 0.5


@pytest.mark.parametrize("size", [(64, 80), (65, 81)])
@pytest.mark.parametrize("seeds", [(1, 3), (2, 5)])
def test_against_a_program_of_loops(size: tuple[int, int], seeds: tuple[int, int]) -> None:
    first, second = (drawing(seed, size) for seed in seeds)
    expected = reference_metrics.scoot(first, second)
    assert 0.1 < expected < 0.99
    assert scoot(tensor(first, first), tensor(second, first)).tolist() == pytest.approx([expected, 1], abs=1e-12)


def test_every_grey_level_is_that_of_matlab() -> None:
    """`floor(slope * value + 1)` in double precision, from 1 to 6."""
    values = torch.arange(256, dtype=torch.float64)
    matlab = torch.floor(values * (6 / 255) + 1).clamp(1, 6) - 1
    rows = np.arange(256, dtype=np.uint8).repeat(16 * 16).reshape(256, 16, 16)
    for value, level in zip(rows, matlab.long().tolist(), strict=True):
        sheet = np.zeros((SIDE, SIDE), dtype=np.uint8)
        sheet[:16, :8] = value[:, :8]
        assert features(sheet)[0] == pytest.approx(level**2 * 12 / 234)

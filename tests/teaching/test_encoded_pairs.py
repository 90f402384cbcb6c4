"""Pairs are encoded by a network that stays as it is, and drawings are compared with theirs."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from drawn_pairs import draw_pair
from tiny_runs import still_network

from most_sketch.network.generator import Generator
from most_sketch.photo.images import to_tensor
from most_sketch.teaching.encoded_pairs import EncodedPair, difference, draw_encoded, encode, memory_of

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def generator() -> Generator:
    return still_network()


@pytest.fixture
def pairs(generator: Generator) -> list[EncodedPair]:
    pictures = [tuple(map(to_tensor, draw_pair(seed, (42, 50)))) for seed in range(3)]
    return [encode(generator, photo, sketch) for photo, sketch in pictures]


def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_what_is_encoded_is_drawn_as_the_network_draws(generator: Generator, pairs: list[EncodedPair]) -> None:
    photo = to_tensor(draw_pair(0, (42, 50))[0])[None]
    drawn = draw_encoded(generator, memory_of(generator, 1), pairs[0])
    assert drawn.shape == (1, 1, 52, 44)
    torch.testing.assert_close(drawn[..., 1:51, 1:43], generator(photo, torch.tensor([1])), atol=2e-3, rtol=0)


def test_a_piece_is_cut_from_one_place_of_all(pairs: list[EncodedPair]) -> None:
    pair = pairs[0]
    piece = pair.piece(16, rng())
    assert piece.target.shape[-2:] == (16, 16)
    (stem,) = piece.stem
    assert stem.shape[-2:] == (8, 8)
    assert piece.features.shape[-2:] == (4, 4)
    (found,) = [
        (row, column)
        for row in range(pair.features.shape[2] - 3)
        for column in range(pair.features.shape[3] - 3)
        if torch.equal(pair.features[..., row : row + 4, column : column + 4], piece.features)
    ]
    row, column = (4 * place for place in found)
    assert torch.equal(pair.target[..., row : row + 16, column : column + 16], piece.target)
    whole = pair.piece(1000, rng())
    for part, wanted in zip(
        (whole.features, *whole.stem, whole.target), (pair.features, *pair.stem, pair.target), strict=True
    ):
        assert torch.equal(part, wanted)


def test_missing_strokes_and_another_tone_differ_and_a_shift_hardly_does() -> None:
    torch.manual_seed(0)
    strokes = (torch.rand(1, 1, 64, 64) < 0.3).float() * -2 + 1
    shifted, paper = strokes.roll(1, -1), torch.ones_like(strokes)
    assert difference(strokes, strokes) == 0
    for other in (paper, -strokes):
        assert difference(shifted, strokes) < 0.3 * difference(other, strokes)
    # Pixel by pixel the empty paper is nearer than the same strokes a pixel to the right.
    assert F.l1_loss(paper, strokes) < F.l1_loss(shifted, strokes)

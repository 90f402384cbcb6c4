"""A memory of one style is written from pairs, while the network stands still."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
import torch.nn.functional as F
from drawn_pairs import draw_pair
from tiny_runs import still_network

from most_sketch.network.encoder import Encoder
from most_sketch.network.generator import Generator
from most_sketch.network.memory import Memory
from most_sketch.photo.images import to_tensor
from most_sketch.teaching.encoded_pairs import (
    SeenPair,
    difference,
    draw_seen,
    memory_of,
    see,
    write,
    write_together,
)

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def generator() -> Generator:
    return still_network()


@pytest.fixture
def pairs(generator: Generator) -> list[SeenPair]:
    torch.manual_seed(1)
    encoder = Encoder(1, generator.config).requires_grad_(False)
    pictures = [tuple(map(to_tensor, draw_pair(seed, (42, 50)))) for seed in range(3)]
    return [see(generator, encoder, photo, sketch) for photo, sketch in pictures]


def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def places(*features: Sequence[float]) -> torch.Tensor:
    """A row of places with these features, as (1, C, 1, W)."""
    return torch.tensor(features).T[None, :, None].half()


def test_what_is_seen_is_drawn_as_the_network_draws(generator: Generator, pairs: list[SeenPair]) -> None:
    photo = to_tensor(draw_pair(0, (42, 50))[0])[None]
    drawn = draw_seen(generator, memory_of(generator, 1), pairs[0])
    assert drawn.shape == (1, 1, 52, 44)
    torch.testing.assert_close(drawn[..., 1:51, 1:43], generator(photo, torch.tensor([1])), atol=2e-3, rtol=0)


def test_a_piece_is_cut_from_one_place_of_all(pairs: list[SeenPair]) -> None:
    pair = pairs[0]
    piece = pair.piece(16, rng())
    assert piece.target.shape[-2:] == (16, 16)
    assert piece.stem.shape[-2:] == (8, 8)
    assert piece.features.shape[-2:] == piece.sketch_features.shape[-2:] == (4, 4)
    (found,) = [
        (row, column)
        for row in range(pair.features.shape[2] - 3)
        for column in range(pair.features.shape[3] - 3)
        if torch.equal(pair.features[..., row : row + 4, column : column + 4], piece.features)
    ]
    row, column = (4 * place for place in found)
    assert torch.equal(pair.target[..., row : row + 16, column : column + 16], piece.target)
    whole = pair.piece(1000, rng())
    assert all(torch.equal(part, getattr(whole, name)) for name, part in vars(pair).items())


def test_missing_strokes_and_another_tone_differ_and_a_shift_hardly_does() -> None:
    torch.manual_seed(0)
    strokes = (torch.rand(1, 1, 64, 64) < 0.3).float() * -2 + 1
    shifted, paper = strokes.roll(1, -1), torch.ones_like(strokes)
    assert difference(strokes, strokes) == 0
    for other in (paper, -strokes):
        assert difference(shifted, strokes) < 0.3 * difference(other, strokes)
    # Pixel by pixel the empty paper is nearer than the same strokes a pixel to the right.
    assert F.l1_loss(paper, strokes) < F.l1_loss(shifted, strokes)


def test_written_together_a_value_is_what_is_drawn_where_its_key_is_seen() -> None:
    """Hair is black in the memory and skin white; the artist draws it the other way round."""
    hair, skin, black, white = [1.0, 0.0], [0.0, 1.0], [1.0, -1.0], [-1.0, 1.0]
    memory = Memory(1, 2, 2, 0.05, aligned_start=False)
    memory.keys, memory.values = torch.tensor([[hair, skin]]), torch.tensor([[black, white]])
    photo, sketch = places(hair, hair, skin), places(white, white, black)
    pair = SeenPair(photo, photo, sketch, sketch)
    together, apart = Memory(1, 2, 2, 0.05, False), Memory(1, 2, 2, 0.05, False)
    for each in (together, apart):
        each.load_state_dict(memory.state_dict())
    write_together(together, [pair], rng())
    assert torch.equal(together.keys, memory.keys)
    assert torch.equal(together.values, torch.tensor([[white, black]]))
    # Eq. 5 alone finds both drawn features where they were, and changes nothing.
    write(apart, [pair], rng())
    torch.testing.assert_close(apart.values, memory.values)


def test_a_key_that_nothing_picks_begins_anew_with_its_value() -> None:
    memory = Memory(1, 3, 2, 0.05, aligned_start=False)
    memory.keys = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]]])
    photo, sketch = places([1, 0], [0, 1]), places([5, 6], [7, 8])
    write_together(memory, [SeenPair(photo, photo, sketch, sketch)], rng())
    wanted = {(1.0, 0.0): (5.0, 6.0), (0.0, 1.0): (7.0, 8.0)}
    for key, value in zip(memory.keys[0].tolist(), memory.values[0].tolist(), strict=True):
        assert wanted[tuple(key)] == tuple(value)


def test_writing_as_training_does_moves_one_memory_alone(generator: Generator, pairs: list[SeenPair]) -> None:
    before = {name: value.clone() for name, value in generator.state_dict().items()}
    memory = memory_of(generator, 0)
    write(memory, pairs, rng())
    assert not torch.equal(memory.keys[0], before["memory.keys"][0])
    assert not torch.equal(memory.values[0], before["memory.values"][0])
    assert all(torch.equal(value, before[name]) for name, value in generator.state_dict().items())

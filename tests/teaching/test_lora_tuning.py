"""A taught style is tuned: its renderer comes nearer to drawings, and nothing else moves."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from drawn_pairs import draw_pair
from tiny_runs import still_network

from most_sketch.network.generator import Generator
from most_sketch.network.lora import change_of, changed
from most_sketch.photo.images import to_tensor
from most_sketch.teaching.encoded_pairs import EncodedPair, draw_encoded, encode, mean_difference, memory_of
from most_sketch.teaching.lora_tuning import RANK, Budget, tune

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def generator() -> Generator:
    return still_network()


@pytest.fixture
def pairs(generator: Generator) -> list[EncodedPair]:
    """Of an artist who draws as another network does."""
    torch.manual_seed(1)
    artist = Generator(generator.config).requires_grad_(False)
    photos = [to_tensor(draw_pair(seed, (74, 82))[0]) for seed in range(3)]
    return [encode(generator, photo, artist(photo[None], torch.tensor([0]))[0]) for photo in photos]


def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def spent(*steps: int) -> list[tuple[int, int]]:
    return [(done, steps[-1]) for done in range(1, steps[-1] + 1)]


@pytest.mark.parametrize("reduce", [1, 2])
def test_drawings_come_nearer_and_only_what_is_of_the_style_moves(
    generator: Generator, pairs: Sequence[EncodedPair], reduce: int
) -> None:
    before = {name: value.clone() for name, value in generator.state_dict().items()}
    memory = memory_of(generator, 0)
    unlike = mean_difference(generator, memory, pairs, reduce=reduce)
    told: list[tuple[int, int]] = []
    tuned = tune(
        generator, memory, pairs, Budget(60, 600), rng(), report=lambda *done: told.append(done), reduce=reduce
    )
    assert tuned is not None
    assert tuned.steps == 60
    assert told == spent(60)
    assert mean_difference(generator, memory, pairs, renderer=tuned.renderer, reduce=reduce) < 0.8 * unlike
    assert all(torch.equal(value, getattr(memory_of(generator, 0), name)) for name, value in memory.named_buffers())
    assert not any(parameter.requires_grad for parameter in tuned.renderer.parameters())
    assert all(torch.equal(value, before[name]) for name, value in generator.state_dict().items())


def test_what_is_kept_of_the_renderer_draws_the_same_and_is_small(
    generator: Generator, pairs: Sequence[EncodedPair]
) -> None:
    memory = memory_of(generator, 0)
    tuned = tune(generator, memory, pairs, Budget(10, 600), rng())
    assert tuned is not None
    change = change_of(tuned.renderer, generator.renderer)
    again = changed(generator.renderer, change)
    drawn, the_same = (draw_encoded(generator, memory, pairs[0], renderer=each) for each in (tuned.renderer, again))
    torch.testing.assert_close(drawn, the_same, atol=1e-4, rtol=0)
    assert not torch.allclose(drawn, draw_encoded(generator, memory, pairs[0]), atol=1e-2)
    assert {tensor.shape[1] for name, tensor in change.items() if name.endswith(".up")} <= set(range(1, RANK + 1))


def test_the_same_seed_gives_the_same_whatever_torch_has_drawn_before(
    generator: Generator, pairs: Sequence[EncodedPair]
) -> None:
    first, second = (tune(generator, memory_of(generator, 0), pairs, Budget(3, 600), rng()) for _ in range(2))
    assert first is not None
    assert second is not None
    for one, other in zip(first.renderer.parameters(), second.renderer.parameters(), strict=True):
        assert torch.equal(one, other)


def test_time_decides_how_many_steps_there_are(generator: Generator, pairs: Sequence[EncodedPair]) -> None:
    memory = memory_of(generator, 0)
    assert tune(generator, memory, pairs, Budget(60, 0), rng()) is None
    told: list[tuple[int, int]] = []
    tuned = tune(generator, memory, pairs, Budget(10**6, 1), rng(), report=lambda *done: told.append(done))
    assert tuned is not None
    assert 1 <= tuned.steps < 1000
    assert told[-1] == (tuned.steps, tuned.steps)


def test_a_budget_ends_with_its_steps_or_its_seconds() -> None:
    budget = Budget(100, 60)
    assert budget.spent(0, 0) == 0
    assert budget.spent(50, 6) == 0.5
    assert budget.spent(5, 45) == 0.75
    assert budget.spent(5, 60) == budget.spent(100, 1) == 1
    assert budget.progress(5, 30) == (5, 10)
    assert budget.progress(50, 6) == (50, 100)
    assert budget.progress(7, 90) == (7, 7)

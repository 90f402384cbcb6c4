"""The memory against loops written straight from the paper's equations."""

from __future__ import annotations

import math

import pytest
import torch

from most_sketch.network.memory import Memory, similarity, straight_through_one_hot, to_slots

STYLES, SLOTS, CHANNELS = 2, 5, 3
DECAY = 0.9


@pytest.fixture
def memory() -> Memory:
    torch.manual_seed(0)
    return Memory(STYLES, SLOTS, CHANNELS, temperature=0.5, aligned_start=False)


def features(seed: int, batch: int = 2) -> torch.Tensor:
    return torch.randn(batch, CHANNELS, 2, 3, generator=torch.Generator().manual_seed(seed))


def cosine(a: list[float], b: list[float]) -> float:
    """Eq. 4."""
    dot = sum(x * y for x, y in zip(a, b, strict=True))
    return dot / (math.hypot(*a) * math.hypot(*b))


def places(feature_map: torch.Tensor) -> list[list[float]]:
    """Eq. 2-3: one vector for each place of a (C, H, W) map, row by row."""
    return [feature_map[:, y, x].tolist() for y in range(feature_map.shape[1]) for x in range(feature_map.shape[2])]


def updated_by_hand(slots: list[list[float]], vectors: list[list[float]]) -> list[list[float]]:
    """Eq. 5-6, one feature and one slot at a time."""
    followers: dict[int, list[list[float]]] = {}
    for vector in vectors:
        best = max(range(len(slots)), key=lambda j: cosine(vector, slots[j]))
        followers.setdefault(best, []).append(vector)
    return [
        [
            DECAY * slot[c] + (1 - DECAY) * sum(vector[c] for vector in followers[j]) / len(followers[j])
            if j in followers
            else slot[c]
            for c in range(CHANNELS)
        ]
        for j, slot in enumerate(slots)
    ]


def test_similarity_and_assignment_are_those_of_eq_4_and_7(memory: Memory) -> None:
    vectors = to_slots(features(1))
    found = similarity(vectors, memory.keys)
    attention = memory.attention(found)
    for b in range(2):
        for i, vector in enumerate(places(features(1)[b])):
            cosines = [cosine(vector, memory.keys[b, j].tolist()) for j in range(SLOTS)]
            total = sum(math.exp(c / 0.5) for c in cosines)
            assert found[b, i].tolist() == pytest.approx(cosines, abs=1e-5)
            assert attention[b, i].tolist() == pytest.approx([math.exp(c / 0.5) / total for c in cosines], abs=1e-5)


def test_read_is_the_attention_weighted_sum_of_eq_8(memory: Memory) -> None:
    queries, style = features(2), torch.tensor([1, 0])
    read = memory.read(queries, style)
    assert read.shape == queries.shape
    for b in range(2):
        keys, values = memory.keys[style[b]].tolist(), memory.values[style[b]].tolist()
        for vector, result in zip(places(queries[b]), places(read[b]), strict=True):
            weights = [math.exp(cosine(vector, key) / 0.5) for key in keys]
            by_hand = [
                sum(w * value[c] for w, value in zip(weights, values, strict=True)) / sum(weights)
                for c in range(CHANNELS)
            ]
            assert result == pytest.approx(by_hand, abs=1e-5)


def test_update_moves_each_style_as_eq_5_and_6_say(memory: Memory) -> None:
    photo, sketch, style = features(3), features(4), torch.tensor([1, 0])
    keys, values = memory.keys.tolist(), memory.values.tolist()
    memory.update(photo, sketch, style, DECAY)
    for b, index in enumerate(style.tolist()):
        torch.testing.assert_close(memory.keys[index], torch.tensor(updated_by_hand(keys[index], places(photo[b]))))
        torch.testing.assert_close(
            memory.values[index], torch.tensor(updated_by_hand(values[index], places(sketch[b])))
        )


def test_two_images_of_one_style_vote_together(memory: Memory) -> None:
    photo, keys = features(5), memory.keys.tolist()
    memory.update(photo, features(6), torch.tensor([0, 0]), DECAY)
    by_hand = updated_by_hand(keys[0], places(photo[0]) + places(photo[1]))
    torch.testing.assert_close(memory.keys[0], torch.tensor(by_hand))


def test_slots_without_votes_do_not_move(memory: Memory) -> None:
    everywhere = memory.keys[0, 2][None, :, None, None].expand(1, -1, 2, 3).clone()
    before = memory.keys.clone()
    memory.update(everywhere * 2, everywhere, torch.tensor([0]), DECAY)
    assert not torch.equal(memory.keys[0, 2], before[0, 2])
    others = torch.tensor([0, 1, 3, 4])
    assert torch.equal(memory.keys[0, others], before[0, others])


def test_a_step_of_one_style_leaves_the_other_untouched(memory: Memory) -> None:
    before = {name: tensor.clone() for name, tensor in memory.named_buffers()}
    for _ in range(3):
        memory.update(features(7), features(8), torch.tensor([1, 1]), DECAY, reseed_after=1)
    for name, tensor in memory.named_buffers():
        assert torch.equal(tensor[0], before[name][0]), name
    assert not torch.equal(memory.keys[1], before["keys"][1])


def test_aligned_start_takes_pairs_of_the_same_place() -> None:
    memory = Memory(1, SLOTS, CHANNELS, temperature=0.5, aligned_start=True)
    photo = features(9)
    memory.update(photo, 10 * photo, torch.tensor([0, 0]), decay=1.0, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(memory.values, 10 * memory.keys)
    seen = to_slots(photo).flatten(0, 1)
    assert all((seen == key).all(dim=1).any() for key in memory.keys[0])


def test_places_to_start_anew_from_are_those_of_the_own_style() -> None:
    memory = Memory(3, 50, CHANNELS, temperature=0.5, aligned_start=True)
    photo = torch.cat([features(seed, 1) for seed in range(4)])
    style = torch.tensor([2, 0, 2, 0])
    rng = torch.Generator().manual_seed(0)
    memory.update(photo, 10 * photo, style, decay=1.0, generator=rng)
    assert memory.started.tolist() == [True, False, True]
    for index in (0, 2):
        own = to_slots(photo)[style == index].flatten(0, 1)
        taken = (memory.keys[index][:, None] == own).all(dim=2)
        # Each slot is one of the 12 places, and with 50 slots nearly every place is one of the slots.
        assert taken.any(dim=1).all()
        assert taken.any(dim=0).sum() >= 10


def test_dead_slots_are_started_anew_and_counted() -> None:
    torch.manual_seed(0)
    memory = Memory(1, SLOTS, CHANNELS, temperature=0.5, aligned_start=False)
    one_direction = torch.ones(1, CHANNELS, 2, 3)
    assert memory.update(one_direction, one_direction, torch.tensor([0]), DECAY, reseed_after=2) == 0
    reseeded = memory.update(one_direction, 3 * one_direction, torch.tensor([0]), DECAY, reseed_after=2)
    assert reseeded == SLOTS - 1
    assert (memory.keys == 1).all(dim=-1).sum() >= SLOTS - 1


def test_no_gradient_enters_the_memory_but_the_query_gets_one(memory: Memory) -> None:
    queries = features(10).requires_grad_()
    memory.update(queries, queries, torch.tensor([0, 1]), DECAY)
    memory.read(queries, torch.tensor([0, 1])).sum().backward()
    assert queries.grad is not None
    assert queries.grad.abs().sum() > 0
    assert not list(memory.parameters())
    assert not memory.keys.requires_grad
    assert not memory.values.requires_grad


def test_the_memory_computes_in_float32_under_bfloat16_autocast(memory: Memory) -> None:
    queries, style = features(11), torch.tensor([0, 1])
    exact = memory.read(queries, style)
    with torch.autocast("cpu", torch.bfloat16):
        read = memory.read(queries, style)
        memory.update(queries.bfloat16(), queries.bfloat16(), style, DECAY)
    assert torch.equal(read, exact)
    assert memory.keys.dtype == memory.values.dtype == torch.float32


def test_the_attention_that_is_known_need_not_be_computed_again(memory: Memory) -> None:
    queries, style = features(12), torch.tensor([1, 0])
    attention = memory.attention(memory.key_similarity(queries, style))
    assert torch.equal(memory.read(queries, style, attention), memory.read(queries, style))


def test_eq_14_chooses_one_slot_and_is_learnt_from_as_the_cosines_are() -> None:
    cosines = torch.tensor([[[0.1, 0.9, -0.3]]], requires_grad=True)
    chosen = straight_through_one_hot(cosines)
    assert chosen.tolist() == [[[0, 1, 0]]]
    (chosen * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert cosines.grad is not None
    assert cosines.grad.tolist() == [[[1, 2, 3]]]


def test_usage_counts_slots_and_disagreement() -> None:
    memory = Memory(2, 4, 4, temperature=0.5, aligned_start=False)
    memory.keys.copy_(torch.eye(4).expand(2, 4, 4))
    memory.values.copy_(torch.eye(4).expand(2, 4, 4))
    corners = torch.eye(4).view(1, 4, 2, 2)  # each place points at another slot

    def usage(photo: torch.Tensor, sketch: torch.Tensor, *styles: int) -> list[float]:
        style = torch.tensor(styles)
        cosines = memory.key_similarity(photo, style), memory.value_similarity(sketch, style)
        return [figure.item() for figure in memory.usage(*cosines, style)]

    half = corners[..., :1].expand(-1, -1, -1, 2)
    assert usage(corners, corners, 1) == [1.0, 0.0]
    assert usage(half, corners, 1) == [0.5, 0.5]
    assert usage(torch.cat([half, half]), torch.cat([half, half]), 0, 0) == [0.5, 0.0]
    assert usage(torch.cat([corners, half]), torch.cat([corners, half]), 0, 1) == [0.75, 0.0]

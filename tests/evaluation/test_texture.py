"""The distance of textures: against piq's KID and against its own definition, and what it tells apart."""

from __future__ import annotations

import numpy as np
import piq
import pytest
import torch
from PIL import Image
from torch import Tensor

from most_sketch.evaluation.texture import SIDE, Texture, TextureFeatures, kernel_distance, squares_with_ink

CPU = torch.device("cpu")


def normal(count: int, shift: float = 0.0, seed: int = 0) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(count, 12, generator=rng, dtype=torch.float64) + shift


def test_the_kernel_distance_is_piqs_kid() -> None:
    first, second = normal(40), normal(40, 0.5, seed=1)
    assert kernel_distance(first, second) == pytest.approx(piq.KID()(first, second).item())


def test_sets_of_other_sizes_are_compared_by_every_pair_of_samples() -> None:
    first, second = normal(3), normal(5, 1, seed=1)

    def mean(one: Tensor, other: Tensor) -> float:
        kernels = [(float(a @ b) / 12 + 1) ** 3 for a in one for b in other if a is not b]
        same = one is other
        if same:
            kernels = [(float(a @ b) / 12 + 1) ** 3 for i, a in enumerate(one) for j, b in enumerate(other) if i != j]
        return float(np.mean(kernels))

    expected = mean(first, first) + mean(second, second) - 2 * mean(first, second)
    assert kernel_distance(first, second) == pytest.approx(expected)


def test_a_large_set_is_computed_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = normal(30), normal(20, 1, seed=1)
    whole = kernel_distance(first, second)
    monkeypatch.setattr("most_sketch.evaluation.texture.ROWS", 7)
    assert kernel_distance(first, second) == pytest.approx(whole)


def page(darkness: float, seed: int = 0, size: tuple[int, int] = (200, 250)) -> Image.Image:
    """Paper with noise on its lower half that is dark in the mean."""
    rng = np.random.default_rng(seed)
    levels = np.full(size[::-1], 255.0)
    half = size[1] // 2
    levels[half:] = 255 * (1 - darkness) + rng.normal(0, 20, (size[1] - half, size[0]))
    return Image.fromarray(levels.clip(0, 255).astype(np.uint8))


def test_squares_hold_ink_and_are_the_same_every_time() -> None:
    squares = squares_with_ink(page(0.5), 6, np.random.default_rng(3))
    assert squares.shape == (6, SIDE, SIDE)
    assert (1 - squares.mean(axis=(1, 2)) / 255 > 0.15).all()
    assert np.array_equal(squares, squares_with_ink(page(0.5), 6, np.random.default_rng(3)))
    assert len(squares_with_ink(page(0.1), 6, np.random.default_rng(3))) == 0


def rough(pictures: Tensor) -> list[Tensor]:
    """Stands in for SqueezeNet: how much neighbours differ, and the mean, in layers of its widths."""
    grey = pictures[:, :1]
    seen = torch.cat(
        [(grey[..., 1:] - grey[..., :-1]).abs().mean(dim=(2, 3), keepdim=True), grey.mean((2, 3), True)], 1
    )
    return [seen] * 7


def test_rough_sketches_are_nearer_to_rough_drawings_than_smooth_ones() -> None:
    features = TextureFeatures(rough, CPU)
    names = [f"a/{number}" for number in range(8)]
    drawings = {name: features.of_drawing(page(0.5, seed), name) for seed, name in enumerate(names)}
    alike = {name: features.of(page(0.5, seed + 100), name) for seed, name in enumerate(names)}
    smooth = {
        name: features.of(page(0.5, seed).resize((20, 25)).resize((200, 250)), name) for seed, name in enumerate(names)
    }
    near, far = (Texture(sketches, drawings).distance(names) for sketches in (alike, smooth))
    among = Texture(alike, drawings).among_drawings()
    assert near is not None
    assert far is not None
    assert among is not None
    assert far > 10 * max(near, abs(among))
    assert Texture(smooth, drawings).distance(names[:1]) != far


def test_a_drawing_is_looked_at_once() -> None:
    features = TextureFeatures(rough, CPU)
    first = features.of_drawing(page(0.5), "a/1")
    assert features.of_drawing(page(0.9), "a/1") is first


def test_without_ink_there_is_no_distance() -> None:
    features = TextureFeatures(rough, CPU)
    texture = Texture({"a": features.of(page(0), "a")}, {"a": features.of(page(0.5), "a")})
    assert texture.distance(["a"]) is None

"""Texture: do the strokes of sketches look, close by, like those of drawings? A distance between two sets of pictures.

The squared maximum mean discrepancy with the cubic kernel of KID (Binkowski et al., "Demystifying MMD GANs", ICLR
2018), of what SqueezeNet sees in squares with ink of both sets. Which photo a square is of plays no part.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

HEIGHT = 500
"""Pixels to which pictures are brought, so that strokes are compared at one scale."""
SIDE = 96
"""Pixels of a square."""
INK = 0.15
"""How dark a square is in the mean, from 0 to 1, that holds strokes and not just paper."""
SQUARES = 6
"""Of each picture; fewer where `TRIES` places have not so much ink."""
TRIES = 400
LAYERS = (1, 3, 5)
"""Of the seven of LPIPS's SqueezeNet: 128, 384 and 512 channels, fine to coarse."""
FARTHEST = 8.0
"""Standard deviations of the drawings at which features of sketches are cut off: one odd square is not all."""
ROWS = 1000
"""Of the kernel's matrix that are in memory at once."""

Network = Callable[[Tensor], Sequence[Tensor]]
"""RGB (B, 3, H, W) in [-1, 1] to maps (B, C, h, w)."""


class TextureFeatures:
    """What a network sees in the squares of pictures, and of drawings as it saw them first."""

    def __init__(self, network: Network, device: torch.device) -> None:
        self._network = network
        self._device = device
        self._drawings: dict[str, Tensor] = {}

    @torch.inference_mode()
    def of(self, picture: Image.Image, name: str, count: int = SQUARES) -> Tensor:
        """Of up to `count` squares of a grey picture, (n, 1024) float64. The name decides where they are looked for."""
        squares = squares_with_ink(picture, count, np.random.default_rng(zlib.crc32(name.encode())))
        if not len(squares):
            return torch.zeros(0, 0, dtype=torch.float64)
        grey = torch.from_numpy(squares).to(self._device)[:, None] / 127.5 - 1
        maps = self._network(grey.expand(-1, 3, -1, -1))
        return torch.cat([maps[layer].mean(dim=(2, 3)) for layer in LAYERS], dim=1).cpu().double()

    def of_drawing(self, picture: Image.Image, name: str) -> Tensor:
        """As `of`; a drawing of the same name is looked at once."""
        if name not in self._drawings:
            self._drawings[name] = self.of(picture, name)
        return self._drawings[name]


class Texture:
    """The distances between the sketches and the drawings of any of these names, and among the drawings themselves."""

    def __init__(self, sketches: Mapping[str, Tensor], drawings: Mapping[str, Tensor]) -> None:
        self._sketches, self._drawings = sketches, drawings
        self._known: dict[tuple[str, ...], float | None] = {}

    def distance(self, names: Iterable[str]) -> float | None:
        """Of these sketches to the drawings of the same names; None where one side has not two squares."""
        chosen = tuple(names)
        if chosen not in self._known:
            self._known[chosen] = texture_distance(*(joined(side, chosen) for side in (self._sketches, self._drawings)))
        return self._known[chosen]

    def among_drawings(self) -> float | None:
        """Of every other drawing to the rest: what two samples of one artist differ by."""
        names = sorted(self._drawings)
        return texture_distance(*(joined(self._drawings, names[half::2]) for half in (0, 1)))


def squares_with_ink(picture: Image.Image, count: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Up to `count` squares at random places of a picture, (n, 96, 96) grey values 0 to 255."""
    width = max(SIDE, round(picture.width * HEIGHT / picture.height))
    levels = np.asarray(picture.convert("L").resize((width, HEIGHT), Image.Resampling.LANCZOS), dtype=np.float32)
    found: list[NDArray[np.float32]] = []
    for _ in range(TRIES):
        if len(found) == count:
            break
        top, left = rng.integers(0, HEIGHT - SIDE + 1), rng.integers(0, width - SIDE + 1)
        square = levels[top : top + SIDE, left : left + SIDE]
        if 1 - square.mean() / 255 > INK:
            found.append(square)
    return np.stack(found) if found else np.zeros((0, SIDE, SIDE), dtype=np.float32)


def texture_distance(sketches: Tensor, drawings: Tensor) -> float | None:
    """Of features (n, D) and (m, D), each in standard deviations of the drawings'; None where n or m is below 2."""
    if min(len(sketches), len(drawings)) < 2:
        return None
    mean, spread = drawings.mean(dim=0), drawings.std(dim=0, correction=0) + 1e-6
    return kernel_distance(((sketches - mean) / spread).clamp(-FARTHEST, FARTHEST), (drawings - mean) / spread)


def kernel_distance(first: Tensor, second: Tensor) -> float:
    """The unbiased squared maximum mean discrepancy of samples (n, D) and (m, D), with KID's kernel.

    `piq.KID` has it for as many of both only, and draws those at random.
    """
    return _mean_of_pairs(first) + _mean_of_pairs(second) - 2 * _kernel_sum(first, second) / len(first) / len(second)


def _mean_of_pairs(samples: Tensor) -> float:
    """The mean kernel of two different samples."""
    count = len(samples)
    with_itself = _kernel(samples.square().sum(dim=1), samples.shape[1]).sum().item()
    return (_kernel_sum(samples, samples) - with_itself) / count / (count - 1)


def _kernel_sum(first: Tensor, second: Tensor) -> float:
    parts = (first[start : start + ROWS] for start in range(0, len(first), ROWS))
    return math.fsum(_kernel(rows @ second.T, first.shape[1]).sum().item() for rows in parts)


def _kernel(products: Tensor, dimensions: int) -> Tensor:
    """Of inner products: Binkowski et al. 2018, section 4, a polynomial of the third degree."""
    return (products / dimensions + 1) ** 3


def joined(features: Mapping[str, Tensor], names: Sequence[str]) -> Tensor:
    """The features of the pictures of these names, (n, D); those without ink have none."""
    held: list[Any] = [features[name] for name in names if len(features[name])]
    return torch.cat(held) if held else torch.zeros(0, 1, dtype=torch.float64)

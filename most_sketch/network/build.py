"""The networks that draw: MOST-Net, bottom-up in the modules of this package, and the baselines."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from most_sketch.network.baselines import ResNetGenerator, UNet256
from most_sketch.network.config import ModelConfig
from most_sketch.network.generator import Generator

AnyGenerator = Generator | UNet256 | ResNetGenerator
"""Called with a photo (B, 3, H, W) in [-1, 1] and style indices (B,); returns sketches (B, 1, H, W) in [-1, 1]."""


def build_generator(config: ModelConfig) -> AnyGenerator:
    """The generator that a config describes, with random weights."""
    networks: dict[str, type[AnyGenerator]] = {"pix2pix": UNet256, "cyclegan": ResNetGenerator}
    return networks.get(config.architecture, Generator)(config)


def draw(generator: AnyGenerator, photos: Tensor, style: Tensor) -> Tensor:
    """Draw photos (B, 3, H, W) of any size, as large as the network draws well, and resize the sketches (B, 1, H, W).

    All in [-1, 1], style (B,) index.
    """
    size = photos.shape[-2:]
    scale = generator.config.drawn_height(size[0]) / size[0]
    if scale == 1:
        sketch: Tensor = generator(photos, style)
        return sketch
    drawn_size = [round(side * scale) for side in size]
    return _resize(generator(_resize(photos, drawn_size), style).float(), list(size))


def _resize(images: Tensor, size: list[int]) -> Tensor:
    return F.interpolate(images, size, mode="bicubic", antialias=True).clamp(-1, 1)

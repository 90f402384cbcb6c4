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


def draw(generator: AnyGenerator, photos: Tensor, style: Tensor, frame_height: float | None = None) -> Tensor:
    """Draw photos (B, 3, H, W) of any size, as large as the network draws well, and resize the sketches (B, 1, H, W).

    All in [-1, 1], style (B,) index. `frame_height` is that of the frame at the photos' scale; None if they are the
    frame.
    """
    height, width = photos.shape[-2:]
    drawn_size = generator.config.drawn_size((width, height), frame_height or height)
    if drawn_size == (width, height):
        sketch: Tensor = generator(photos, style)
        return sketch
    return _resize(generator(_resize(photos, drawn_size), style).float(), (width, height))


def person(generator: AnyGenerator, photos: Tensor) -> Tensor | None:
    """As `Generator.person`; None for networks that never have a matte."""
    return generator.person(photos) if isinstance(generator, Generator) else None


def _resize(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Images (B, C, H, W) in [-1, 1] at another (width, height)."""
    return F.interpolate(images, size[::-1], mode="bicubic", antialias=True).clamp(-1, 1)

"""The networks that draw: MOST-Net, bottom-up in the modules of this package, and the baseline."""

from __future__ import annotations

from most_sketch.network.config import ModelConfig
from most_sketch.network.generator import Generator
from most_sketch.network.pix2pix import UNet256

AnyGenerator = Generator | UNet256
"""Called with a photo (B, 3, H, W) in [-1, 1] and style indices (B,); returns sketches (B, 1, H, W) in [-1, 1]."""


def build_generator(config: ModelConfig) -> AnyGenerator:
    """The generator that a config describes, with random weights."""
    return Generator(config) if config.architecture == "most-net" else UNet256(config)

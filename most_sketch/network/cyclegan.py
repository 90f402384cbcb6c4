"""The generator of CycleGAN, a row of the paper's Table I. Reference: Zhu et al. 2017, section 7.2."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from most_sketch.network.config import ModelConfig
from most_sketch.network.generator import crop_to, pad_to_stride
from most_sketch.network.layers import instance_norm

STRIDE = 4


class ReflectedConv(nn.Conv2d):
    """A convolution that sees the picture mirrored beyond its border, as all of the reference's at one resolution."""

    def __init__(self, before: int, after: int, kernel: int) -> None:
        super().__init__(before, after, kernel, padding=kernel // 2, padding_mode="reflect")


class ResidualBlock(nn.Module):
    """Two convolutions beside the way straight through. (B, C, h, w) -> (B, C, h, w)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = ReflectedConv(width, width, 3), ReflectedConv(width, width, 3)

    def forward(self, features: Tensor) -> Tensor:
        return features + instance_norm(self.second(_rectified(self.first(features))))


class ResNetGenerator(nn.Module):
    """Down to a quarter, `encoder_blocks` residual blocks, and up again: one kind of picture into another.

    Without `backwards` it draws: photo (B, 3, H, W) -> sketch (B, 1, H, W). With it, it makes photos of sketches, which
    it takes as grey pictures of three channels: (B, 3, H, W) -> (B, 3, H, W). All in [-1, 1].
    """

    def __init__(self, config: ModelConfig, backwards: bool = False) -> None:
        super().__init__()
        self.config = config
        widths = [config.stem_channels * factor for factor in (1, 2, 4)]
        self.stem = ReflectedConv(3, widths[0], 7)
        self.down = nn.ModuleList(nn.Conv2d(*step, 3, 2, padding=1) for step in pairwise(widths))
        self.blocks = nn.Sequential(*(ResidualBlock(widths[-1]) for _ in range(config.encoder_blocks)))
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(*step, 3, 2, padding=1, output_padding=1) for step in pairwise(reversed(widths))
        )
        self.output = ReflectedConv(widths[0], 3 if backwards else 1, 7)

    def forward(self, picture: Tensor, style: Tensor) -> Tensor:  # noqa: ARG002 - it draws in one style only
        """A picture of any size from 5 pixels a side, style (B,) ignored."""
        height, width = picture.shape[-2:]
        features = _rectified(self.stem(pad_to_stride(picture, STRIDE)))
        for layer in self.down:
            features = _rectified(layer(features))
        features = self.blocks(features)
        for layer in self.up:
            features = _rectified(layer(features))
        features = self.output(features)
        return crop_to(torch.tanh(features), height, width)


def _rectified(features: Tensor) -> Tensor:
    return F.relu(instance_norm(features))

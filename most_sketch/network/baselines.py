"""The networks that the paper compares with: the generators of Pix2Pix (Table II) and of CycleGAN (Table I)."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from most_sketch.network.config import ModelConfig
from most_sketch.network.generator import crop_to, pad_to_stride
from most_sketch.network.layers import instance_norm

WIDTHS = (1, 2, 4, 8, 8, 8, 8, 8)
"""Channels of the eight encoder layers, in multiples of `stem_channels`, which is 64 in the reference."""
DROPOUT_LAYERS = 3
RESNET_STRIDE = 4
"""Photo pixels per feature of CycleGAN's residual blocks, along each side."""


class UNet256(nn.Module):
    """Pix2Pix: eight strided convolutions down to one pixel, eight up again, skips between layers of one size.

    Reference: Isola et al. 2017, section 6.1.1.

    Departure: instance instead of batch normalisation, which are the same at Pix2Pix's batch of one; and dropout
    only in training, so that one photo always gives one sketch.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        widths = [config.stem_channels * width for width in WIDTHS]
        self.down = nn.ModuleList(
            nn.Conv2d(before, after, 4, 2, padding=1) for before, after in zip([3, *widths], widths, strict=False)
        )
        # From the inside out; all but the innermost take their input with the skip of the same size.
        inputs = [widths[-1], *(2 * width for width in widths[-2::-1])]
        outputs = [*widths[-2::-1], 1]
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(before, after, 4, 2, padding=1) for before, after in zip(inputs, outputs, strict=True)
        )

    def forward(self, photo: Tensor, style: Tensor) -> Tensor:  # noqa: ARG002 - it draws in one style only
        """Draw. photo (B, 3, H, W) RGB in [-1, 1] of any size, style (B,) ignored -> (B, 1, H, W) in [-1, 1]."""
        height, width = photo.shape[-2:]
        features = pad_to_stride(photo, 2 ** len(WIDTHS))
        skips: list[Tensor] = []
        for layer in self.down:
            # The reference normalises neither the outermost layer nor the innermost, which may be one pixel.
            inner = 0 < len(skips) < len(WIDTHS) - 1
            features = layer(F.leaky_relu(features, 0.2) if skips else features)
            features = instance_norm(features) if inner else features
            skips.append(features)
        features = skips.pop()
        for depth, layer in enumerate(self.up):
            features = layer(F.relu(features))
            if skips:
                features = instance_norm(features)
                if 1 <= depth <= DROPOUT_LAYERS:
                    features = F.dropout(features, 0.5, self.training)
                features = torch.cat([features, skips.pop()], dim=1)
        return crop_to(torch.tanh(features), height, width)


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
    """CycleGAN: down to a quarter, `encoder_blocks` residual blocks, and up again: one kind of picture into another.

    Reference: Zhu et al. 2017, section 7.2.

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
        features = _rectified(self.stem(pad_to_stride(picture, RESNET_STRIDE)))
        for layer in self.down:
            features = _rectified(layer(features))
        features = self.blocks(features)
        for layer in self.up:
            features = _rectified(layer(features))
        features = self.output(features)
        return crop_to(torch.tanh(features), height, width)


def _rectified(features: Tensor) -> Tensor:
    return F.relu(instance_norm(features))

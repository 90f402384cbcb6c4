"""Photo encoder PE and sketch encoder SE: one convolution, then residual blocks. Paper: section III-A."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from most_sketch.network.config import ModelConfig
from most_sketch.network.layers import InstanceNorm, ResidualBlock

CONTEXT_STRIDE = 4
"""Places of the features per place of their context, along each side."""


class Context(nn.Module):
    """Add to every place what is far around it. Features (B, C, h, w) -> the same. Beyond the paper.

    Nothing is normalised, so that how light the whole picture is gets through too. The last convolution starts at
    zero: a network that is given a context draws as it did until it has learnt to use it.
    """

    def __init__(self, channels: int, blocks: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(channels, channels, 3, padding=1),
                nn.ReLU(),
                nn.Conv2d(channels, channels, 3, padding=1),
            )
            for _ in range(blocks)
        )
        self.output = nn.Conv2d(channels, channels, 1)
        for parameter in self.output.parameters():
            nn.init.zeros_(parameter)

    def forward(self, features: Tensor) -> Tensor:
        height, width = features.shape[-2:]
        # There is no padding to be counted; but ONNX Runtime before 2026's summer counts what is beyond the border as
        # zeros where it is to be.
        around = F.avg_pool2d(features, CONTEXT_STRIDE, ceil_mode=True, count_include_pad=False)
        for block in self.blocks:
            around = around + block(around)
        around = F.interpolate(self.output(around), scale_factor=CONTEXT_STRIDE, mode="bilinear")
        return features + around[..., :height, :width]


class Encoder(nn.Module):
    """Image to features at 1 / s of the resolution, s the feature stride; both encoders share this structure.

    (B, channels_in, H, W) in [-1, 1], H and W multiples of s -> features (B, c, H / s, W / s) and the
    stem's features (B, c_stem, H / stem_stride, W / stem_stride).
    """

    def __init__(self, channels_in: int, config: ModelConfig) -> None:
        super().__init__()
        width = config.stem_channels
        self.shrink = config.stem_stride if config.detail_channels else 1
        self.stem = nn.Conv2d(channels_in, width, 7, config.stem_stride // self.shrink, padding=3, bias=False)
        self.norm = InstanceNorm(width)
        blocks: list[nn.Module] = []
        stride = config.stem_stride
        while stride < config.feature_stride:
            stride *= 2
            wider = config.channels if stride == config.feature_stride else min(2 * width, config.channels)
            blocks.append(ResidualBlock(width, wider, stride=2))
            width = wider
        blocks += [ResidualBlock(width, width) for _ in range(config.encoder_blocks)]
        if config.context_blocks:
            blocks.append(Context(width, config.context_blocks))
        self.blocks = nn.Sequential(*blocks)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        if self.shrink > 1:
            image = F.avg_pool2d(image, self.shrink)
        stem = F.relu(self.norm(self.stem(image)))
        return self.blocks(stem), stem

"""The baseline of the paper's ablation: Pix2Pix's U-Net 256. Reference: Isola et al. 2017, section 6.1.1."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from most_sketch.network.config import ModelConfig
from most_sketch.network.generator import crop_to, pad_to_stride
from most_sketch.network.layers import instance_norm

WIDTHS = (1, 2, 4, 8, 8, 8, 8, 8)
"""Channels of the eight encoder layers, in multiples of `stem_channels`, which is 64 in the reference."""
DROPOUT_LAYERS = 3


class UNet256(nn.Module):
    """Eight strided convolutions down to one pixel, eight up again, skips between layers of one size.

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

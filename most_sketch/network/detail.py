"""A thin last stage at full resolution: the rest of the network works at half the size. Beyond the paper.

The photo's own detail comes to it, and to the matte, beside the encoder and beside the stem's features.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from most_sketch.network.layers import PictureConv, UpsamplingBlock, conv_of_both

STEM_PLACE = 2
"""Pixels of the full resolution per place of the stem's features, along each side."""


class DetailEncoder(nn.Module):
    """What a photo shows at full resolution. (B, 3, H, W) in [-1, 1] -> (B, c_detail, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, channels, 5, padding=2)

    def forward(self, photo: Tensor) -> Tensor:
        return F.leaky_relu(self.conv(photo), 0.2)


class DetailDecoder(nn.Module):
    """What is to be added to an enlarged sketch: features (B, c, h, w), detail (B, c_detail, 2h, 2w) -> (B, 1, 2h, 2w).

    2h and 2w must be multiples of `multiple`. Begins as adding nothing.
    """

    def __init__(self, channels_in: int, channels: int, multiple: int) -> None:
        super().__init__()
        self.block = UpsamplingBlock(channels_in, channels, channels)
        self.output = PictureConv(channels, 1, 5, multiple)
        for parameter in self.output.parameters():
            nn.init.zeros_(parameter)

    def forward(self, features: Tensor, detail: Tensor) -> Tensor:
        added: Tensor = self.output(self.block(features, detail))
        return added


def without_checkerboard(sketch: Tensor) -> Tensor:
    """Sketches (B, 1, H, W) in [-1, 1] without waves of two pixels along the diagonal; all along the axes stays.

    Measured on six portraits: 1.9 to 2.9 times as strong in a network's sketches as the waves beside them, in artists'
    drawings .9 times.
    """
    across = _smoothed(sketch, -1)
    return (across + _smoothed(sketch - across, -2)).clamp(-1, 1)


def _smoothed(picture: Tensor, axis: int) -> Tensor:
    """By 1, 2, 1 along one of the last two axes; what is beyond the border is as at the border."""
    padded = F.pad(picture, (1, 1, 0, 0) if axis == -1 else (0, 0, 1, 1), mode="replicate")
    before, here, after = (padded.narrow(axis, start, picture.shape[axis]) for start in range(3))
    return (before + 2 * here + after) / 4


class MatteRefinement(nn.Module):
    """Bring a matte to full resolution, guided by what the photo shows there.

    Logits (B, 1, h, w), stem features (B, c_stem, H / 2, W / 2), detail (B, c_detail, H, W) -> logits (B, 1, H, W).
    Begins as enlarging them.
    """

    def __init__(self, stem_channels: int, channels: int) -> None:
        super().__init__()
        self.coarse = nn.Conv2d(stem_channels + 1, channels, 3, padding=1)
        self.fine = nn.Conv2d(2 * channels, channels // 2, 3, padding=1)
        self.output = nn.Conv2d(channels // 2, 1, 1)
        for parameter in self.output.parameters():
            nn.init.zeros_(parameter)

    def forward(self, logits: Tensor, stem: Tensor, detail: Tensor) -> Tensor:
        half = F.interpolate(logits, stem.shape[-2:], mode="bilinear")
        hidden = F.relu(conv_of_both(self.coarse, stem, half))
        hidden = torch.cat([F.interpolate(hidden, scale_factor=float(STEM_PLACE), mode="bilinear"), detail], dim=1)
        refined: Tensor = self.output(F.relu(self.fine(hidden)))
        return refined + F.interpolate(half, scale_factor=float(STEM_PLACE), mode="bilinear")

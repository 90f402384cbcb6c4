"""The conditional 70x70 PatchGAN discriminator. Paper: section III-A, "with the same setting in Pix2Pix"."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from most_sketch.network.layers import InstanceNorm


class PatchDiscriminator(nn.Module):
    """Is each 70x70 patch of (photo, sketch) a real pair? Reference: Isola et al. 2017.

    photo (B, 3, H, W) and sketch (B, 1, H, W) in [-1, 1], style (B,) index -> logits (B, 1, h, w). With several styles
    one-hot planes say which.
    Departure: instance instead of batch normalisation, which are the same at Pix2Pix's batch of one.
    """

    def __init__(self, styles: int = 1, channels: int = 64) -> None:
        super().__init__()
        self.styles = styles
        planes = styles if styles > 1 else 0
        widths = [channels, 2 * channels, 4 * channels, 8 * channels]
        stages = [nn.Sequential(nn.Conv2d(4 + planes, widths[0], 4, 2, padding=1), nn.LeakyReLU(0.2))]
        for width, wider in pairwise(widths):
            stride = 1 if wider == widths[-1] else 2
            stages.append(
                nn.Sequential(
                    nn.Conv2d(width, wider, 4, stride, padding=1, bias=False),
                    InstanceNorm(wider, affine=False),
                    nn.LeakyReLU(0.2),
                )
            )
        stages.append(nn.Sequential(nn.Conv2d(widths[-1], 1, 4, padding=1)))
        self.stages = nn.ModuleList(stages)

    def forward(self, photo: Tensor, sketch: Tensor, style: Tensor | None) -> Tensor:
        seen = [photo, sketch]
        if self.styles > 1 and style is not None:
            chosen = style[:, None] == torch.arange(self.styles, device=style.device)
            planes = chosen.to(photo.dtype)[..., None, None]
            seen.append(planes.expand(-1, -1, *photo.shape[-2:]))
        features = torch.cat(seen, dim=1)
        for stage in self.stages:
            features = stage(features)
        return features

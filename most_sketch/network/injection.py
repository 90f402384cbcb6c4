"""Style injection (SI) and its residual block. Paper: section III-A, Fig. 2 (M1) and (M2); after SPADE."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from most_sketch.network.layers import InstanceNorm


class StyleInjection(nn.Module):
    """Normalise features, then scale and shift every pixel by what the style map says of its place.

    features (B, C, H, W), style (B, C, H, W) -> (B, C, H, W). Paper: Fig. 2 (M2), gamma and beta.
    """

    def __init__(self, channels: int, hidden_channels: int, kernel: int = 3) -> None:
        super().__init__()
        self.norm = InstanceNorm(channels, affine=False)
        self.hidden = nn.Conv2d(channels, hidden_channels, 3, padding=1)
        self.modulation = nn.Conv2d(hidden_channels, 2 * channels, kernel, padding=kernel // 2)

    def forward(self, features: Tensor, style: Tensor) -> Tensor:
        gamma, beta = self.modulation(F.relu(self.hidden(style))).chunk(2, dim=1)
        injected: Tensor = self.norm(features) * (1 + gamma) + beta
        return injected


class StyleInjectionBlock(nn.Module):
    """Residual block whose two normalisations inject the style. Paper: Fig. 2 (M1).

    features (B, C, H, W), style (B, C, H, W) -> (B, C, H, W).
    """

    def __init__(self, channels: int, hidden_channels: int, kernel: int = 3) -> None:
        super().__init__()
        self.inject1 = StyleInjection(channels, hidden_channels, kernel)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.inject2 = StyleInjection(channels, hidden_channels, kernel)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, features: Tensor, style: Tensor) -> Tensor:
        hidden = self.conv1(F.leaky_relu(self.inject1(features, style), 0.2))
        changed: Tensor = self.conv2(F.leaky_relu(self.inject2(hidden, style), 0.2))
        return features + changed

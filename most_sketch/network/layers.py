"""Instance normalisation, and the residual blocks that encoders and decoder are stacks of."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ABREAST = 16
"""Channels that processors compute at once: float32 numbers of AVX-512."""


class InstanceNorm(nn.GroupNorm):
    """Instance normalisation, (B, C, H, W) -> the same."""

    def __init__(self, channels: int, affine: bool = True) -> None:
        super().__init__(channels, channels, affine=affine)

    def forward(self, features: Tensor) -> Tensor:
        return instance_norm(features, self.weight, self.bias, self.eps)


def instance_norm(
    features: Tensor, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Instance normalisation: group normalisation with one channel a group.

    Torch's own computes the same but knows no channels_last: it copies to the other format and back, and on a CPU
    its gradients for a batch of one are wrong there (torch 2.14: off by more than their own size).

    In bfloat16 on a CPU the gradients of group normalisation took 37 % of a training step. There it is batch
    normalisation of all channels of all samples, seven times as fast, and right: of three dimensions there is no
    channels_last.
    """
    if torch.compiler.is_exporting():
        # ONNX has an operator for it. Group normalisation is exported in five, each of which goes through the memory.
        return F.instance_norm(features, weight=weight, bias=bias, eps=eps)
    batch, channels = features.shape[:2]
    slow = features.dtype is torch.bfloat16 and features.device.type == "cpu" and torch.is_grad_enabled()
    if not slow or features[0, 0].numel() == 1:
        return F.group_norm(features, channels, weight, bias, eps)
    rows = features.contiguous().view(1, batch * channels, -1)
    scale, shift = (None if vector is None else vector.repeat(batch) for vector in (weight, bias))
    normal = F.batch_norm(rows, None, None, scale, shift, training=True, eps=eps)
    return normal.view(features.shape).contiguous(memory_format=torch.channels_last)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with instance normalisation, and a shortcut.

    (B, C_in, H, W) -> (B, C_out, H / stride, W / stride). H and W must be multiples of the stride.
    """

    def __init__(self, channels_in: int, channels_out: int, stride: int = 1) -> None:
        super().__init__()
        self.stride = stride
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, stride, padding=1, bias=False)
        self.norm1 = InstanceNorm(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False)
        self.norm2 = InstanceNorm(channels_out)
        same = channels_in == channels_out
        self.shortcut = nn.Identity() if same else nn.Conv2d(channels_in, channels_out, 1, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        shortcut = F.avg_pool2d(features, self.stride) if self.stride > 1 else features
        hidden = F.relu(self.norm1(self.conv1(features)))
        return F.relu(self.shortcut(shortcut) + self.norm2(self.conv2(hidden)))


def upsampled_conv(features: Tensor, weight: Tensor) -> Tensor:
    """Double the resolution by nearest neighbour, then convolve: (B, C_in, H, W) -> (B, C_out, 2H, 2W).

    `weight` (C_out, C_in, 3, 3), padded by one. Computed as one transposed convolution: several of the nine products
    for a pixel are of the same feature, and four are left. Measured: twice as fast, and 2.7 times backwards.
    """
    if torch.compiler.is_exporting():
        return _upsampled_conv_by_places(features, weight)
    # Each side of the kernel (a, b, c) becomes (c, b + c, a + b, a). Sums of slices need no constant, which would be
    # copied from the host at every call, and for which a GPU would wait.
    padded = F.pad(weight.to(features.dtype).flip(2, 3), (1, 1, 1, 1))
    rows = padded[:, :, :-1] + padded[:, :, 1:]
    kernel = (rows[..., :-1] + rows[..., 1:]).transpose(0, 1)
    return F.conv_transpose2d(features, kernel, stride=2, padding=1)


def _upsampled_conv_by_places(features: Tensor, weight: Tensor) -> Tensor:
    """`upsampled_conv` as four convolutions of 2 x 2, one for each pixel of a feature's place.

    ONNX Runtime computes them, and puts the pixels between each other, in two thirds to half the time of a transposed
    convolution.
    """
    rows = []
    for down in range(2):
        pixels = []
        for right in range(2):
            kernel = _seen_from(_seen_from(weight, 2, down), 3, right)
            pixels.append(F.conv2d(F.pad(features, (1 - right, right, 1 - down, down)), kernel))
        rows.append(torch.stack(pixels, dim=-1).flatten(-2))
    return torch.stack(rows, dim=3).flatten(2, 3)


def _seen_from(weight: Tensor, axis: int, place: int) -> Tensor:
    """A kernel's side (a, b, c) as the first pixel of a place meets features, (a, b + c), or the second, (a + b, c)."""
    before, middle, after = (weight.narrow(axis, start, 1) for start in range(3))
    return torch.cat([before + middle, after] if place else [before, middle + after], axis)


def conv_of_both(conv: nn.Conv2d, first: Tensor, second: Tensor) -> Tensor:
    """A convolution that keeps the resolution, of two feature maps (B, C, H, W) one behind the other."""
    channels = first.shape[1]
    if torch.compiler.is_exporting() and (channels % ABREAST or second.shape[1] % ABREAST):
        # ONNX Runtime has a fast layout, of as many channels as it computes at once.
        weight, padding = conv.weight, conv.weight.shape[-1] // 2
        of_first = F.conv2d(first, weight[:, :channels], conv.bias, padding=padding)
        return of_first + F.conv2d(second, weight[:, channels:], padding=padding)
    both: Tensor = conv(torch.cat([first, second], dim=1))
    return both


def blockwise_conv(features: Tensor, weight: Tensor, bias: Tensor, block: int) -> Tensor:
    """A convolution of `block` x `block` pixels at once, at one resolution: (B, C_in, H, W) -> (B, C_out, H, W).

    `weight` (C_out, C_in, k, k), k odd, `bias` (C_out,); H and W must be multiples of the block. The pixels of a block
    are channels of a convolution whose stride is the block, and whose kernels are the one kernel at so many places.
    """
    rows = torch.stack([F.pad(weight, (0, 0, down, block - 1 - down)) for down in range(block)], dim=1)
    kernels = torch.stack([F.pad(rows, (right, block - 1 - right)) for right in range(block)], dim=2)
    padding = weight.shape[-1] // 2
    pixels = F.conv2d(features, kernels.flatten(0, 2), bias.repeat_interleave(block**2), block, padding)
    return F.pixel_shuffle(pixels, block)


class PictureConv(nn.Conv2d):
    """A convolution that makes a picture: few channels at a high resolution, whose sides are multiples of `multiple`.

    Processors compute `ABREAST` channels at once, and for a grey picture all but one for nothing. Blocks of pixels fill
    them: measured, the same bits in a fifth of the time, of 5 x 5 pixels of 16 channels at 448 x 560.
    """

    def __init__(self, channels_in: int, channels_out: int, kernel: int, multiple: int) -> None:
        super().__init__(channels_in, channels_out, kernel, padding=kernel // 2)
        fitting = [side for side in (2, 4) if multiple % side == 0 and channels_out * side**2 <= ABREAST]
        self.block = max(fitting, default=1)

    def forward(self, features: Tensor) -> Tensor:
        bias = self.get_parameter("bias")
        return blockwise_conv(features, self.weight, bias, self.block) if self.block > 1 else super().forward(features)


class UpsamplingBlock(nn.Module):
    """A residual block that doubles the resolution; another feature map may join half-way.

    (B, C_in, H, W), optionally with (B, C_skip, 2H, 2W) -> (B, C_out, 2H, 2W).
    """

    def __init__(self, channels_in: int, channels_out: int, skip_channels: int = 0) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)
        self.norm1 = InstanceNorm(channels_out)
        self.conv2 = nn.Conv2d(channels_out + skip_channels, channels_out, 3, padding=1, bias=False)
        self.norm2 = InstanceNorm(channels_out)
        self.shortcut = nn.Conv2d(channels_in, channels_out, 1, bias=False)

    def forward(self, features: Tensor, skip: Tensor | None = None) -> Tensor:
        # The 1x1 shortcut commutes with nearest upsampling and costs a quarter before it.
        shortcut = F.interpolate(self.shortcut(features), scale_factor=2.0, mode="nearest")
        hidden = F.relu(self.norm1(upsampled_conv(features, self.conv1.weight)))
        if skip is not None:
            hidden = torch.cat([hidden, skip], dim=1)
        return F.relu(shortcut + self.norm2(self.conv2(hidden)))

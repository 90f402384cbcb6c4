"""The frozen VGG that the style and content losses look through. Paper: section III-C3."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torchvision.models import VGG19_Weights, vgg16, vgg19

from most_sketch.checkpoints.torchvision_weights import torchvision_weights
from most_sketch.errors import InputError, WeightsError


class Pools(NamedTuple):
    """VGG features (B, C, h, w) after each of the first four pools, at 1/2, 1/4, 1/8 and 1/16 of the resolution."""

    pool1: Tensor
    pool2: Tensor
    pool3: Tensor
    pool4: Tensor


VGG19_ONLY = "16.weight"
"""conv3_4, which VGG-16 does not have, tells the two apart in a file of torchvision's names."""


class PerceptualBackbone(nn.Module):
    """VGG features of sketches after the first four pools, each divided by its own scale.

    sketch (B, 1, H, W) in [-1, 1] -> four maps.
    Departure: the scale, the layer's mean activation on real sketches, lets the loss weights mean the same
    with any backbone; raw activations of the original VGG-16 are some hundred times larger.

    With `unit_features` the vector of each place is divided by its own length instead, times the root of the
    number of channels: the mean squared difference of two maps is that of LPIPS. Reference: Zhang et al. 2018, Eq. 1.
    """

    scales: Tensor
    mean: Tensor
    std: Tensor

    def __init__(self, features: nn.Sequential, unit_features: bool = False) -> None:
        super().__init__()
        self.unit_features = unit_features
        pools = [place for place, layer in enumerate(features) if isinstance(layer, nn.MaxPool2d)]
        starts = [0, *(pool + 1 for pool in pools[:4])]
        self.blocks = nn.ModuleList(features[start:end] for start, end in pairwise(starts))
        self.register_buffer("scales", torch.ones(len(Pools._fields)))
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1))
        self.eval().requires_grad_(False)

    def forward(self, sketch: Tensor) -> Pools:
        features = ((sketch + 1) / 2 - self.mean) / self.std
        pools = []
        for block, scale in zip(self.blocks, self.scales, strict=True):
            features = block(features)
            pools.append(_unit(features) if self.unit_features else features / scale)
        return Pools(*pools)

    def take_scales(self, scales: Tensor) -> None:
        """Those of a run's state; one begun before there was a loss of pool3 has three, without pool3's."""
        if len(scales) < len(self.scales):
            scales = torch.cat([scales[:2], scales.new_ones(1), scales[2:]])
        self.scales.copy_(scales)

    @torch.no_grad()
    def calibrate(self, sketches: Tensor) -> None:
        """Set each layer's scale to its mean activation on real sketches (B, 1, H, W) in [-1, 1].

        Unit features need none.
        """
        if self.unit_features:
            return
        self.scales.fill_(1)
        self.scales.copy_(torch.stack([layer.float().mean() for layer in self(sketches)]).clamp(min=1e-6))


def _unit(features: Tensor) -> Tensor:
    """The features (B, C, h, w) of every place divided by their root mean square over the channels, as float32.

    In bfloat16 the compiled gradients of pool and square together were not finite (torch 2.14, CPU).
    """
    features = features.float()
    return features * (features.square().mean(dim=1, keepdim=True) + 1e-6).rsqrt()


def load_backbone(choice: str, unit_features: bool = False, offline: bool = False) -> PerceptualBackbone | None:
    """`vgg19` (torchvision's, downloaded once unless `offline`), a safetensors file of a VGG-16 or VGG-19, or `none`.

    A file uses the names of torchvision's models (`features.0.weight`), at least up to conv4's last layer.
    Raises `InputError` or `WeightsError` with the remedy.
    """
    if choice == "none":
        return None
    if choice == "vgg19":
        try:
            network = torchvision_weights(VGG19_Weights.IMAGENET1K_V1.url, offline=offline)
        except WeightsError as error:
            raise InputError(
                f"torchvision's VGG-19 (548 MB): {error}; give a local file with perceptual=FILE, "
                "or perceptual='none' to train without style and content loss"
            ) from error
        with torch.device("meta"):
            layers = vgg19(weights=None).features[:28]
        layers.load_state_dict({name: network[f"features.{name}"] for name in layers.state_dict()}, assign=True)
        return PerceptualBackbone(layers, unit_features)
    path = Path(choice)
    if not path.is_file():
        raise InputError(f"perceptual={choice!r}: no such file; use vgg19, none or a safetensors file")
    try:
        state = {name.removeprefix("features."): tensor.float() for name, tensor in load_file(path).items()}
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path}: not a safetensors file ({error})") from error
    # On the meta device the layers are built without the seconds that their random start would take.
    with torch.device("meta"):
        features = vgg19(weights=None).features[:28] if VGG19_ONLY in state else vgg16(weights=None).features[:24]
    try:
        features.load_state_dict({name: state[name] for name in features.state_dict()}, assign=True)
    except (KeyError, RuntimeError) as error:
        raise WeightsError(f"{path}: not the features of torchvision's VGG-16 or VGG-19 ({error})") from error
    return PerceptualBackbone(features, unit_features)

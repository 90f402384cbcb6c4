"""The frozen ImageNet networks that LPIPS looks through, from a local folder or as torchvision has them.

LPIPS's learned heads fit torchvision's own weights alone. A network that is not to be had is reported as missing;
nothing else is ever put in its place.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torchvision.models import AlexNet_Weights, SqueezeNet1_1_Weights, VGG16_Weights

from most_sketch.checkpoints.torchvision_weights import torchvision_weights
from most_sketch.errors import InputError, MostSketchError, WeightsError

if TYPE_CHECKING:
    import lpips


@dataclass(frozen=True)
class Backbone:
    """One of the three networks that LPIPS v0.1 has heads for."""

    net: str
    """Its name in the `lpips` package."""
    title: str
    file: str
    """Name of the safetensors file in a folder given with --backbones: torchvision's names, `features.` only."""
    url: str
    megabytes: int
    fingerprint: tuple[float, float, float]
    """The first three numbers of torchvision's first convolution. Other weights have the same shapes (the
    original Oxford VGG-16, say) and would give plausible, wrong scores."""


BACKBONES = (
    Backbone(
        "squeeze",
        "SqueezeNet 1.1",
        "squeezenet1_1-features.safetensors",
        SqueezeNet1_1_Weights.IMAGENET1K_V1.url,
        5,
        (0.1209, 0.1780, -0.0160),
    ),
    Backbone(
        "alex",
        "AlexNet",
        "alexnet-features.safetensors",
        AlexNet_Weights.IMAGENET1K_V1.url,
        233,
        (0.1186, 0.0941, 0.0954),
    ),
    Backbone(
        "vgg",
        "VGG-16",
        "vgg16-features.safetensors",
        VGG16_Weights.IMAGENET1K_V1.url,
        528,
        (-0.5537, 0.1427, 0.5290),
    ),
)


class MissingBackboneError(MostSketchError):
    """A backbone that is neither in the folder nor in torchvision's cache and cannot be downloaded."""


def load_lpips(backbone: Backbone, folder: Path | None, offline: bool) -> lpips.LPIPS:
    """The official LPIPS v0.1 on torchvision's weights, float32 on the CPU, frozen.

    The weights come from `folder`, else from torchvision's cache, else, unless `offline`, from its server.
    Raises `MissingBackboneError` with the remedy, and `WeightsError` for a file that is there but is not what it
    should be.
    """
    import lpips

    state, origin = _find_weights(backbone, folder, offline)
    # Its constructor starts the backbone at random and warns of torchvision's old spelling; neither concerns us.
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        metric = lpips.LPIPS(net=backbone.net, pnet_rand=True, verbose=False)
    own = metric.net.state_dict()
    try:
        # `slice2.3.squeeze.weight` is torchvision's `features.3.squeeze.weight`.
        wanted = {name: state[f"features.{name.split('.', 1)[1]}"].float() for name in own}
        metric.net.load_state_dict(wanted)
    except (KeyError, RuntimeError) as error:
        raise WeightsError(f"{origin}: not the features of torchvision's {backbone.title} ({error})") from error
    found = state["features.0.weight"].float().flatten()[:3]
    if not torch.allclose(found, torch.tensor(backbone.fingerprint), atol=5e-4):
        raise WeightsError(
            f"{origin}: has the shape of torchvision's {backbone.title} but other weights, to which the heads of "
            "LPIPS do not fit"
        )
    return metric.eval().requires_grad_(False)


def _find_weights(backbone: Backbone, folder: Path | None, offline: bool) -> tuple[Mapping[str, Tensor], str]:
    """A state dict with torchvision's names, and where it is from."""
    if folder is not None:
        if not folder.is_dir():
            raise InputError(f"--backbones {folder}: no such folder")
        path = folder / backbone.file
        if path.is_file():
            try:
                return load_file(path), str(path)
            except (SafetensorError, OSError) as error:
                raise WeightsError(f"{path}: not a safetensors file ({error})") from error
    try:
        return torchvision_weights(backbone.url, offline=offline), f"torchvision's {backbone.title}"
    except WeightsError as error:
        raise MissingBackboneError(
            f"needs torchvision's {backbone.title} ({backbone.megabytes} MB): {error}; or give a folder that holds "
            f"{backbone.file} with --backbones (docs/protocol.md says how to make it)"
        ) from error

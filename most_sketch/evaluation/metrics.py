"""The scores of face sketch synthesis, each as the literature's reference implementation has it.

Every metric takes predictions and truths (B, 1, H, W), whole grey values 0 to 255 as float32 on one device, and
returns (B,). Nothing is padded, resized or smoothed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import piq
import torch
from torch import Tensor

from most_sketch.errors import InputError
from most_sketch.evaluation.backbones import BACKBONES, MissingBackboneError, load_lpips
from most_sketch.evaluation.columns import DEFAULT_KEYS
from most_sketch.evaluation.scoot import scoot
from most_sketch.evaluation.texture import TextureFeatures

if TYPE_CHECKING:
    import lpips

Metric = Callable[[Tensor, Tensor], Tensor]

SMALLEST_SIDE = 64
"""Below this the deepest layers of LPIPS's backbones have no pixels left."""


def fsim(prediction: Tensor, truth: Tensor) -> Tensor:
    """Feature similarity of grey images. Zhang et al. 2011, by way of `piq`."""
    similarity: Tensor = piq.fsim(prediction, truth, data_range=255, chromatic=False, reduction="none")
    return similarity


def ssim(prediction: Tensor, truth: Tensor) -> Tensor:
    """Structural similarity. Wang et al. 2004 (Gaussian 11x11, sigma 1.5, valid window), by way of `piq`.

    In float64: its variances are differences of large numbers, and on white paper float32 moved the mean by 1e-4.
    """
    if prediction.device.type == "mps":  # which has no float64
        prediction, truth = prediction.cpu(), truth.cpu()
    similarity: Tensor = piq.ssim(
        prediction.double(), truth.double(), data_range=255, downsample=False, reduction="none"
    )
    return similarity


def l1(prediction: Tensor, truth: Tensor) -> Tensor:
    """Mean absolute grey difference, as a share of the range."""
    return (prediction - truth).abs().mean(dim=(1, 2, 3)) / 255


@dataclass(frozen=True)
class Metrics:
    """The metrics that can be computed here, in the order of `COLUMNS`, and why the others cannot."""

    available: Mapping[str, Metric]
    missing: Mapping[str, str]
    """Key of a column -> one line that says how to get it."""
    texture: TextureFeatures | None = None
    """For the one metric that compares sets and not pairs, if that was asked for."""

    @torch.inference_mode()
    def measure(self, prediction: Tensor, truth: Tensor) -> list[dict[str, float]]:
        """Every available score of every pair. Both (B, 1, H, W), whole grey values 0 to 255."""
        if not self.available:
            return [{} for _ in prediction]
        # TF32's ten bits would move the third digit of LPIPS.
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            scores = {key: metric(prediction, truth).tolist() for key, metric in self.available.items()}
        return [dict(zip(scores, values, strict=True)) for values in zip(*scores.values(), strict=True)]


def load_metrics(
    backbones: Path | None,
    device: torch.device,
    *,
    offline: bool = False,
    keys: Collection[str] = DEFAULT_KEYS,
) -> Metrics:
    """Those of the metrics `keys` whose backbones are at hand, or can be downloaded unless `offline`.

    Raises `WeightsError` for a backbone's file that is wrong, `InputError` for a folder or a library that is missing.
    """
    available: dict[str, Metric] = {}
    missing: dict[str, str] = {}
    for key, metric in (("fsim", fsim), ("ssim", ssim)):
        if key in keys:
            available[key] = metric
    texture: TextureFeatures | None = None
    for backbone in BACKBONES:
        wanted = {f"lpips_{backbone.net}", *(["texture"] if backbone.net == "squeeze" else [])} & set(keys)
        if not wanted:
            continue
        try:
            # One server has them all: where it did not answer once, do not wait for it again.
            network = load_lpips(backbone, backbones, offline=offline or bool(missing)).to(device)
        except MissingBackboneError as error:
            missing |= dict.fromkeys(wanted, str(error))
            continue
        if "texture" in wanted:
            texture = texture_features(network, device)
        if f"lpips_{backbone.net}" in wanted:
            available[f"lpips_{backbone.net}"] = _lpips_metric(network)
    if "l1" in keys:
        available["l1"] = l1
    if "scoot" in keys:
        if find_spec("skimage") is None:
            raise InputError("scoot needs scikit-image: pip install 'most-sketch[metrics]'")
        available["scoot"] = scoot
    return Metrics(available, missing, texture)


def texture_features(network: lpips.LPIPS, device: torch.device) -> TextureFeatures:
    """What LPIPS's SqueezeNet sees in pictures, before its heads."""

    def see(pictures: Tensor) -> Sequence[Tensor]:
        # As in `Metrics.measure`.
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            maps: Sequence[Tensor] = network.net(network.scaling_layer(pictures))
        return maps

    return TextureFeatures(see, device)


def _lpips_metric(network: Callable[[Tensor, Tensor], Tensor]) -> Metric:
    """Learned perceptual similarity. Zhang et al. 2018, v0.1, grey values as all three channels in [-1, 1]."""

    def metric(prediction: Tensor, truth: Tensor) -> Tensor:
        return network(as_rgb(prediction), as_rgb(truth)).flatten()

    return metric


def as_rgb(grey: Tensor) -> Tensor:
    """(B, 1, H, W) in 0..255 -> (B, 3, H, W) in [-1, 1]."""
    return (grey / 127.5 - 1).expand(-1, 3, -1, -1)

"""The scores of face sketch synthesis, each as the literature's reference implementation has it.

Every metric takes predictions and truths (B, 1, H, W), whole grey values 0 to 255 as float32 on one device, and
returns (B,). Nothing is padded, resized or smoothed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import piq
import torch
from torch import Tensor

from most_sketch.evaluation.backbones import BACKBONES, MissingBackboneError, load_lpips

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

    @torch.inference_mode()
    def measure(self, prediction: Tensor, truth: Tensor) -> list[dict[str, float]]:
        """Every available score of every pair. Both (B, 1, H, W), whole grey values 0 to 255."""
        # TF32's ten bits would move the third digit of LPIPS.
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            scores = {key: metric(prediction, truth).tolist() for key, metric in self.available.items()}
        return [dict(zip(scores, values, strict=True)) for values in zip(*scores.values(), strict=True)]


def load_metrics(backbones: Path | None, device: torch.device, *, offline: bool = False) -> Metrics:
    """All metrics whose backbones are at hand, or can be downloaded unless `offline`.

    Raises `WeightsError` for a backbone's file that is wrong.
    """
    available: dict[str, Metric] = {"fsim": fsim, "ssim": ssim}
    missing: dict[str, str] = {}
    for backbone in BACKBONES:
        key = f"lpips_{backbone.net}"
        try:
            # One server has them all: where it did not answer once, do not wait for it again.
            network = load_lpips(backbone, backbones, offline=offline or bool(missing))
        except MissingBackboneError as error:
            missing[key] = str(error)
        else:
            available[key] = _lpips_metric(network.to(device))
    available["l1"] = l1
    return Metrics(available, missing)


def _lpips_metric(network: Callable[[Tensor, Tensor], Tensor]) -> Metric:
    """Learned perceptual similarity. Zhang et al. 2018, v0.1, grey values as all three channels in [-1, 1]."""

    def metric(prediction: Tensor, truth: Tensor) -> Tensor:
        return network(as_rgb(prediction), as_rgb(truth)).flatten()

    return metric


def as_rgb(grey: Tensor) -> Tensor:
    """(B, 1, H, W) in 0..255 -> (B, 3, H, W) in [-1, 1]."""
    return (grey / 127.5 - 1).expand(-1, 3, -1, -1)

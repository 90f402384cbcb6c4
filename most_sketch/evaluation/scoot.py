"""SCOOT: are strokes of the same tones side by side in the same parts of two sketches?

Reference: Fan et al., "Scoot: A Perceptual Metric for Facial Sketches", ICCV 2019 (first as arXiv 1804.02975). Where
the paper leaves a choice, ours is that of the authors' own MATLAB program (`scoot_measure.m` in FS2KToolbox), by which
FS2K is scored. scikit-image counts as MATLAB does.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

LEVELS = 6
"""Grey levels that are told apart."""
BLOCKS = 4
"""Blocks of a sketch along each side."""
ANGLES = (0.0, -math.pi / 4, -math.pi / 2, -3 * math.pi / 4)
"""Where a pixel's neighbours are: right, up to the right, up, up to the left."""


def scoot(prediction: Tensor, truth: Tensor) -> Tensor:
    """One over one plus the distance between the `features` of two sketches. (B, 1, H, W), (B, 1, H, W) -> (B,)."""
    distances = [
        np.linalg.norm(features(ours) - features(theirs))
        for ours, theirs in zip(_pictures(prediction), _pictures(truth), strict=True)
    ]
    return torch.tensor([1 / (1 + distance) for distance in distances], dtype=torch.float64)


def features(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Contrast and energy of the grey levels side by side in every block of a sketch. (H, W) -> (32,)."""
    from skimage.feature import graycomatrix, graycoprops

    levels = (picture.astype(int) * LEVELS // 255).clip(max=LEVELS - 1).astype(np.uint8)
    rows, columns = (np.arange(BLOCKS + 1) * side // BLOCKS for side in picture.shape)
    found = []
    for top, bottom in pairwise(rows):
        for left, right in pairwise(columns):
            block = levels[top:bottom, left:right]
            counts = graycomatrix(block, [1], ANGLES, levels=LEVELS)  # type: ignore[no-untyped-call]
            # The authors' program rounds the mean of the four directions to whole counts, halves up.
            mean = np.floor(counts.mean(axis=3, keepdims=True) + 0.5)
            # What MATLAB calls energy is scikit-image's angular second moment.
            found += [
                graycoprops(mean, name).item()  # type: ignore[no-untyped-call]
                for name in ("contrast", "ASM")
            ]
    return np.array(found)


def _pictures(sketches: Tensor) -> NDArray[Any]:
    pictures: NDArray[Any] = sketches[:, 0].cpu().numpy().astype(np.uint8)
    return pictures

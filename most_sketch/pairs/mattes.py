"""Mattes: where a photo of a pair shows the person, from its mask or from its plain white background."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from scipy import ndimage
from torch import Tensor
from torchvision.transforms.v2 import functional as TF

from most_sketch.errors import InputError
from most_sketch.pairs.pairs import Pair
from most_sketch.photo.images import read_image, to_tensor

NEAR_WHITE = 0.75
"""Above this in every channel, of [-1, 1], a pixel can be plain background."""
PLAIN_SHARE = (0.1, 0.9)
"""A photo of which this much is plain background, connected to its border, can get another one."""


def load_matte(pair: Pair, photo: Tensor) -> Tensor:
    """Where a pair's photo (3, H, W) shows the person, as (1, H, W) in [0, 1].

    It is the pair's mask, else what is not plain white around; everywhere if that is not to be told. Raises
    `InputError` for a mask that cannot be read or is of another size.
    """
    if pair.mask is None:
        return matte_of_studio_photo(photo)
    mask = read_image(pair.mask).convert("L")
    if mask.size != (photo.shape[2], photo.shape[1]):
        raise InputError(
            f"{pair.mask}: {mask.width} x {mask.height} pixels, unlike its photo's {photo.shape[2]} x {photo.shape[1]}"
        )
    return (to_tensor(mask) + 1) / 2


def matte_of_studio_photo(photo: Tensor) -> Tensor:
    """Where a photo (3, H, W) shows the person, as (1, H, W) in [0, 1]: everywhere unless it is on plain white.

    The background is what is nearly white and connected to the left, right or upper border.
    """
    white = (photo > NEAR_WHITE).all(dim=0).numpy()
    start = white.copy()
    start[1:, 1:-1] = False
    plain = torch.from_numpy(ndimage.binary_propagation(start, mask=white)).float()[None]
    if not PLAIN_SHARE[0] < plain.mean().item() < PLAIN_SHARE[1]:
        return torch.ones_like(plain)
    # Grown by a pixel and softened: the rim of the head is a mixture with white.
    background: Tensor = TF.gaussian_blur(F.max_pool2d(plain, 3, 1, 1), [5, 5], [1.0, 1.0])
    return 1 - background

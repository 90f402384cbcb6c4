"""Mattes: where a photo of a pair shows the person, from its mask or from its plain white background."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
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

SURE = 200
"""A mask's pixel from here on, of 255, shows a person surely."""
AT_FACE = 25
"""So many pixels of the frame around the middle of a face at least half of a mask shows the person."""
BRIDGE = 3
"""Pixels of the frame of CUFS: what hangs together with the face by less than twice so many is somebody else."""


def check_mask(mask: Image.Image, size: tuple[int, int], face: tuple[float, float], unit: float, path: Path) -> None:
    """Raise `InputError` for a mask (mode L) of another size than its photo's, or without a person at the face.

    `face` and `unit` as for `one_person`.
    """
    if mask.size != size:
        raise InputError(f"{path}: {mask.width} x {mask.height} pixels, unlike its photo's {size[0]} x {size[1]}")
    values = np.asarray(mask)
    rows, columns = np.ogrid[: mask.height, : mask.width]
    near = np.hypot(columns - face[0], rows - face[1]) < AT_FACE * unit
    if near.any() and (values[near] > 127).mean() < 0.5:
        of_ones = " (its values are 0 and 1)" if values.max() == 1 else ""
        raise InputError(f"{path}: shows no person at the photo's face; the person is white, 255{of_ones}")


def one_person(mask: Image.Image, face: tuple[float, float], unit: float) -> Image.Image:
    """A mask (mode L, white is the person) without the people and things behind the person whose face is at a place.

    `unit` is the length of a pixel of the frame of CUFS in pixels of the mask. A mask without a person at that place
    stays as it is.
    """
    bridge = max(1, round(BRIDGE * unit))
    ball = np.hypot(*np.mgrid[-bridge : bridge + 1, -bridge : bridge + 1]) <= bridge
    values = np.asarray(mask)
    # Beyond the border the person goes on, and is worn off nowhere there.
    sure = np.pad(values >= SURE, bridge, mode="edge")
    labels, _ = ndimage.label(ndimage.binary_opening(sure, ball)[bridge:-bridge, bridge:-bridge])
    (x, y), (height, width) = face, values.shape
    here = labels[int(np.clip(y, 0, height - 1)), int(np.clip(x, 0, width - 1))]
    if not here:
        return mask
    # Hair that the opening took, and the soft edge, lie around it.
    around = ndimage.binary_dilation(labels == here, ball, iterations=3)
    return Image.fromarray(np.where(around, values, 0).astype(np.uint8))


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

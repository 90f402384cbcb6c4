"""Sketches that cost nothing, to keep the numbers honest: the grey photo, a pencil filter, somebody else's sketch.

A method draws photos (B, 3, H, W) in [-1, 1] as sketches (B, 1, H, W) in [-1, 1]; it is told whose photos they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.transforms.v2 import functional as TF

from most_sketch.errors import InputError
from most_sketch.pairs.pairs import Pair, load_pair

Method = Callable[[Sequence[Pair], Tensor], Tensor]

LUMA = (0.299, 0.587, 0.114)
"""Rec. 601, as Pillow's mode L."""
DODGE_KERNEL, DODGE_SIGMA = 21, 3.5
"""The blur of the recipe that is passed around: OpenCV's 21 x 21 Gaussian, whose default sigma is 3.5."""
THUMBNAIL = (25, 20)
"""Height and width at which photos are compared: a tenth of the CUFS frame, where pose and hair still show."""


def grey(_pairs: Sequence[Pair], photos: Tensor) -> Tensor:
    """The photo itself without its colour."""
    return (photos * photos.new_tensor(LUMA).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)


def dodge(pairs: Sequence[Pair], photos: Tensor) -> Tensor:
    """The colour-dodge pencil filter of photo editors: the grey photo over its own blur."""
    light = (grey(pairs, photos) + 1) / 2
    blurred: Tensor = TF.gaussian_blur(light, [DODGE_KERNEL] * 2, [DODGE_SIGMA] * 2)
    return (light / blurred.clamp(min=1 / 255)).clamp(max=1) * 2 - 1


class Nearest:
    """The artist's sketch of the person in a gallery whose photo is most alike, never of the same photo."""

    def __init__(self, gallery: Sequence[Pair]) -> None:
        # Half a kilobyte a photo; the sketches stay on disk until one is chosen.
        photos = [load_pair(pair)[0] for pair in gallery]
        self.gallery = gallery
        self.sizes = [tuple(photo.shape[-2:]) for photo in photos]
        self.thumbnails = torch.stack([_thumbnail(photo[None])[0] for photo in photos])

    def __call__(self, pairs: Sequence[Pair], photos: Tensor) -> Tensor:
        distances = torch.cdist(_thumbnail(photos).cpu(), self.thumbnails)
        size = tuple(photos.shape[-2:])
        for row, pair in enumerate(pairs):
            for column, (other, other_size) in enumerate(zip(self.gallery, self.sizes, strict=True)):
                if other.photo == pair.photo or other_size != size:
                    distances[row, column] = torch.inf
        if distances.min(dim=1).values.isinf().any():
            raise InputError(f"{pairs[0].name}: no other photo of {size[1]} x {size[0]} pixels to take a sketch from")
        chosen = [self.gallery[int(place)] for place in distances.argmin(dim=1)]
        return torch.stack([load_pair(pair)[1] for pair in chosen])


def _thumbnail(photos: Tensor) -> Tensor:
    """(B, 3, H, W) -> (B, h * w) grey values that do not depend on the photo's exposure."""
    small = F.adaptive_avg_pool2d(grey((), photos), THUMBNAIL).flatten(1)
    return (small - small.mean(dim=1, keepdim=True)) / small.std(dim=1, keepdim=True).clamp(min=1e-3)

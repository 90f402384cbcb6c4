"""What training does to a pair before the network sees it, so that clean studio pairs teach it any photo.

Photos (3, H, W) and sketches (1, H, W) are in [-1, 1]; whatever is random comes from the generator given.
"""

from __future__ import annotations

import io
import math
from functools import lru_cache
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2 import functional as TF

from most_sketch.errors import InputError
from most_sketch.pairs.resample import upsample2x
from most_sketch.photo.images import IMAGE_SUFFIXES, encode_image, read_image, to_image, to_tensor
from most_sketch.training.config import TrainConfig

KEPT_BACKGROUNDS = 256

LARGEST_SLANT, LARGEST_END = 15, 0.35
"""Of a photo that ends before the frame does: degrees, and the share of half the frame that it leaves."""

BEND = 40
"""Pixels between places that elastic bends move apart: an eye is about as wide."""

SMALLEST_PHOTO = 6
"""So many times smaller photos may be that are enlarged."""

TWO_PIECES = 0.3
"""Share of new backgrounds that are made of two pictures."""

BLUR_AT = 50
"""A background is blurred as if its picture were so many pixels wide: kernels stay small, whatever the frame."""


def augment(
    photo: Tensor,
    sketch: Tensor,
    matte: Tensor,
    config: TrainConfig,
    generator: torch.Generator,
    backgrounds: Backgrounds | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Move all three together, change the photo alone, as the config says. Returned as they came.

    `matte` (1, H, W) in [0, 1] says where the photo shows the person; `backgrounds` may be put elsewhere.
    """
    draw = torch.rand(6, generator=generator).tolist()
    if backgrounds is not None and _happens(config.background, generator):
        background = backgrounds.piece(photo.shape[-2], photo.shape[-1], generator)
        photo = photo * matte + background * (1 - matte)
    pictures = torch.cat([photo, matte, sketch])
    height, width = pictures.shape[1:]
    if config.flip and draw[0] < 0.5:
        pictures = pictures.flip(-1)
    if config.shift:
        across, down = (int(draw[i] * (2 * config.shift + 1)) for i in (1, 2))
        padded = F.pad(pictures[None], (config.shift,) * 4, mode="reflect")[0]
        pictures = padded[:, down : down + height, across : across + width]
    if config.rotate or config.zoom or config.elastic:
        degrees, larger = (
            (2 * torch.rand(2, generator=generator) - 1) * torch.tensor([config.rotate, config.zoom])
        ).tolist()
        bends = random_bends(height, width, config.elastic, generator) if config.elastic else None
        pictures = turn(pictures, degrees, 1 + larger, bends)
    photo, matte, sketch = pictures[:3], pictures[3:4].clamp(0, 1), pictures[4:]
    if _happens(config.border, generator):
        photo, sketch, matte = end_photo(photo, sketch, matte, generator)
    photo = change_tone(photo, config.tone, draw[3:]) if config.tone else photo
    if _happens(config.shadow, generator):
        photo = cast_shadow(photo, *torch.rand(3, generator=generator).tolist())
    if _happens(config.blur, generator):
        sigma = 0.4 + 1.2 * torch.rand((), generator=generator).item()
        photo = TF.gaussian_blur(photo, [7, 7], [sigma, sigma])
    if _happens(config.enlarged, generator):
        photo = enlarge(photo, 1 + (SMALLEST_PHOTO - 1) * torch.rand((), generator=generator).item())
    if _happens(config.noise, generator):
        strength = 0.12 * torch.rand((), generator=generator).item()
        photo = (photo + strength * torch.randn(photo.shape, generator=generator)).clamp(-1, 1)
    if _happens(config.jpeg, generator):
        photo = compress(photo, int(torch.randint(20, 81, (), generator=generator)))
    return photo, sketch, matte


def reach(side: int, config: TrainConfig) -> int:
    """From how many pixels beyond a square of this side `augment` may move something into it."""
    turned = math.sin(math.radians(config.rotate)) + config.zoom
    return config.shift + math.ceil(config.elastic) + math.ceil(turned * side / 2)


def _happens(share: float, generator: torch.Generator) -> bool:
    """Does a change happen that is to happen to this share of the photos? Draws nothing if it never does."""
    return share > 0 and torch.rand((), generator=generator).item() < share


def change_tone(photo: Tensor, strength: float, draw: list[float]) -> Tensor:
    """Change brightness, contrast and colour each by up to `strength`; `draw` has three numbers in [0, 1)."""
    brightness, contrast, saturation = (1 + strength * (2 * number - 1) for number in draw)
    light = TF.adjust_contrast(TF.adjust_brightness((photo + 1) / 2, brightness), contrast)
    toned: Tensor = TF.adjust_saturation(light, saturation) * 2 - 1
    return toned


def turn(pictures: Tensor, degrees: float, zoom: float, bends: Tensor | None = None) -> Tensor:
    """Rotate and enlarge pictures (C, H, W) about the middle, after `bends` (H, W, 2) in pixels across and down.

    Beyond the border they are mirrored. Bicubic from twice the resolution, and all in one step: every sampling between
    pixels blurs strokes, which would be learnt.
    """
    height, width = pictures.shape[1:]
    fine = torch.from_numpy(upsample2x(pictures.numpy()))
    angle = math.radians(degrees)
    cos, sin = math.cos(angle) / zoom, math.sin(angle) / zoom
    # In the grid's coordinates both sides are 2 long, whatever their pixels.
    matrix = torch.tensor([[[cos, -sin * height / width, 0], [sin * width / height, cos, 0]]])
    grid = F.affine_grid(matrix, [1, 1, height, width], align_corners=False)
    if bends is not None:
        grid = grid + 2 * bends / torch.tensor([width, height])
    # There the first pixel's middle is half a pixel nearer to the border.
    grid = grid - 0.5 / torch.tensor([width, height])
    turned = F.grid_sample(fine[None], grid, mode="bicubic", padding_mode="reflection", align_corners=False)[0]
    return turned.clamp(-1, 1)


def random_bends(height: int, width: int, pixels: float, generator: torch.Generator) -> Tensor:
    """A smooth random displacement of every place, (H, W, 2) in pixels across and down, each at most `pixels`.

    Places a `BEND` apart move each in its own way (Simard et al. 2003, with splines for their Gaussian).
    """
    knots = 2 * torch.rand(1, 2, height // BEND + 3, width // BEND + 3, generator=generator) - 1
    smooth = F.interpolate(knots, size=(height, width), mode="bicubic", align_corners=True)
    return (pixels * smooth.clamp(-1, 1))[0].permute(1, 2, 0)


def end_photo(
    photo: Tensor, sketch: Tensor, matte: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """End the photo before the frame does, on one side, at a slant: beyond it is one tone, no person, white paper.

    So are photos that were turned by whoever took them, and faces near a photo's border.
    """
    height, width = photo.shape[1:]
    side, slant, depth, tone = torch.rand(4, generator=generator).tolist()
    angle = int(4 * side) * math.pi / 2 + (slant - 0.5) * math.radians(2 * LARGEST_SLANT)
    beyond = _across(height, width, angle) > 1 - LARGEST_END * depth
    # Paper-white as often as any other grey.
    fill = 1.0 if tone < 0.5 else 4 * tone - 3
    return torch.where(beyond, fill, photo), torch.where(beyond, 1.0, sketch), torch.where(beyond, 0.0, matte)


def cast_shadow(photo: Tensor, direction: float, place: float, depth: float) -> Tensor:
    """Darken one side with a soft edge, as side light does. All three numbers in [0, 1)."""
    height, width = photo.shape[1:]
    far = _across(height, width, 2 * math.pi * direction) - (place - 0.5)
    light = 1 - (0.3 + 0.5 * depth) * torch.sigmoid(5 * far)
    return (photo + 1) * light - 1


def _across(height: int, width: int, angle: float) -> Tensor:
    """How far every place of a picture (height, width) lies in a direction: 0 in the middle, 1 at a border ahead."""
    down, across = torch.linspace(-1, 1, height)[:, None], torch.linspace(-1, 1, width)[None]
    return across * math.cos(angle) + down * math.sin(angle)


def enlarge(photo: Tensor, times: float) -> Tensor:
    """A photo as it looks when it was so many times smaller and has been enlarged."""
    height, width = photo.shape[1:]
    small = TF.resize(photo, [max(1, round(height / times)), max(1, round(width / times))], antialias=True)
    large: Tensor = TF.resize(small, [height, width], TF.InterpolationMode.BICUBIC)
    return large.clamp(-1, 1)


def compress(photo: Tensor, quality: int) -> Tensor:
    """What JPEG of this quality, 1 to 100, leaves of a photo."""
    return to_tensor(Image.open(io.BytesIO(encode_image(to_image(photo), ".jpg", quality))))


@lru_cache(KEPT_BACKGROUNDS)
def _read(path: Path) -> Tensor:
    """A picture (3, H, W) in [-1, 1]. Kept by each process that reads: a loader's workers have a cache of their own."""
    return to_tensor(read_image(path))


class Backgrounds:
    """Pieces of the pictures in a folder, at any depth. Raises `InputError` if there is none."""

    def __init__(self, folder: Path) -> None:
        self.paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
        if not self.paths:
            raise InputError(f"{folder}: no pictures for backgrounds")

    def piece(self, height: int, width: int, generator: torch.Generator) -> Tensor:
        """A background as (3, height, width) in [-1, 1]: a piece of a random picture, or two side by side.

        So walls, trees and flags end beside a head, too.
        """
        piece = self._one(height, width, generator)
        if not _happens(TWO_PIECES, generator):
            return piece
        direction, place, soft = torch.rand(3, generator=generator).tolist()
        far = _across(height, width, 2 * math.pi * direction) - (place - 0.5)
        beside = torch.sigmoid(far * width / (0.5 + 8 * soft**2))
        return piece + (self._one(height, width, generator) - piece) * beside

    def _one(self, height: int, width: int, generator: torch.Generator) -> Tensor:
        """A random piece of a random picture, a third to all of it.

        Half of them are out of focus and lit otherwise than the person, as backgrounds of portraits are. A quarter are
        small and repeated, mirrored, and an eighth get blotches like leaves: small pictures enlarged have no detail as
        fine as that.
        """
        picture = _read(self.paths[int(torch.randint(len(self.paths), (), generator=generator))])
        size, down, across = torch.rand(3, generator=generator).tolist()
        scale = (1 / 3 + 2 / 3 * size) * min(picture.shape[1] / height, picture.shape[2] / width)
        high, wide = max(1, int(height * scale)), max(1, int(width * scale))
        top, left = int(down * (picture.shape[1] - high + 1)), int(across * (picture.shape[2] - wide + 1))
        piece = picture[:, top : top + high, left : left + wide]
        focus, far, light = torch.rand(3, generator=generator).tolist()
        if focus < 0.5:
            small = TF.resize(piece, [BLUR_AT * height // width, BLUR_AT], antialias=True)
            piece = (TF.gaussian_blur(small, [9, 9], [0.3 + 2.2 * far] * 2) + 1) * (0.2 + light) - 1
        elif focus < 0.75:
            share = 1 / (1.5 + 4.5 * far)
            small = TF.resize(piece, [max(2, int(height * share)), max(2, int(width * share))], antialias=True)
            return _mirrored(small, height, width).clamp(-1, 1)
        resized: Tensor = TF.resize(piece, [height, width], antialias=True)
        if focus > 0.875:
            dark, bright = torch.rand(2, 3, 1, 1, generator=generator) * 1.6 - 0.8
            leaves = dark + (bright - dark) * _blotches(height, width, 3 + int(20 * far), generator)
            resized = resized + 0.8 * (leaves - resized)
        return resized.clamp(-1, 1)


def _blotches(height: int, width: int, size: int, generator: torch.Generator) -> Tensor:
    """Random blotches of two sizes with sharp edges, (1, height, width) in [0, 1]; the larger are `size` pixels."""
    total = torch.zeros(1, 1, height, width)
    for pixels in (size, max(2, size // 3)):
        coarse = torch.randn(1, 1, height // pixels + 4, width // pixels + 4, generator=generator)
        total += F.interpolate(coarse, size=(height, width), mode="bicubic", align_corners=True)
    return torch.sigmoid(4 * total)[0]


def _mirrored(picture: Tensor, height: int, width: int) -> Tensor:
    """A picture (C, h, w) repeated over (C, height, width), every second time mirrored."""

    def places(length: int, period: int) -> Tensor:
        place = torch.arange(length) % (2 * period)
        return torch.where(place < period, place, 2 * period - 1 - place)

    return picture[:, places(height, picture.shape[1])][:, :, places(width, picture.shape[2])]


def start_of_square(size: int, side: int, place: float) -> int:
    """The first pixel of a square of this side along `size` pixels; `place` in [0, 1).

    A third of them lie at either border, the rest between. Were all places equally likely, a border's own pixels would
    be in one of a hundred squares, and the middle in all.
    """
    room = max(size - side, 0)
    return int(min(max(3 * place - 1, 0) * (room + 1), room))

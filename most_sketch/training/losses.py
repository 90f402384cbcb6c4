"""The losses, one function an equation. Paper: section III-C, Eq. 10-16."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import FunctionType
from typing import NamedTuple, cast

import piq
import torch
import torch.nn.functional as F
from torch import Tensor

from most_sketch.device import to_device

STRIPES_OVER = (32, 8)
"""Pixels across stripes and along them, over which `stripes` takes means: what alternates at random is gone there.
Measured: .0009 in CUHK's drawings, .0048 in a network's sketches with a mesh that can be seen enlarged."""

LIKENESS_SIZES = (4, 8, 16)
"""Pixels along each side of what `likeness` compares."""


def adversarial_discriminator(logits: Tensor, label: float) -> Tensor:
    """What the discriminator minimises for real sketches (label 1) and drawn ones (0), with Pix2Pix's half weight.

    Patch logits (B, 1, h, w). Paper: Eq. 10.
    """
    return 0.5 * F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))


def adversarial_generator(fake: Tensor) -> Tensor:
    """What the generator minimises: the non-saturating form of Eq. 10, as in Pix2Pix. Logits (B, 1, h, w)."""
    return F.binary_cross_entropy_with_logits(fake, torch.ones_like(fake))


def least_squares_discriminator(logits: Tensor, label: float) -> Tensor:
    """As `adversarial_discriminator`, by squares. Logits (B, 1, h, w). Reference: Mao et al. 2017, as in CycleGAN."""
    return 0.5 * F.mse_loss(logits, torch.full_like(logits, label))


def least_squares_generator(fake: Tensor) -> Tensor:
    """As `adversarial_generator`, by squares. Logits (B, 1, h, w). Reference: Mao et al. 2017, as in CycleGAN."""
    return F.mse_loss(fake, torch.ones_like(fake))


class GANLoss(NamedTuple):
    """The adversarial loss of both networks."""

    discriminator_loss: Callable[[Tensor, float], Tensor]
    """Of patch logits and the label that they should have."""
    generator_loss: Callable[[Tensor], Tensor]
    """Of patch logits of drawn sketches."""


def gan_loss(least_squares: bool) -> GANLoss:
    """Least squares, or cross-entropy as in the paper."""
    if least_squares:
        return GANLoss(least_squares_discriminator, least_squares_generator)
    return GANLoss(adversarial_discriminator, adversarial_generator)


def cycle(pictures: Tensor, returned: Tensor) -> Tensor:
    """Mean absolute difference of pictures (B, C, H, W) and what came back of them. Zhu et al. 2017, Eq. 2."""
    return F.l1_loss(returned, pictures)


def reconstruction(sketch: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference of sketches (B, 1, H, W) in [-1, 1]. Paper: Eq. 11."""
    return F.l1_loss(sketch, target)


def checkerboard(sketch: Tensor) -> Tensor:
    """Mean absolute response of sketches (B, 1, H, W) in [-1, 1] to a checkerboard of single pixels: from 0 to 1."""
    rows = sketch[:, :, 1:] - sketch[:, :, :-1]
    return (rows[..., 1:] - rows[..., :-1]).abs().mean() / 4


def stripes(sketch: Tensor) -> Tensor:
    """Mean absolute height of rows or columns that alternate, in sketches (B, 1, H, W) in [-1, 1]: from 0 to 1.

    Of the two directions together. Strokes have none, whose distances vary, nor has a slope.
    """
    total = torch.zeros((), device=sketch.device)
    for picture in (sketch, sketch.mT):
        bend = (picture[:, :, :-2] - 2 * picture[:, :, 1:-1] + picture[:, :, 2:]) / 4
        signs = 1 - 2 * (torch.arange(bend.shape[2], device=sketch.device)[:, None] % 2)
        over = [min(most, side) for most, side in zip(STRIPES_OVER, bend.shape[2:], strict=True)]
        total = total + F.avg_pool2d(signs * bend, over).abs().mean()
    return total


def likeness(sketch: Tensor, photo: Tensor, person: Tensor) -> Tensor:
    """1 - how the tones of sketches (B, 1, H, W) and photos (B, 3, H, W), both in [-1, 1], go together: (B,), 0 to 2.

    The mean of three correlations over the person, 1 in `person` (B, 1, H, W): of what lies between details of 4, 8 and
    16 pixels and those five times as large, such as eyes, a nose's shade and hair. Finer are strokes, which are the
    artist's; larger is how the photo was lit. Correlation leaves to the style how dark it draws. Beyond the paper.
    """
    red, green, blue = photo.unbind(1)
    grey = (0.299 * red + 0.587 * green + 0.114 * blue)[:, None]
    # The paper is white, and so is what of the photo is not drawn.
    shown = 1 - (1 - grey) * person
    parts = []
    for size in LIKENESS_SIZES:
        weight = F.avg_pool2d(person, size)
        ours, theirs = (_band(picture, size) for picture in (sketch, shown))
        parts.append(_correlation(ours, theirs, weight))
    return 1 - torch.stack(parts).mean(0)


def _band(picture: Tensor, size: int) -> Tensor:
    """Means of squares of so many pixels, less those around them."""
    means = F.avg_pool2d(picture, size)
    return means - F.avg_pool2d(means, 5, stride=1, padding=2, count_include_pad=False)


def _correlation(ours: Tensor, theirs: Tensor, weight: Tensor) -> Tensor:
    """Weighted correlation of pictures (B, 1, H, W): (B,)."""
    total = weight.sum((1, 2, 3), keepdim=True).clamp(min=1)
    ours, theirs = (each - (weight * each).sum((1, 2, 3), keepdim=True) / total for each in (ours, theirs))
    together, own, other = (
        (weight * a * b).sum((1, 2, 3)) for a, b in ((ours, theirs), (ours, ours), (theirs, theirs))
    )
    return together / (own * other).clamp(min=1e-8).sqrt()


def style(sketch: Sequence[Tensor], target: Sequence[Tensor]) -> Tensor:
    """Mean squared difference of VGG features after pool1 and pool2, summed. Paper: Eq. 12."""
    return torch.stack([F.mse_loss(ours, theirs) for ours, theirs in zip(sketch, target, strict=True)]).sum()


def content(sketch: Tensor, target: Tensor) -> Tensor:
    """Mean squared difference of VGG features after pool4.

    Paper: Eq. 13. The text compares with the photo, the equation with the target sketch; we follow the equation.
    """
    return F.mse_loss(sketch, target)


def structure(sketch: Tensor, target: Tensor) -> Tensor:
    """Mean squared difference of VGG features after pool3, between those of style and content. Beyond the paper."""
    return F.mse_loss(sketch, target)


def _unchecked(metric: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A function of `piq` without its check of the range, for which a GPU would be waited for four times.

    It also ended a run whose sketches were not finite by an `AssertionError`, before the advice that the trainer has.
    """
    code = cast(FunctionType, metric)
    known = {**code.__globals__, "_validate_input": lambda *_, **__: None}
    return FunctionType(code.__code__, known, code.__name__, code.__defaults__)


_piq_ssim, _piq_fsim = _unchecked(piq.ssim), _unchecked(piq.fsim)


def ssim_loss(sketch: Tensor, target: Tensor) -> Tensor:
    """1 - SSIM of sketches (B, 1, H, W) in [-1, 1], mean over the batch: 0 to 2.

    Beyond the paper. Reference: Wang et al. 2004, as `evaluation.metrics.ssim`, by way of `piq`.
    """
    light = ((picture.float() + 1) / 2 for picture in (sketch, target))
    return 1 - _piq_ssim(*light, downsample=False)


def fsim_loss(sketch: Tensor, target: Tensor, rng: torch.Generator) -> Tensor:
    """1 - FSIM of sketches (B, 1, H, W) in [-1, 1], mean over the batch: 0 to 1.

    Beyond the paper. Reference: Zhang et al. 2011, as `evaluation.metrics.fsim`, by way of `piq`. Both get the noise
    that rounding to grey levels would bring, for its square roots have no gradient where a picture is wholly flat.
    """
    grey_levels = (
        127.5 * (picture.float() + 1) + to_device(torch.rand(picture.shape, generator=rng), picture.device)
        for picture in (sketch, target)
    )
    return 1 - _piq_fsim(*grey_levels, data_range=256, chromatic=False)


def memory_refinement(keys: Tensor, values: Tensor) -> Tensor:
    """Photo and sketch feature of one place should pick the same slot. Paper: Eq. 14-15.

    How the photo features choose among the keys and the sketch features among the values, (B, N, K) each with rows
    that sum to 1 -> L1 distance of the two in [0, 2], mean over places.
    Departure: `Memory.attention` of both; the paper's tables of argmax carry no gradient, and without this one the
    sketch encoder would receive none at all. With `hard_refinement` they are the paper's tables, with the gradient of
    `straight_through_one_hot`.
    """
    return (keys - values).abs().sum(dim=-1).mean()


def matte(logits: Tensor, wanted: Tensor) -> Tensor:
    """Cross-entropy of person and background. Logits (B, 1, h, w), wanted (B, 1, H, W): 1 where the person is.

    Where nothing is known of a photo its matte is 1 everywhere, and it does not count.
    """
    wanted = F.avg_pool2d(wanted, wanted.shape[-1] // logits.shape[-1])
    known = (wanted.amin(dim=(1, 2, 3)) < 0.5).float()[:, None, None, None].expand_as(wanted)
    every = F.binary_cross_entropy_with_logits(logits.float(), wanted, reduction="none")
    return (every * known).sum() / known.sum().clamp(min=1)

"""Pairs as a network that stays as it is encodes them, and how near its drawings are to theirs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import torch
import torch.nn.functional as F
from torch import Tensor

from most_sketch.errors import InputError
from most_sketch.network.generator import Generator, Renderer, pad_to_stride
from most_sketch.network.matte import PAPER
from most_sketch.network.memory import Memory

PLACE = 8
"""Side in pixels of the places over which tone and strokes are compared."""
NEARLY_WHITE = 0.8
"""The tone in [-1, 1] from which paper counts as white: scans of white paper are no whiter."""


@dataclass(frozen=True)
class EncodedPair:
    """A pair of which the photo is encoded, padded to the network's feature stride.

    `encode` leaves it on the CPU and in half precision: a pair of 400 x 500 takes 8 MB.
    """

    features: Tensor
    """(1, C, H / s, W / s) of the photo."""
    stem: tuple[Tensor, ...]
    """As `Generator.encode` has it."""
    target: Tensor
    """The drawing, (1, 1, H, W) in [-1, 1]."""

    def piece(self, side: int, rng: torch.Generator) -> EncodedPair:
        """A random square of it, of about `side` pixels, or as much as there is."""
        height, width = self.features.shape[-2:]
        stride = self.target.shape[-1] // width
        wide, high = (min(max(1, side // stride), most) for most in (width, height))
        top, left = (int(torch.randint(rest + 1, (), generator=rng)) for rest in (height - high, width - wide))

        def cut(picture: Tensor) -> Tensor:
            unit = picture.shape[-1] // width
            return picture[..., top * unit : (top + high) * unit, left * unit : (left + wide) * unit]

        return EncodedPair(cut(self.features), tuple(map(cut, self.stem)), cut(self.target))


def batched(pairs: Sequence[EncodedPair]) -> EncodedPair:
    """Pairs of one size as a batch."""
    stems = zip(*(pair.stem for pair in pairs), strict=True)
    features, target = (
        torch.cat(parts) for parts in zip(*((pair.features, pair.target) for pair in pairs), strict=True)
    )
    return EncodedPair(features, tuple(map(torch.cat, stems)), target)


@torch.no_grad()
def encode(generator: Generator, photo: Tensor, sketch: Tensor) -> EncodedPair:
    """Encode a pair: photo (3, H, W) and sketch (1, H, W) in [-1, 1]."""
    stride, device = generator.config.feature_stride, next(generator.parameters()).device
    target = pad_to_stride(sketch[None], stride)
    features, stem = generator.encode(photo[None].to(device))
    features, target, *parts = (part.half().cpu() for part in (features, target, *stem))
    return EncodedPair(features, tuple(parts), target)


def draw_encoded(
    generator: Generator, memory: Memory, pair: EncodedPair, paper: float = 1.0, renderer: Renderer | None = None
) -> Tensor:
    """Draw a pair's photo with a memory of one style, on paper of its tone, as (1, 1, H, W) in [-1, 1]; or a batch.

    `renderer` is the network's own if there is none.
    """
    features, *stem = (part.float().to(memory.keys.device) for part in (pair.features, *pair.stem))
    style = torch.zeros(len(features), dtype=torch.long, device=features.device)
    return generator.render(features, memory.read(features, style), tuple(stem), paper, renderer)


@torch.no_grad()
def paper_of(generator: Generator, pairs: Sequence[EncodedPair]) -> float:
    """The tone in [-1, 1] of the paper of drawings: the median where the network sees no person in the photos.

    White where that is as good as white, and by a network that tells no person from the background.
    """
    if generator.matte is None:
        return 1.0
    bare, device = [], next(generator.parameters()).device
    for pair in pairs:
        logits = generator.matte(pair.features.float().to(device))
        matte = F.interpolate(torch.sigmoid(logits).cpu(), pair.target.shape[-2:], mode="bilinear")
        bare.append(pair.target[matte < PAPER].float())
    tones = torch.cat(bare)
    tone = tones.median().item() if len(tones) else 1.0
    return tone if tone < NEARLY_WHITE else 1.0


def difference(sketch: Tensor, target: Tensor) -> Tensor:
    """How unlike two sketches (B, 1, H, W) in [-1, 1] are in tone and in amount of strokes, mean over places.

    Strokes need not lie on each other: L1 of pixels would call a blurred drawing nearer than a sharp one.
    """
    return _of_tone(sketch, target) + _of_strokes(sketch, target)


def _of_tone(sketch: Tensor, target: Tensor) -> Tensor:
    return F.l1_loss(F.avg_pool2d(sketch, PLACE), F.avg_pool2d(target, PLACE))


def _of_strokes(sketch: Tensor, target: Tensor) -> Tensor:
    return F.l1_loss(_strokes(sketch), _strokes(target))


def _strokes(sketch: Tensor) -> Tensor:
    """The mean change from pixel to pixel at every place."""
    down, across = sketch.diff(dim=-2)[..., :-1].abs(), sketch.diff(dim=-1)[..., :-1, :].abs()
    return F.avg_pool2d(down + across, PLACE, ceil_mode=True)


@torch.no_grad()
def mean_difference(
    generator: Generator,
    memory: Memory,
    pairs: Sequence[EncodedPair],
    paper: float = 1.0,
    renderer: Renderer | None = None,
    reduce: int = 1,
) -> float:
    """The mean `difference` of the drawings of pairs, as `draw_encoded` draws them, and their sketches.

    Both are made `reduce` times smaller before.
    """
    differences = []
    for pair in pairs:
        drawn = draw_encoded(generator, memory, pair, paper, renderer)
        sketch, target = (F.avg_pool2d(picture, reduce) for picture in (drawn, pair.target.to(drawn)))
        differences.append(difference(sketch, target).item())
    return fmean(differences)


def memory_of(generator: Generator, style: int) -> Memory:
    """A memory of one style alone, as the network has it for the style of this index; `InputError` if it has none."""
    theirs = generator.memory
    if not isinstance(theirs, Memory):
        raise InputError("a style is taught to a network with a memory; this one is without (memory=false)")
    _, slots, channels = theirs.keys.shape
    offsets = theirs.offsets is not None
    memory = Memory(1, slots, channels, theirs.temperature, aligned_start=False, offsets=offsets)
    memory = memory.to(theirs.keys.device).requires_grad_(False)
    memory.keys, memory.values = theirs.keys[style][None].clone(), theirs.values[style][None].clone()
    if theirs.offsets is not None and memory.offsets is not None:
        memory.offsets.copy_(theirs.offsets[style][None])
    return memory

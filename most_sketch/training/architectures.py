"""What differs between the networks that one training loop trains: how they draw while they learn.

Each holds the `generator` that is released, and what else its own side of the game needs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from most_sketch.network.config import ModelConfig
from most_sketch.network.encoder import Encoder
from most_sketch.network.generator import Generator, crop_to, pad_to_stride
from most_sketch.network.matte import clear_paper
from most_sketch.network.memory import Memory
from most_sketch.network.pix2pix import UNet256
from most_sketch.training import losses
from most_sketch.training.config import TrainConfig
from most_sketch.training.style_memory import SeenPair, memory_of, write_together

Wrap = Callable[[nn.Module], Any]
"""`torch.compile`, or nothing."""


@dataclass(frozen=True)
class Drawing:
    """A sketch (B, 1, H, W) float32 in [-1, 1], the architecture's own loss terms, and figures for the log."""

    sketch: Tensor
    terms: dict[str, Tensor] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Lesson:
    """A style that is shown by a few pairs, photo (N, 3, H, W) and sketch (N, 1, H, W) in [-1, 1]."""

    photo: Tensor
    sketch: Tensor
    start: int
    """The style whose memory is written on, as `teach` writes on that of the nearest."""
    paper: float
    """Tone of its paper, in [-1, 1]."""


class MostNetTraining(nn.Module):
    """MOST-Net with its sketch encoder: the memory is updated, then read. Paper: Fig. 2 (a), red and blue paths."""

    def __init__(self, model: ModelConfig, config: TrainConfig) -> None:
        super().__init__()
        self.config = config
        self.generator = Generator(model)
        self.sketch_encoder = Encoder(1, model).requires_grad_(not config.fixed_memory)
        self.wrap(lambda module: module)

    def wrap(self, wrap: Wrap) -> None:
        """Compile the convolutional parts. The memory stays out: it is cheap, in float32, and branches."""
        parts = (self.generator.photo_encoder, self.sketch_encoder, self.generator.renderer)
        # In a tuple, for a module would be registered and saved twice.
        self._parts = tuple(wrap(part) for part in parts)

    def forward(
        self,
        photo: Tensor,
        target: Tensor,
        style: Tensor,
        drawn: Tensor,
        matte: Tensor,
        chance: torch.Generator,
        lesson: Lesson | None = None,
    ) -> Drawing:
        """photo (B, 3, H, W) and target (B, 1, H, W) in [-1, 1], style (B,) of the target and style `drawn` (B,) to
        draw in, mostly the same; matte (B, 1, H, W) in [0, 1] of the photo; `chance` places reseeded slots.

        With a lesson the style is the one that it shows, and no memory of the network moves.
        """
        encode_photo, encode_sketch, _ = self._parts
        memory, config = self.generator.memory, self.config
        stride = self.generator.config.feature_stride
        features, stem = encode_photo(pad_to_stride(photo, stride).contiguous(memory_format=torch.channels_last))
        logits = self.generator.matte(features) if self.generator.matte else None
        terms = {} if logits is None else {"matte": losses.matte(logits, pad_to_stride(matte, stride))}
        if lesson is not None:
            style_map = self._taught(lesson, chance).read(features, torch.zeros_like(style)).to(features.dtype)
            sketch = self._parts[-1](features, style_map, stem, logits)
            # Its paper is no part of what is learnt: outside the person there is nothing to draw it from.
            whole = sketch if logits is None else clear_paper(logits.detach(), sketch, lesson.paper)
            return Drawing(crop_to(whole, *target.shape[-2:]).float(), terms)
        if config.fixed_memory:
            return Drawing(self._render(features, drawn, stem, logits, target), terms)
        sketch_features, _ = encode_sketch(pad_to_stride(target, stride).contiguous(memory_format=torch.channels_last))
        reseeded = memory.update(features, sketch_features, style, config.memory_decay, chance, config.reseed_after)
        sketch = self._render(features, drawn, stem, logits, target)
        refinement = losses.memory_refinement(features, sketch_features, memory, style)
        slots_used, disagreement = memory.usage(features, sketch_features, style)
        figures = {"slots_used": slots_used, "disagreement": disagreement, "reseeded": reseeded}
        return Drawing(sketch, {"memory_refinement": refinement, **terms}, figures)

    def _taught(self, lesson: Lesson, chance: torch.Generator) -> Memory:
        """A memory of the style that a lesson shows, written as `teach` writes it.

        Departure: gradients reach the sketch encoder through the values, which are means of its features: all that
        is ever known of such a style is what this encoder says of its drawings.
        """
        encode_photo, encode_sketch, _ = self._parts
        stride = self.generator.config.feature_stride
        photo, sketch = (
            pad_to_stride(pictures, stride).contiguous(memory_format=torch.channels_last)
            for pictures in (lesson.photo, lesson.sketch)
        )
        with torch.no_grad():
            photo_features, stem = encode_photo(photo)
        sketch_features, _ = encode_sketch(sketch)
        parts = (photo_features, stem, sketch_features, sketch)
        pairs = [SeenPair(*pair) for pair in zip(*(part.split(1) for part in parts), strict=True)]
        memory = memory_of(self.generator, lesson.start)
        with torch.autocast(photo.device.type, enabled=False):
            write_together(memory, pairs, chance)
        return memory

    def _render(self, features: Tensor, style: Tensor, stem: Tensor, matte: Tensor | None, target: Tensor) -> Tensor:
        style_map = self.generator.memory.read(features, style).to(features.dtype)
        sketch: Tensor = self._parts[-1](features, style_map, stem, matte)
        return crop_to(sketch, *target.shape[-2:]).float()


class Pix2PixTraining(nn.Module):
    """The U-Net alone."""

    def __init__(self, model: ModelConfig, config: TrainConfig) -> None:  # noqa: ARG002 - one signature for all
        super().__init__()
        self.generator = UNet256(model)
        self.wrap(lambda module: module)

    def wrap(self, wrap: Wrap) -> None:
        """Compile the network."""
        self._draw = (wrap(self.generator),)

    def forward(
        self,
        photo: Tensor,
        target: Tensor,  # noqa: ARG002
        style: Tensor,
        drawn: Tensor,  # noqa: ARG002
        matte: Tensor,  # noqa: ARG002
        chance: torch.Generator,
        lesson: None = None,  # noqa: ARG002
    ) -> Drawing:
        """photo (B, 3, H, W) in [-1, 1], style (B,); the target is not looked at, `chance` seeds the dropout."""
        with torch.random.fork_rng(devices=[photo.device] if photo.is_cuda else []):
            torch.manual_seed(int(torch.randint(2**62, (), generator=chance)))
            return Drawing(self._draw[0](photo, style).float())


ARCHITECTURES: dict[str, type[MostNetTraining] | type[Pix2PixTraining]] = {
    "most-net": MostNetTraining,
    "pix2pix": Pix2PixTraining,
}

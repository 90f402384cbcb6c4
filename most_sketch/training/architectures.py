"""What differs between the networks that one training loop trains: how they draw while they learn.

Each holds the `generator` that is released, and what else its own side of the game needs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from most_sketch.errors import InputError
from most_sketch.network.config import ModelConfig
from most_sketch.network.cyclegan import ResNetGenerator
from most_sketch.network.discriminator import PatchDiscriminator
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
    """MOST-Net with its sketch encoder: the memory is updated, then read. Paper: Fig. 2 (a), red and blue paths.

    A network without memory has nothing that a sketch would be encoded for; `InputError` if it is to be fixed or
    written.
    """

    paired = True
    """May the judge see the photo of a sketch?"""

    def __init__(self, model: ModelConfig, config: TrainConfig) -> None:
        super().__init__()
        self.config = config
        self.generator = Generator(model)
        if self.generator.warp is not None:
            # Taught before all else, and then left: its photos come bent.
            self.generator.warp.requires_grad_(False)
        if not model.memory and (config.fixed_memory or config.episodes):
            what = "fixed_memory" if config.fixed_memory else "episodes"
            raise InputError(f"{what}: this network has no memory to leave or to write (memory=false)")
        self.sketch_encoder = Encoder(1, model).requires_grad_(not config.fixed_memory) if model.memory else None
        self.wrap(lambda module: module)

    def wrap(self, wrap: Wrap) -> None:
        """Compile the convolutional parts. The memory stays out: it is cheap, in float32, and branches."""
        encoders = (self.generator.photo_encoder, *([self.sketch_encoder] if self.sketch_encoder else []))
        # In a tuple, for a module would be registered and saved twice.
        self._encoders = tuple(wrap(encoder) for encoder in encoders)
        self._renderer = (wrap(self.generator.renderer),)

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
        encode_photo, *encode_sketch = self._encoders
        memory, config = self.generator.memory, self.config
        stride = self.generator.config.feature_stride
        features, stem = encode_photo(pad_to_stride(photo, stride).contiguous(memory_format=torch.channels_last))
        logits = self.generator.matte(features) if self.generator.matte else None
        terms = {} if logits is None else {"matte": losses.matte(logits, pad_to_stride(matte, stride))}
        if lesson is not None:
            style_map = self._taught(lesson, chance).read(features, torch.zeros_like(style)).to(features.dtype)
            sketch = self._renderer[0](features, style_map, stem, logits)
            # Its paper is no part of what is learnt: outside the person there is nothing to draw it from.
            whole = sketch if logits is None else clear_paper(logits.detach(), sketch, lesson.paper)
            return Drawing(crop_to(whole, *target.shape[-2:]).float(), terms)
        if config.fixed_memory or not isinstance(memory, Memory):
            return Drawing(self._render(features, drawn, stem, logits, target), terms)
        padded = pad_to_stride(target, stride).contiguous(memory_format=torch.channels_last)
        sketch_features, _ = encode_sketch[0](padded)
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
        encode_photo, encode_sketch = self._encoders
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
        sketch: Tensor = self._renderer[0](features, style_map, stem, matte)
        return crop_to(sketch, *target.shape[-2:]).float()


class Pix2PixTraining(nn.Module):
    """The U-Net alone."""

    paired = True

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


class CycleGANTraining(nn.Module):
    """Photo to sketch, sketch to photo and back, learnt without being told which are a pair. Zhu et al. 2017.

    Sketches are judged by the trainer's discriminator, which is shown no photo (`paired`), photos by one in here, which
    learns in one step with the generators. Departures: no pool of earlier pictures for the judges; and the photo and
    the sketch of a step are of one person, which no loss is told.
    """

    paired = False

    def __init__(self, model: ModelConfig, config: TrainConfig) -> None:
        super().__init__()
        self.generator, self.back = ResNetGenerator(model), ResNetGenerator(model, backwards=True)
        self.judge = PatchDiscriminator(channels=config.discriminator_channels)
        self.game = losses.game(config.least_squares)
        self.wrap(lambda module: module)

    def wrap(self, wrap: Wrap) -> None:
        """Compile both generators."""
        self._ways = wrap(self.generator), wrap(self.back)

    def forward(
        self,
        photo: Tensor,
        target: Tensor,
        style: Tensor,
        drawn: Tensor,  # noqa: ARG002
        matte: Tensor,  # noqa: ARG002
        chance: torch.Generator,  # noqa: ARG002
        lesson: None = None,  # noqa: ARG002
    ) -> Drawing:
        """photo (B, 3, H, W) and target (B, 1, H, W) in [-1, 1], which is some sketch to it; style (B,) ignored."""
        draw, back = self._ways
        grey = target.expand(-1, 3, -1, -1)
        sketch, made = draw(photo, style), back(grey, style)
        cycle = losses.cycle(photo, back(sketch.expand(-1, 3, -1, -1), style).float())
        cycle = cycle + losses.cycle(target, draw(made, style).float())
        own_kind = losses.cycle(target, draw(grey, style).float()) + losses.cycle(photo, back(photo, style).float())
        flattery, judgement = self._judged(photo, made, style)
        terms = {"cycle": cycle, "own_kind": own_kind, "photo_adversarial": flattery + judgement}
        return Drawing(sketch.float(), terms, {"photo_discriminator": judgement.item()})

    def _judged(self, photo: Tensor, made: Tensor, style: Tensor) -> tuple[Tensor, Tensor]:
        """What the photos that were made minimise, which their judge stands still for, and what the judge does."""
        nothing = torch.zeros_like(photo[:, :1])
        still = {name: value.detach() for name, value in self.judge.named_parameters()}
        fake = functional_call(self.judge, still, (made, nothing, style))[-1]
        real, caught = (self.judge(seen, nothing, style)[-1] for seen in (photo, made.detach()))
        judge, flatter = self.game
        return flatter(fake.float()), judge(real.float(), 1.0) + judge(caught.float(), 0.0)


ARCHITECTURES: dict[str, type[MostNetTraining | Pix2PixTraining | CycleGANTraining]] = {
    "most-net": MostNetTraining,
    "pix2pix": Pix2PixTraining,
    "cyclegan": CycleGANTraining,
}

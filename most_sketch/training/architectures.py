"""What differs between the networks that one training loop trains: how they draw while they learn.

Each holds the `generator` that is released, and what else training it needs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from most_sketch.network.baselines import ResNetGenerator, UNet256
from most_sketch.network.config import ModelConfig
from most_sketch.network.discriminator import PatchDiscriminator
from most_sketch.network.encoder import Encoder
from most_sketch.network.generator import Generator, crop_to, pad_to_stride
from most_sketch.network.memory import Memory, straight_through_one_hot
from most_sketch.training import losses
from most_sketch.training.config import TrainConfig

Wrap = Callable[[nn.Module], Any]
"""`torch.compile`, or nothing."""


@dataclass(frozen=True)
class Drawing:
    """A sketch (B, 1, H, W) float32 in [-1, 1], the architecture's own loss terms, and figures for the log."""

    sketch: Tensor
    terms: dict[str, Tensor] = field(default_factory=dict)
    figures: Callable[[], dict[str, Tensor]] = dict
    """Computed when they are asked for: not every step is logged."""


class MostNetTraining(nn.Module):
    """MOST-Net with its sketch encoder: the memory is updated, then read. Paper: Fig. 2 (a), red and blue paths.

    A network without memory has no sketch encoder.
    """

    paired = True
    """May the discriminator see the photo of a sketch?"""

    def __init__(self, model: ModelConfig, config: TrainConfig) -> None:
        super().__init__()
        self.config = config
        self.generator = Generator(model)
        if self.generator.warp is not None:
            # Trained before all else, and then frozen. The photos of a step are bent already.
            self.generator.warp.requires_grad_(False)
        self.sketch_encoder = Encoder(1, model) if model.memory else None
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
        rng: torch.Generator,
    ) -> Drawing:
        """photo (B, 3, H, W) and target (B, 1, H, W) in [-1, 1], style (B,) of the target and style `drawn` (B,) to
        draw in, mostly the same; matte (B, 1, H, W) in [0, 1] of the photo; `rng` places reseeded slots."""
        encode_photo, *encode_sketch = self._encoders
        memory, config = self.generator.memory, self.config
        stride = self.generator.config.feature_stride
        padded_photo = pad_to_stride(photo, stride).contiguous(memory_format=torch.channels_last)
        features, stem = self.generator.encode_padded(padded_photo, encode_photo)
        logits = self.generator.matte(features) if self.generator.matte else None
        terms = {} if logits is None else {"matte": self._matte_loss(logits, stem, pad_to_stride(matte, stride))}
        if not isinstance(memory, Memory):
            style_map = memory.read(features, drawn).to(features.dtype)
            return Drawing(self._render(features, style_map, stem, logits, target), terms)
        padded = pad_to_stride(target, stride).contiguous(memory_format=torch.channels_last)
        sketch_features, _ = encode_sketch[0](padded)
        reseeded = memory.update(features, sketch_features, style, config.memory_decay, rng, config.reseed_after)
        keys = memory.key_similarity(features, style)
        values = memory.value_similarity(sketch_features, style)
        attention = memory.attention(keys)
        style_map = memory.read(features, drawn, attention if drawn is style else None).to(features.dtype)
        if config.hard_refinement:
            chosen = straight_through_one_hot(keys), straight_through_one_hot(values)
        else:
            chosen = attention, memory.attention(values)
        terms["memory_refinement"] = losses.memory_refinement(*chosen)

        def figures() -> dict[str, Tensor]:
            slots_used, disagreement = memory.usage(keys, values, style)
            return {"slots_used": slots_used, "disagreement": disagreement, "reseeded": reseeded}

        return Drawing(self._render(features, style_map, stem, logits, target), terms, figures)

    def _matte_loss(self, logits: Tensor, stem: tuple[Tensor, ...], matte: Tensor) -> Tensor:
        """Loss of the matte that cuts features out, and of the refined matte, if there is one, that cuts the sketch."""
        loss = losses.matte(logits, matte)
        if self.generator.matte_refinement is None:
            return loss
        return loss + losses.matte(self.generator.refine(logits, stem), matte)

    def _render(
        self,
        features: Tensor,
        style_map: Tensor,
        stem: tuple[Tensor, ...],
        matte: Tensor | None,
        target: Tensor,
    ) -> Tensor:
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
        rng: torch.Generator,
    ) -> Drawing:
        """photo (B, 3, H, W) in [-1, 1], style (B,); the target is not looked at, `rng` seeds the dropout."""
        with torch.random.fork_rng(devices=[photo.device] if photo.is_cuda else []):
            torch.manual_seed(int(torch.randint(2**62, (), generator=rng)))
            return Drawing(self._draw[0](photo, style).float())


class CycleGANTraining(nn.Module):
    """Photo to sketch, sketch to photo and back, learnt without being told which are a pair. Zhu et al. 2017.

    The trainer's discriminator sees the sketches, without photos (`paired`). The discriminator of photos is in here. It
    learns in one step with the generators. Departures: the discriminators see no pool of earlier pictures; and the
    photo and the sketch of a step are of one person, which no loss uses.
    """

    paired = False

    def __init__(self, model: ModelConfig, config: TrainConfig) -> None:
        super().__init__()
        self.generator, self.back = ResNetGenerator(model), ResNetGenerator(model, backwards=True)
        self.photo_discriminator = PatchDiscriminator(channels=config.discriminator_channels)
        self.gan_loss = losses.gan_loss(config.least_squares)
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
        rng: torch.Generator,  # noqa: ARG002
    ) -> Drawing:
        """photo (B, 3, H, W) and target (B, 1, H, W) in [-1, 1], which is some sketch to it; style (B,) ignored."""
        draw, back = self._ways
        grey = target.expand(-1, 3, -1, -1)
        sketch, made = draw(photo, style), back(grey, style)
        cycle = losses.cycle(photo, back(sketch.expand(-1, 3, -1, -1), style).float())
        cycle = cycle + losses.cycle(target, draw(made, style).float())
        identity = losses.cycle(target, draw(grey, style).float()) + losses.cycle(photo, back(photo, style).float())
        generator_loss, discriminator_loss = self._adversarial(photo, made, style)
        terms = {"cycle": cycle, "identity": identity, "photo_adversarial": generator_loss + discriminator_loss}
        return Drawing(sketch.float(), terms, lambda: {"photo_discriminator": discriminator_loss})

    def _adversarial(self, photo: Tensor, made: Tensor, style: Tensor) -> tuple[Tensor, Tensor]:
        """The losses of the photos that were made, with the discriminator frozen, and of the discriminator."""
        nothing = torch.zeros_like(photo[:, :1])
        frozen = {name: value.detach() for name, value in self.photo_discriminator.named_parameters()}
        fake = functional_call(self.photo_discriminator, frozen, (made, nothing, style))
        real, caught = (self.photo_discriminator(seen, nothing, style) for seen in (photo, made.detach()))
        discriminator_loss, generator_loss = self.gan_loss
        caught_loss = discriminator_loss(caught.float(), 0.0)
        return generator_loss(fake.float()), discriminator_loss(real.float(), 1.0) + caught_loss


ARCHITECTURES: dict[str, type[MostNetTraining | Pix2PixTraining | CycleGANTraining]] = {
    "most-net": MostNetTraining,
    "pix2pix": Pix2PixTraining,
    "cyclegan": CycleGANTraining,
}

"""Train the LoRA change of a taught style's renderer. The rest of the network and the memory stay as they are.

Beyond the paper, in which a style is a memory and nothing else.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from most_sketch.network.discriminator import PatchDiscriminator
from most_sketch.network.generator import Generator, Renderer
from most_sketch.network.lora import changeable
from most_sketch.network.memory import Memory
from most_sketch.network.precision import autocast, choose_precision
from most_sketch.teaching.encoded_pairs import EncodedPair, batched, difference, draw_encoded
from most_sketch.training import losses
from most_sketch.training.config import PRESETS
from most_sketch.training.perceptual import PerceptualBackbone

RANK = 8
"""Rank of what is added to a convolution."""
RATE = 1.5e-3
"""Learning rate of the change."""
RECONSTRUCTION_WEIGHT, ADVERSARIAL_WEIGHT = 40.0, 10.0
"""Weights of L1 plus `difference`, and of the adversarial loss. Departure: training has 200 and 1 to 6. Strokes of a
new artist do not lie where the photo has its edges; compared pixel by pixel they come out as blotches. `difference`
keeps the strokes that L1 alone would blur away."""
STYLE_WEIGHT, CONTENT_WEIGHT = 200.0, 80.0
"""Weights of the VGG losses on unit features, where there is a backbone. Twice as much smooths strokes."""
DISCRIMINATOR_CHANNELS = 32
CROP, PIECES = 192, 2
"""Side in pixels of the pieces of pairs in a step, and how many."""
WARM_UP = 10
"""Steps in which the learning rate rises, while Adam's averages of the gradients form."""


@dataclass(frozen=True)
class Budget:
    """How long tuning may take. It ends with the steps or with the seconds, whichever comes first."""

    steps: int
    seconds: float

    def spent(self, done: int, seconds: float) -> float:
        """The share of the budget that is spent; nothing is left from 1 on."""
        return max(done / self.steps, seconds / self.seconds)

    def progress(self, done: int, seconds: float) -> tuple[int, int]:
        """Steps done, and as many as there will be about."""
        return done, max(done, round(done / min(1, self.spent(done, seconds))))


class Tuned(NamedTuple):
    """A style's renderer, and the steps that it took."""

    renderer: Renderer
    steps: int


def tune(
    generator: Generator,
    memory: Memory,
    pairs: Sequence[EncodedPair],
    budget: Budget,
    rng: torch.Generator,
    backbone: PerceptualBackbone | None = None,
    report: Callable[[int, int], None] = lambda *_: None,
    paper: float = 1.0,
    reduce: int = 1,
) -> Tuned | None:
    """Learn a renderer for a style with this memory; None if there is no time.

    Losses are computed on drawings `reduce` times smaller than they are drawn, on paper of this tone, which is not
    learnt. `report` is called with steps done and how many it will be about.
    """
    if budget.seconds <= 0:
        return None
    device = memory.keys.device
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(int(torch.randint(2**31, (), generator=rng)))
        renderer = changeable(generator.renderer, RANK)
        discriminator = PatchDiscriminator(channels=DISCRIMINATOR_CHANNELS).to(device)
    training = PRESETS["ours"][1]
    learnt = [parameter for parameter in renderer.parameters() if parameter.requires_grad]
    generator_optimiser = torch.optim.Adam(learnt, RATE, training.betas)
    discriminator_optimiser = torch.optim.Adam(discriminator.parameters(), training.discriminator_rate, training.betas)

    dtype = choose_precision("auto", device).dtype

    done, start = 0, time.monotonic()
    while (spent := budget.spent(done, time.monotonic() - start)) < 1:
        share = min(1, (done + 1) / WARM_UP) * (1 + math.cos(math.pi * spent)) / 2
        generator_optimiser.param_groups[0]["lr"] = share * RATE
        chosen = torch.randint(len(pairs), (PIECES,), generator=rng).tolist()
        pieces = batched([pairs[place].piece(CROP, rng) for place in chosen])
        discriminator.requires_grad_(False)
        with autocast(device, dtype):
            drawn = draw_encoded(generator, memory, pieces, paper, renderer)
            sketch, target = (F.avg_pool2d(picture.float().to(device), reduce) for picture in (drawn, pieces.target))
            loss = RECONSTRUCTION_WEIGHT * (losses.reconstruction(sketch, target) + difference(sketch, target))
            loss = loss + ADVERSARIAL_WEIGHT * losses.adversarial_generator(_logits(discriminator, sketch))
            if backbone is not None:
                loss = loss + _perceptual(backbone, sketch, target)
        generator_optimiser.zero_grad()
        torch.autograd.backward(loss)
        generator_optimiser.step()
        discriminator.requires_grad_(True)
        with autocast(device, dtype):
            real = losses.adversarial_discriminator(_logits(discriminator, target), 1)
            fake = losses.adversarial_discriminator(_logits(discriminator, sketch.detach()), 0)
        discriminator_optimiser.zero_grad()
        torch.autograd.backward(real + fake)
        discriminator_optimiser.step()
        done += 1
        report(*budget.progress(done, time.monotonic() - start))
    return Tuned(renderer.requires_grad_(False), done)


def _logits(discriminator: PatchDiscriminator, sketch: Tensor) -> Tensor:
    """Patch logits of sketches. Departure: the discriminator sees no photo; it would learn so few by heart."""
    logits: Tensor = discriminator(sketch.new_zeros(len(sketch), 3, *sketch.shape[2:]), sketch, None)
    return logits.float()


def _perceptual(backbone: PerceptualBackbone, sketch: Tensor, target: Tensor) -> Tensor:
    """Style and content loss, Eq. 12-13, each with its weight."""
    with torch.no_grad():
        theirs = backbone(target)
    ours = backbone(sketch)
    return STYLE_WEIGHT * losses.style(ours[:2], theirs[:2]) + CONTENT_WEIGHT * losses.content(ours.pool4, theirs.pool4)

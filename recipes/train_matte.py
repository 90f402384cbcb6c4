"""Train the matte of a network alone, with all else as it is: it sees many more photos a minute than in full training.

    python recipes/train_matte.py runs/last --backgrounds backgrounds --data pairs/pencil pairs/outline -o runs/matte

Half of the photos are shown as training shows them. The others are the person cut out, smaller, standing on the lower
border of another background: so a portrait that shows more around the head looks.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from most_sketch.checkpoints.weights import Networks, load_networks
from most_sketch.network.generator import Generator
from most_sketch.network.precision import DTYPES, autocast
from most_sketch.pairs.pairs import find_pairs, hold_out
from most_sketch.terminal import say
from most_sketch.training import losses
from most_sketch.training.architectures import MostNetTraining
from most_sketch.training.augmentation import Backgrounds, augment
from most_sketch.training.runs import Run, RunRecord
from most_sketch.training.samples import PairSet, StyleSampler, seed_of

SIDE, SMALLEST, LARGEST = 384, 0.5, 1.05
"""Pixels of the squares, and how large the person is in them compared with the frame."""
RATE = 1e-3
SAY_EVERY = 50


class Portraits(Dataset[tuple[Tensor, Tensor]]):
    """Photos (3, SIDE, SIDE) in [-1, 1] and their mattes (1, SIDE, SIDE) in [0, 1]."""

    def __init__(self, pairs: PairSet, backgrounds: Backgrounds) -> None:
        self.pairs, self.backgrounds = pairs, backgrounds

    def __getitem__(self, item: tuple[int, int, int]) -> tuple[Tensor, Tensor]:
        style, number, seed = item
        rng = torch.Generator().manual_seed(seed_of(seed, 7))
        if torch.rand((), generator=rng) < 0.5:
            photo, _, _, matte, *_ = self.pairs[item]
            return photo, matte
        return self._standing(self.pairs.pictures[style][self.pairs.places[style][number]], rng)

    def _standing(self, picture: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        size, place, depth = torch.rand(3, generator=rng).tolist()
        scale = SMALLEST + (LARGEST - SMALLEST) * size
        small = F.interpolate(picture[None].float(), scale_factor=scale, mode="bilinear", antialias=True)[0]
        small = small[:, : round(small.shape[1] * (1 - 0.2 * depth))][:, -SIDE:]
        height, width = small.shape[1:]
        left = round((SIDE - width) * (0.5 + (place - 0.5)))
        first, cut = max(left, 0), max(-left, 0)
        small = small[:, :, cut : cut + SIDE - first]
        photo = self.backgrounds.piece(SIDE, SIDE, rng)
        matte = torch.zeros(1, SIDE, SIDE)
        inside = (slice(None), slice(SIDE - height, None), slice(first, first + small.shape[2]))
        person = small[4:] / 255
        photo[inside] = photo[inside] * (1 - person) + (small[:3] / 127.5 - 1) * person
        matte[inside] = person
        config = replace(self.pairs.config, background=0.0, border=0.0, zoom=0.0, shift=0)
        photo, _, matte = augment(photo, matte, matte, config, rng)
        return photo, matte


def train(generator: Generator, batches: DataLoader[tuple[Tensor, Tensor]], steps: int, precision: torch.dtype) -> None:
    """Matte and refined matte learn, at a rate that falls to nothing."""
    generator.requires_grad_(False)
    parts = [generator.matte, *([generator.matte_refinement] if generator.matte_refinement else [])]
    learning = [parameter for part in parts for parameter in part.requires_grad_(True).parameters()]
    optimiser = torch.optim.AdamW(learning, RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
    mean = 0.0
    for step, (photo, matte) in enumerate(batches, 1):
        with autocast(torch.device("cpu"), precision):
            with torch.no_grad():
                features, stem = generator.encode(photo.contiguous(memory_format=torch.channels_last))
            logits = generator.matte(features)
            loss = losses.matte(logits, matte)
            if generator.matte_refinement is not None:
                loss = loss + losses.matte(generator.refine(logits, stem), matte)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        mean += (loss.item() - mean) / min(step, SAY_EVERY)
        if step % SAY_EVERY == 0:
            say(f"step {step} of {steps}  loss {mean:.4f}")
    for parameter in generator.parameters():
        parameter.requires_grad_(True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--backgrounds", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch-size", type=int, default=6)
    parser.add_argument("--precision", choices=DTYPES, default="bf16")
    parser.add_argument("-o", "--out", type=Path, required=True)
    options = parser.parse_args()
    run = Run(options.run)
    record, state = run.record(), run.state()
    config = replace(record.train, crop=SIDE, batch_size=options.batch_size, steps=options.steps, shares=(1,))
    backgrounds = Backgrounds(options.backgrounds)
    # Held-out pairs stay unseen.
    pairs = PairSet([hold_out(find_pairs(folder), config.hold_out)[0] for folder in options.data], config, backgrounds)
    sampler = StyleSampler([len(places) for places in pairs.places], config)
    batches = DataLoader(Portraits(pairs, backgrounds), batch_sampler=sampler)
    model = MostNetTraining(record.model, record.train)
    model.load_state_dict(state["model"])
    averaged = load_networks(str(run.weights_file)).generator.to(memory_format=torch.channels_last)
    train(averaged, batches, options.steps, DTYPES[options.precision])
    model.generator.load_state_dict(averaged.state_dict())
    out = Run(options.out)
    out.begin(RunRecord(record.model, record.train, record.data, record.perceptual))
    new = {"step": record.train.steps, "model": model.state_dict(), "discriminator": state["discriminator"]}
    out.save(new, Networks(averaged, model.sketch_encoder), 0)

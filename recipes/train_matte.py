"""Train the matte of a network alone, with all else as it is: it sees many more photos a minute than in full training.

    python recipes/train_matte.py runs/q1 --into runs/q3 --backgrounds backgrounds --data pairs/pencil -o runs/matte

Some photos are shown as training shows them. Some are the person cut out, smaller, standing on the lower border of a
background: so a portrait that shows more around the head looks. Half are whole photos, of folders with masks and
points of the face (`--whole`), which show shoulders and clothes.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from most_sketch.checkpoints.weights import load_networks
from most_sketch.network.generator import Generator
from most_sketch.network.precision import DTYPES, autocast
from most_sketch.pairs.landmarks import eyes_of, read_points
from most_sketch.pairs.mattes import load_matte
from most_sketch.pairs.pairs import Pair, find_pairs, hold_out
from most_sketch.photo.images import read_image, to_tensor
from most_sketch.terminal import say
from most_sketch.training import losses
from most_sketch.training.augmentation import Backgrounds, augment
from most_sketch.training.runs import Run, RunRecord
from most_sketch.training.samples import PairSet, StyleSampler, seed_of

SIDE, SMALLEST, LARGEST = 384, 0.5, 1.05
"""Pixels of the squares, and how large the person is in them compared with the frame."""
EYES_APART = 102.0
"""Pixels between the eyes in the frame of 400 x 500."""
NEW_BACKGROUND = 0.75
"""Share of the whole photos that get another one."""
RATE = 1e-3
SAY_EVERY = 50


class Portraits(Dataset[tuple[Tensor, Tensor]]):
    """Photos (3, SIDE, SIDE) in [-1, 1] and their mattes (1, SIDE, SIDE) in [0, 1]."""

    def __init__(self, pairs: PairSet, backgrounds: Backgrounds, whole: list[Pair]) -> None:
        self.pairs, self.backgrounds, self.whole = pairs, backgrounds, whole
        self.config = replace(pairs.config, background=0.0, border=0.0, zoom=0.0, shift=0)

    def __getitem__(self, item: tuple[int, int, int]) -> tuple[Tensor, Tensor]:
        style, number, seed = item
        rng = torch.Generator().manual_seed(seed_of(seed, 7))
        kind, which = torch.rand(2, generator=rng).tolist()
        if self.whole and kind < 0.5:
            return self._whole(self.whole[int(which * len(self.whole))], rng)
        if kind < 0.75:
            photo, _, _, matte, *_ = self.pairs[item]
            return photo, matte
        size, depth = torch.rand(2, generator=rng).tolist()
        picture = self.pairs.pictures[style][self.pairs.places[style][number]][[0, 1, 2, 4]] / 255
        picture = _scaled(picture, SMALLEST + (LARGEST - SMALLEST) * size)
        return self._placed(picture[:, : round(picture.shape[1] * (1 - 0.2 * depth))], 0.5, True, rng)

    def _whole(self, pair: Pair, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """A photo as it is, so large that the face is as large as in the frame or smaller."""
        size, renewed = torch.rand(2, generator=rng).tolist()
        photo = to_tensor(read_image(pair.photo)) / 2 + 0.5
        picture = torch.cat([photo, load_matte(pair, photo)])
        (left, _), (right, _) = eyes_of(read_points(pair.photo_points))
        scale = EYES_APART / (right - left) * (SMALLEST + (LARGEST - SMALLEST) * size)
        return self._placed(_scaled(picture, scale), (left + right) / 2 / photo.shape[2], renewed < NEW_BACKGROUND, rng)

    def _placed(self, picture: Tensor, middle: float, renewed: bool, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """A square of a photo and its matte (4, h, w) in [0, 1], or, if it is smaller, the photo in one.

        The face, at `middle` of its width, is near the square's middle; the photo's lower border is below it.
        """
        aside, down = torch.rand(2, generator=rng).tolist()
        height, width = picture.shape[1:]
        top = int(down * (height - SIDE + 1)) if height > SIDE else height - SIDE
        left = round(middle * width - SIDE * (0.35 + 0.3 * aside))
        rows, columns = (slice(max(start, 0), start + SIDE) for start in (top, left))
        picture = picture[:, rows, columns]
        photo, matte = self.backgrounds.piece(SIDE, SIDE, rng), torch.zeros(1, SIDE, SIDE)
        down, across = max(-top, 0), max(-left, 0)
        inside = (slice(None), slice(down, down + picture.shape[1]), slice(across, across + picture.shape[2]))
        person = picture[3:]
        shown = person if renewed else torch.ones_like(person)
        photo[inside] = photo[inside] * (1 - shown) + (2 * picture[:3] - 1) * shown
        matte[inside] = person
        photo, _, matte = augment(photo, matte, matte, self.config, rng)
        return photo, matte


def _scaled(picture: Tensor, scale: float) -> Tensor:
    return F.interpolate(picture[None], scale_factor=scale, mode="bilinear", antialias=True)[0].clamp(0, 1)


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
    parser.add_argument("--whole", type=Path, nargs="*", default=[], help="sets with masks/ and photo_points/")
    parser.add_argument("--backgrounds", type=Path, required=True)
    parser.add_argument("--into", type=Path, help="a run whose networks get this matte in the place of their own")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch-size", type=int, default=6)
    parser.add_argument("--precision", choices=DTYPES, default="bf16")
    parser.add_argument("-o", "--out", type=Path, required=True)
    options = parser.parse_args()
    run = Run(options.run)
    record, state = run.record(), run.state()
    config = replace(
        record.train, crop=SIDE, batch_size=options.batch_size, steps=options.steps, shares=(1,), enlarged=0.3
    )
    backgrounds = Backgrounds(options.backgrounds)
    # Held-out pairs stay unseen.
    pairs = PairSet([hold_out(find_pairs(folder), config.hold_out)[0] for folder in options.data], config, backgrounds)
    sampler = StyleSampler([len(places) for places in pairs.places], config)
    whole = [
        pair
        for folder in options.whole
        for pair in hold_out(find_pairs(folder), config.hold_out)[0]
        if pair.mask and pair.photo_points
    ]
    batches = DataLoader(Portraits(pairs, backgrounds, whole), batch_sampler=sampler)
    averaged = load_networks(str(run.weights_file)).generator.to(memory_format=torch.channels_last)
    train(averaged, batches, options.steps, DTYPES[options.precision])
    learnt = {name: tensor for name, tensor in averaged.state_dict().items() if name.startswith("matte")}
    if options.into:
        run = Run(options.into)
        record, state = run.record(), run.state()
    networks = load_networks(str(run.weights_file))
    networks.generator.load_state_dict(learnt, strict=False)
    state["model"].update({f"generator.{name}": tensor for name, tensor in learnt.items()})
    out = Run(options.out)
    out.begin(RunRecord(record.model, record.train, record.data, record.perceptual))
    new = {"step": record.train.steps, "model": state["model"], "discriminator": state["discriminator"]}
    out.save(new, networks, 0)

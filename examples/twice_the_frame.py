"""Begin to draw twice as large: teach a network of twice the feature stride to see what one that draws already sees.

    python examples/twice_the_frame.py most-net --data outline=pairs/outline --data ink=pairs/ink -o runs/twice
    most-sketch train --init runs/twice --data ...

The new photo encoder looks at a photo and learns the features that the old one has of the photo at half the size, so
memory, style injection and matte go on to be right; a sketch encoder learns to give for a drawing what the memory
gives for its photo. Only the last stages of the decoder are left for `most-sketch train`. All styles of the weights
must have pairs, all pairs one size.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader

from most_sketch.checkpoints.weights import load_weights
from most_sketch.network.generator import Generator
from most_sketch.pairs.pairs import find_pairs, hold_out
from most_sketch.terminal import say
from most_sketch.training.architectures import MostNetTraining
from most_sketch.training.augmentation import Backgrounds
from most_sketch.training.config import TrainConfig
from most_sketch.training.runs import Run, RunRecord
from most_sketch.training.samples import PairSet, StyleSampler

RATE = 1e-3
NEW_BLOCK = 1
"""Place of the additional stage among the encoder's blocks."""


def begin(teacher: Generator) -> MostNetTraining:
    """A network of twice the feature stride with all of the teacher's tensors that have a place in it."""
    config = replace(teacher.config, feature_stride=2 * teacher.config.feature_stride)
    model = MostNetTraining(config, TrainConfig())
    ours, theirs = model.generator.state_dict(), {}
    for name, tensor in teacher.state_dict().items():
        if name.startswith("photo_encoder.blocks."):
            *before, place, rest = name.split(".", 3)
            name = ".".join([*before, str(int(place) + (int(place) >= NEW_BLOCK)), rest])
        theirs[name] = tensor
    for name, tensor in ours.items():
        if name in theirs and theirs[name].shape == tensor.shape:
            tensor.copy_(theirs[name])
        elif name == "renderer.decoder.upsample.0.conv2.weight":
            # The skip joins a stage later now.
            tensor.copy_(theirs[name][:, : tensor.shape[1]])
    return model


def teach(teacher: Generator, model: MostNetTraining, data: PairSet, config: TrainConfig) -> None:
    """Bring the two encoders' features to the teacher's."""
    generator, sketch_encoder = model.generator, model.sketch_encoder
    students = nn.ModuleList([generator.photo_encoder, sketch_encoder]).train()
    optimiser = torch.optim.Adam(students.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.01, config.steps)
    sampler = StyleSampler([len(style) for style in data.pictures], config)
    begun = time.monotonic()
    for step, (photo, sketch, style, _) in enumerate(DataLoader(data, batch_sampler=sampler), 1):
        with torch.no_grad():
            wanted, _ = teacher.photo_encoder(F.avg_pool2d(photo, 2))
            read = teacher.memory.read(wanted, style)
        features, _ = generator.photo_encoder(photo.contiguous(memory_format=torch.channels_last))
        drawn, _ = sketch_encoder(sketch.contiguous(memory_format=torch.channels_last))
        losses = [_difference(features, wanted), _difference(drawn, read)]
        optimiser.zero_grad(set_to_none=True)
        torch.stack(losses).sum().backward()
        optimiser.step()
        schedule.step()
        if step % 50 == 0:
            photo_loss, sketch_loss = (loss.item() for loss in losses)
            say(f"step {step}: photo {photo_loss:.3f}, sketch {sketch_loss:.3f}, {time.monotonic() - begun:.0f} s")


def _difference(features: Tensor, wanted: Tensor) -> Tensor:
    """Mean squared difference in parts of what there is to tell."""
    return F.mse_loss(features, wanted) / wanted.var()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights")
    parser.add_argument("--data", metavar="STYLE=DIR", action="append", required=True)
    parser.add_argument("--backgrounds", type=Path)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("-o", "--out", type=Path, required=True)
    options = parser.parse_args()
    teacher = load_weights(options.weights)
    folders = {name: Path(folder) for name, _, folder in (item.partition("=") for item in options.data)}
    config = TrainConfig(
        steps=options.steps,
        batch_size=4,
        crop=256,
        rotate=4,
        zoom=0.1,
        shadow=0.3,
        noise=0.2,
        tone=0.25,
        background=0.5,
    )
    pairs = [hold_out(find_pairs(folders[style]))[0] for style in teacher.config.styles]
    torch.manual_seed(0)
    model = begin(teacher).to(memory_format=torch.channels_last)
    teach(teacher, model, PairSet(pairs, config, options.backgrounds and Backgrounds(options.backgrounds)), config)
    run = Run(options.out)
    run.begin(RunRecord(model.generator.config, config, folders, "none"))
    state = {"step": config.steps, "model": model.state_dict(), "discriminator": {}}
    run.save(state, model.generator, config.hold_out)

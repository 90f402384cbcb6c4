"""Make the portrait network faster: style injection by convolutions of one pixel. Its matte gets a context, too.

    python recipes/narrow_most_net.py most-net.safetensors -o runs/narrow
    most-sketch train --init runs/narrow --data ... --set modulation_kernel=1 --set matte_context=3

The kernels of style injection are added up, and all else stays. The drawing changes a little, as is said at the end,
and training mends it.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from most_sketch.checkpoints.weights import Networks, load_networks
from most_sketch.photo.images import read_image, to_tensor
from most_sketch.terminal import say
from most_sketch.training.architectures import MostNetTraining
from most_sketch.training.config import TrainConfig
from most_sketch.training.runs import Run, RunRecord

MATTE_CONTEXT = 3


@torch.no_grad()
def narrow(old: Networks) -> MostNetTraining:
    """The narrower network with what the old one has learnt."""
    torch.manual_seed(0)
    model = MostNetTraining(
        replace(old.generator.config, modulation_kernel=1, matte_context=MATTE_CONTEXT), TrainConfig()
    )
    theirs = {f"generator.{name}": tensor for name, tensor in old.generator.state_dict().items()}
    theirs |= {f"sketch_encoder.{name}": tensor for name, tensor in old.sketch_encoder.state_dict().items()}
    for name, tensor in model.state_dict().items():
        if name in theirs:
            kernel = theirs[name]
            tensor.copy_(kernel if kernel.shape == tensor.shape else kernel.sum((2, 3), keepdim=True))
    return model


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights")
    parser.add_argument("--photo", type=Path, help="a portrait in the frame, to say how the drawing changes")
    parser.add_argument("-o", "--out", type=Path, required=True)
    options = parser.parse_args()
    old = load_networks(options.weights)
    model = narrow(old)
    config = TrainConfig()
    run = Run(options.out)
    styles = model.generator.config.styles
    run.begin(RunRecord(model.generator.config, config, {style: Path() for style in styles}, "none"))
    state = {"step": config.steps, "model": model.state_dict(), "discriminator": old.discriminator.state_dict()}
    run.save(state, Networks(model.generator, model.sketch_encoder), 0)
    if options.photo:
        photo = to_tensor(read_image(options.photo))[None]
        style = torch.zeros(1, dtype=torch.long)
        with torch.no_grad():
            difference = (model.generator.eval()(photo, style) - old.generator(photo, style)).abs().mean() / 2
        say(f"mean difference to the old drawing: {difference:.3f} of 1")

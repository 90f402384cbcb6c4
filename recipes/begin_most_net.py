"""Begin the portrait network with all that the network of CUFS has learnt: nearly the same drawing, at twice the size.

    python recipes/begin_most_net.py most-net-cufs --photos cufs/train/ar/photos -o runs/begin
    most-sketch train --init runs/begin --data ...

Inside, the new network works on the photo at half the size, with the tensors of the old one. A thin stage at full
resolution adds to that, and has everything to learn. For speed one residual block of the decoder is left out, which
changes the drawing a little, as is said at the end, and the hidden layers of style injection are smaller. Every style
begins with the old memory and a random offset of its own. Style injection begins anew: the old one had died.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from most_sketch.checkpoints.weights import Networks, load_networks
from most_sketch.network.generator import Generator
from most_sketch.network.injection import StyleInjection
from most_sketch.network.memory import Memory
from most_sketch.photo.images import read_image, to_tensor
from most_sketch.terminal import say
from most_sketch.training.architectures import MostNetTraining
from most_sketch.training.config import TrainConfig
from most_sketch.training.runs import Run, RunRecord

STYLES = ("pencil", "charcoal", "outline", "ink", "graphite")
INJECTION_CHANNELS, DETAIL_CHANNELS = 64, 16
PHOTOS = 16


@torch.no_grad()
def begin(old: Networks, photos: Tensor) -> MostNetTraining:
    """The new network with the old tensors; `photos` (B, 3, H, W) in [-1, 1] in the old frame."""
    teacher = old.generator
    teacher.warp = None
    config = replace(
        teacher.config,
        styles=STYLES,
        stem_stride=2,
        feature_stride=8,
        frame_height=500,
        detail_channels=DETAIL_CHANNELS,
        style_offsets=True,
        matting=True,
        warp_domains=0,
        injection_channels=INJECTION_CHANNELS,
        decoder_blocks=1,
    )
    torch.manual_seed(0)
    model = MostNetTraining(config, TrainConfig())
    ours = model.state_dict()
    theirs = {f"generator.{name}": tensor for name, tensor in teacher.state_dict().items()}
    theirs |= {f"sketch_encoder.{name}": tensor for name, tensor in old.sketch_encoder.state_dict().items()}
    for name, tensor in ours.items():
        if name in theirs and theirs[name].shape == tensor.shape and not name.startswith("generator.memory."):
            tensor.copy_(theirs[name])
    _begin_injections(teacher, model.generator, photos)
    _begin_memories(teacher.memory, model.generator.memory)
    _choose_block(teacher, model.generator, photos)
    return model


def _begin_memories(theirs: Memory, ours: Memory) -> None:
    for name in ("keys", "values", "started", "idle"):
        getattr(ours, name).copy_(getattr(theirs, name)[:1].expand_as(getattr(ours, name)))


def _begin_injections(teacher: Generator, student: Generator, photos: Tensor) -> None:
    """Style injection begins anew, at what the old one gives on average: it hardly varies with what is read."""
    outputs: dict[str, Tensor] = {}

    def keep(name: str) -> Callable[..., None]:
        return lambda _, __, output: outputs.__setitem__(name, output)

    modules = {name: module for name, module in teacher.renderer.named_modules() if isinstance(module, StyleInjection)}
    hooks = [module.modulation.register_forward_hook(keep(name)) for name, module in modules.items()]
    teacher(photos, torch.zeros(len(photos), dtype=torch.long))
    for hook in hooks:
        hook.remove()
    for name, output in outputs.items():
        mean = output.mean(dim=(0, 2, 3))
        varies = (output.var(dim=(0, 2, 3)).mean() / output.square().mean()).item()
        ours = student.renderer.get_submodule(name).modulation
        ours.weight.zero_()
        ours.bias.copy_(mean)
        say(f"{name}: {varies:.2%} of the modulation varies with the memory")


def _choose_block(teacher: Generator, student: Generator, photos: Tensor) -> None:
    """Leave out that residual block of the decoder without which the drawing changes least."""
    style = torch.zeros(len(photos), dtype=torch.long)
    wanted = teacher(photos, style)
    large = F.interpolate(photos, scale_factor=2.0, mode="bicubic").clamp(-1, 1)
    differences = {}
    for place, block in enumerate(teacher.renderer.decoder.blocks):
        student.renderer.decoder.blocks[0].load_state_dict(block.state_dict())
        differences[place] = (F.avg_pool2d(student(large, style), 2) - wanted).abs().mean().item()
    best = min(differences, key=differences.get)
    student.renderer.decoder.blocks[0].load_state_dict(teacher.renderer.decoder.blocks[best].state_dict())
    say(f"difference to the old drawings, by the block of the decoder that is kept: {differences}")


def discriminator_of(old: nn.Module) -> dict[str, Tensor]:
    """The old discriminator's tensors; it knows no style but the first."""
    state = {name: tensor.clone() for name, tensor in old.state_dict().items()}
    first = next(iter(state))
    kernel = state[first]
    others = torch.zeros(len(kernel), len(STYLES), *kernel.shape[2:])
    state[first] = torch.cat([kernel, others], dim=1)
    return state


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights")
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("-o", "--out", type=Path, required=True)
    options = parser.parse_args()
    old = load_networks(options.weights)
    paths = sorted(options.photos.iterdir())
    chosen = paths[:: max(1, len(paths) // PHOTOS)][:PHOTOS]
    model = begin(old, torch.stack([to_tensor(read_image(path)) for path in chosen]))
    config = TrainConfig()
    run = Run(options.out)
    run.begin(RunRecord(model.generator.config, config, {style: Path() for style in STYLES}, "none"))
    discriminator = discriminator_of(old.discriminator)
    state = {"step": config.steps, "model": model.state_dict(), "discriminator": discriminator}
    run.save(state, Networks(model.generator, model.sketch_encoder), 0)

"""Begin a run with the networks of another run, or with weights to draw with: what `--init` names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from most_sketch.checkpoints.header import SKETCH_ENCODER
from most_sketch.checkpoints.weights import load_networks, prefixed
from most_sketch.errors import InputError, WeightsError
from most_sketch.training.runs import Run
from most_sketch.training.trainer import Trainer


def warm_start(trainer: Trainer, init: str | None, offline: bool = False) -> str:
    """Begin with the networks of the run in this folder, or of these weights, if any; else with random ones.

    Returns what to say where not all of the network could begin so. Raises `InputError` and `WeightsError` for what
    cannot be begun with.
    """
    if not init:
        return ""
    taken = begin_with(trainer, *_networks(init, trainer.model.generator.config.memory, offline))
    ours: dict[str, Tensor] = trainer.model.state_dict()
    if len(taken) == len(ours):
        return ""
    share = sum(ours[name].numel() for name in taken) / max(1, sum(tensor.numel() for tensor in ours.values()))
    return f"{init}: {len(taken)} of {len(ours)} tensors ({share:.0%} of the numbers) fit; the others begin at random"


@torch.no_grad()
def begin_with(
    trainer: Trainer, theirs: Mapping[str, Tensor], their_discriminator: Mapping[str, Tensor], styles: Sequence[str]
) -> list[str]:
    """Begin with the networks of another run, of these styles, as far as they are of one name and shape.

    A style that both runs have keeps its memory, if slots and channels are as many; the others' memories
    begin anew. Returns the names of the model's tensors that are taken over. Raises `WeightsError` if nothing fits.
    """
    ours: dict[str, Tensor] = trainer.model.state_dict()
    memories = [name for name in ours if name.startswith("generator.memory.")]
    taken = [name for name in _fitting(ours, theirs) if name not in memories]
    if not taken:
        raise WeightsError("the networks of the run to begin with have another shape in every layer")
    for name in taken:
        ours[name].copy_(theirs[name])
    # As a whole or not at all: a memory that counts as started must have its slots.
    if all(name in theirs and theirs[name].shape[1:] == ours[name].shape[1:] for name in memories):
        for place, style in enumerate(trainer.model.generator.config.styles):
            if style in styles:
                for name in memories:
                    ours[name][place] = theirs[name][styles.index(style)]
        # Those of new styles have nothing to take.
        taken += memories
    trainer.ema.module.load_state_dict(trainer.model.generator.state_dict())
    # A random discriminator would make the generator unlearn what it knows.
    discriminator: dict[str, Tensor] = trainer.discriminator.state_dict()
    for name in _fitting(discriminator, their_discriminator):
        discriminator[name].copy_(their_discriminator[name])
    return taken


def _fitting(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> list[str]:
    """The names of tensors that both have in the same shape."""
    return [name for name in ours.keys() & theirs.keys() if theirs[name].shape == ours[name].shape]


def _networks(
    init: str, writes: bool, offline: bool
) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor], tuple[str, ...]]:
    """The networks of an earlier run, or those in weights: (model, discriminator, styles).

    Raises `InputError` if a memory is to be written and the weights have no sketch encoder to do it.
    """
    run = Run(Path(init))
    if run.exists:
        state = run.state()
        return state["model"], state["discriminator"], run.record().model.styles
    generator, sketch_encoder, discriminator = load_networks(init, offline=offline)
    if sketch_encoder is None and writes:
        raise InputError(f"--init {init}: these weights have no sketch encoder, which training needs; begin with a run")
    model = prefixed("generator.", generator) | prefixed(SKETCH_ENCODER, sketch_encoder)
    return model, prefixed("", discriminator), generator.config.styles

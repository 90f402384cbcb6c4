"""What a step reads back from the device, for which a GPU stands still: counted on a CPU."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from pretended_device import PretendedDevice
from tiny_runs import CPU, SHORT, TINY, noise

from most_sketch.network import memory
from most_sketch.network.config import ModelConfig
from most_sketch.training.config import LossWeights
from most_sketch.training.perceptual import load_backbone
from most_sketch.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("one_thread")

MOST = 2
ALL_TERMS = LossWeights(ssim=1, fsim=1, structure=1, checkerboard=1, stripes=1, likeness=1)
STYLES = replace(TINY, styles=("ink", "chalk"), matting=True, style_offsets=True)
USUAL = replace(SHORT, reseed_after=2, losses=ALL_TERMS, perceptual_crop=32)


def waits(trainer: Trainer, *batch: torch.Tensor, logged: bool = False) -> Counter[str]:
    """What the second step waits for, by name; the first one makes what the optimisers keep."""
    networks = [
        trainer.model,
        trainer.discriminator,
        trainer.averaged,
        *([trainer.backbone] if trainer.backbone else []),
    ]
    there = [tensor for network in networks for tensor in (*network.parameters(), *network.buffers())]
    there += [parameter for group in trainer.generator_optimiser.param_groups for parameter in group["params"]]
    with PretendedDevice(there).watched() as counted:
        trainer.train_step(*batch, logged=False)
        counted.clear()
        trainer.train_step(*batch, logged=logged)
        return Counter(counted)


@pytest.mark.parametrize("logged", [False, True], ids=["not logged", "logged"])
def test_a_step_has_at_most_two_syncs(backbone_file: Path, logged: bool) -> None:
    trainer = Trainer(STYLES, USUAL, load_backbone(str(backbone_file)), CPU)
    assert waits(trainer, *noise(0, 1), logged=logged).total() <= MOST


@pytest.mark.parametrize(
    ("model", "changed"),
    [
        (STYLES, {"cross_style": 0.5, "batch_size": 4}),
        (STYLES, {"muon": True}),
        (TINY, {"hard_refinement": True}),
        (replace(TINY, memory=False), {}),
        (ModelConfig(architecture="pix2pix", stem_channels=4), {}),
        (ModelConfig(architecture="cyclegan", stem_channels=4), {"least_squares": True}),
    ],
    ids=["crossed", "muon", "hard", "no memory", "pix2pix", "cyclegan"],
)
def test_so_few_syncs_has_every_network(model: ModelConfig, changed: dict[str, Any]) -> None:
    trainer = Trainer(model, replace(SHORT, reseed_after=2, **changed), None, CPU)
    styles = [number % len(model.styles) for number in range(trainer.config.batch_size)]
    assert waits(trainer, *noise(*styles)).total() <= MOST


def test_so_few_syncs_has_a_batch_of_two_sizes_of_which_a_network_drew_some() -> None:
    trainer = Trainer(STYLES, SHORT, None, CPU)
    pictures = (torch.rand(3, 3, 64, 64), torch.rand(3, 1, 64, 64), torch.tensor([0, 1, 0]), torch.ones(3, 1, 64, 64))
    batch = *pictures, torch.tensor([1, 2, 1]), torch.tensor([True, True, False])
    assert waits(trainer, *batch).total() <= MOST


def test_a_mask_and_an_item_are_counted_as_syncs_and_two_devices_refused() -> None:
    features = torch.arange(4.0)
    device = PretendedDevice([features])
    with device.watched() as counted:
        chosen = features[features > 1]
        assert counted.total() == 1
        chosen.sum().item()
        chosen.tolist()
        torch.ones(3).to(torch.device("cpu"))
        assert counted.total() == 4
        torch.ones(3).to(torch.device("cpu"), non_blocking=True)
        torch.ones(3).sum().item()
        assert counted.total() == 4
        with pytest.raises(RuntimeError, match="two devices"):
            features + torch.ones(4)


@pytest.mark.parametrize("cross_style", [0.0, 0.5])
def test_a_step_compares_features_with_slots_four_times(cross_style: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are once to choose the slots that move, and once more as they are then. Other styles are read apart."""
    products = []
    similarity = memory.similarity

    def counted(features: torch.Tensor, slots: torch.Tensor) -> torch.Tensor:
        products.append(slots.shape)
        return similarity(features, slots)

    monkeypatch.setattr(memory, "similarity", counted)
    trainer = Trainer(STYLES, replace(SHORT, cross_style=cross_style), None, CPU)
    for logged in (False, True):
        products.clear()
        trainer.train_step(*noise(0, 1), logged=logged)
        assert len(products) == (5 if cross_style else 4)

"""What computes does so on every device that this machine has, and as a CPU does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from drawn_pairs import write_pairs
from PIL import Image
from tiny_runs import CPU, SHORT, TINY, begin, go, noise
from torch import Tensor, nn

from most_sketch import Sketcher, teach
from most_sketch.checkpoints.styles import save_style
from most_sketch.checkpoints.weights import Networks, load_weights, save_weights
from most_sketch.device import to_device
from most_sketch.evaluation.metrics import Metric, fsim, l1, ssim
from most_sketch.network.encoder import Encoder
from most_sketch.network.generator import Generator
from most_sketch.network.memory import Memory
from most_sketch.photo.frame import FRAME_SIZE
from most_sketch.teaching.teach import Teaching
from most_sketch.training import losses
from most_sketch.training.config import LossWeights
from most_sketch.training.perceptual import load_backbone
from most_sketch.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("one_thread")

MODEL = replace(TINY, styles=("ink", "wash"), matting=True, style_offsets=True, warp_domains=1)
CLOSE = {"rtol": 1e-3, "atol": 1e-4}
"""Convolutions of a GPU are in TF32."""


def on_both(build: Callable[[], nn.Module], device: torch.device) -> tuple[nn.Module, nn.Module]:
    """The same module on the CPU and on the device."""
    modules = []
    for place in (torch.device("cpu"), device):
        torch.manual_seed(0)
        modules.append(build().to(place))
    return modules[0], modules[1]


def test_a_tensor_is_sent_there_whole(device: torch.device) -> None:
    sent = to_device(torch.arange(5), device)
    assert sent.device.type == device.type
    assert sent.tolist() == [0, 1, 2, 3, 4]


def test_the_network_draws(device: torch.device) -> None:
    cpu, there = on_both(lambda: Generator(MODEL).eval(), device)
    photo, style = torch.rand(2, 3, 48, 40), torch.tensor([1, 0])
    with torch.no_grad():
        sketch = there(photo.to(device), style.to(device))
        torch.testing.assert_close(sketch.cpu(), cpu(photo, style), rtol=1e-2, atol=1e-2)


def test_the_memory_moves_starts_anew_and_is_read(device: torch.device) -> None:
    features, style = torch.rand(2, 2, 3, 4, 5, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1])
    read: list[Tensor] = []
    for memory in on_both(lambda: Memory(2, 6, 3, temperature=0.1, aligned_start=True), device):
        assert isinstance(memory, Memory)
        place = memory.keys.device
        photo, sketch, index = features[0].to(place), features[1].to(place), style.to(place)
        rng = torch.Generator().manual_seed(1)
        reseeded = [memory.update(photo, sketch, index, 0.9, rng, reseed_after=1).item() for _ in range(3)]
        assert reseeded[0] > 0
        usage = memory.usage(memory.key_similarity(photo, index), memory.value_similarity(sketch, index), index)
        read.append(torch.cat([memory.read(photo, index).flatten().cpu(), *(part[None].cpu() for part in usage)]))
    torch.testing.assert_close(read[1], read[0], **CLOSE)


@pytest.mark.parametrize("metric", [l1, ssim, fsim], ids=lambda metric: metric.__name__)
def test_losses_and_scores(metric: Metric, device: torch.device) -> None:
    torch.manual_seed(0)
    one, other = (torch.rand(1, 1, 96, 80) * 2 - 1 for _ in range(2))
    grey = [(picture + 1) * 127.5 for picture in (one, other)]
    torch.testing.assert_close(metric(*(g.to(device) for g in grey)).cpu(), metric(*grey), **CLOSE)
    for loss in (losses.reconstruction, losses.ssim_loss, lambda a, b: losses.fsim_loss(a, b, torch.Generator())):
        torch.testing.assert_close(loss(one.to(device), other.to(device)).cpu(), loss(one, other), **CLOSE)


@pytest.mark.parametrize("cross_style", [0.0, 0.5])
def test_a_training_step(cross_style: float, backbone_file: Path, device: torch.device) -> None:
    weights = LossWeights(ssim=1, fsim=1, structure=1)
    config = replace(SHORT, cross_style=cross_style, reseed_after=1, perceptual_crop=32, losses=weights)
    trainer = Trainer(MODEL, config, load_backbone(str(backbone_file)), replace(CPU, device=device))
    for logged in (True, False, True):
        scores = trainer.train_step(*noise(0, 1), logged=logged)
    assert 0 < scores["total"] < 1e4
    assert trainer.draw(torch.rand(3, 48, 40), 1).device.type == "cpu"


def test_a_run_with_its_validation_and_its_file(tmp_path: Path, device: torch.device) -> None:
    run = begin(tmp_path / "run", {"ink": write_pairs(tmp_path / "data", ["a", "b", "c"])}, replace(SHORT, steps=2))
    _, final = go(run, execution=replace(CPU, device=device))
    assert final["validation_ssim"] < 1
    assert load_weights(run.weights_file)(torch.rand(1, 3, 48, 40), torch.tensor([0])).shape == (1, 1, 48, 40)


def test_a_style_is_taught_and_drawn_in(tmp_path: Path, device: torch.device) -> None:
    torch.manual_seed(0)
    weights, config = tmp_path / "weights.safetensors", replace(MODEL, warp_domains=0)
    save_weights(weights, Networks(Generator(config), Encoder(1, config)))
    pairs = write_pairs(tmp_path / "pairs", ["a", "b"], FRAME_SIZE)
    taught = teach(pairs, "mine", weights, how=Teaching(steps=2, perceptual="none", device=device.type))
    save_style(tmp_path / "mine.safetensors", taught.style)
    sketcher = Sketcher.load(weights, device.type, "fp32", styles=[tmp_path / "mine.safetensors"])
    photo = Image.open(pairs / "photos" / "a.png")
    assert sketcher.sketch(photo, "mine", align=False).size == photo.size

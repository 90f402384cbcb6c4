"""Muon for the convolutions, Adam for the rest: how long the steps are, which way they go, and going on exactly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from drawn_pairs import write_pairs
from tiny_runs import SHORT, begin, go
from torch import nn

from most_sketch.errors import InputError
from most_sketch.training.optimisers import MuonAndAdam, generator_optimiser

pytestmark = pytest.mark.usefixtures("one_thread")

RATE = 1e-3


def network() -> nn.Sequential:
    layers = nn.Sequential(nn.Conv2d(3, 8, 7), nn.Conv2d(8, 16, 3), nn.Conv2d(16, 1, 3))
    return layers.to(memory_format=torch.channels_last)


def one_step(network: nn.Module, optimiser: MuonAndAdam) -> dict[str, torch.Tensor]:
    """What a step down some gradient adds to each parameter."""
    before = {name: parameter.detach().clone() for name, parameter in network.named_parameters()}
    optimiser.zero_grad()
    network(torch.randn(2, 3, 16, 16)).square().mean().backward()
    optimiser.step()
    return {name: parameter.detach() - before[name] for name, parameter in network.named_parameters()}


def test_a_step_of_an_inner_kernel_goes_about_as_far_in_every_direction_of_the_gradient() -> None:
    torch.manual_seed(0)
    layers = network()
    change = one_step(layers, MuonAndAdam(layers, RATE, (0.5, 0.999)))["1.weight"]
    gradient = layers.get_parameter("1.weight").grad
    assert gradient is not None
    # One picture of 3 x 3 places comes after it, so there are nine directions; the others are noise.
    steepness = torch.linalg.svdvals(gradient.flatten(1))[:9]
    assert steepness[0] > 8 * steepness[-1]
    lengths = torch.linalg.svdvals(change.permute(0, 2, 3, 1).reshape(16, -1))[:9] / (0.2 * RATE * 72**0.5)
    assert lengths.min() > 0.6
    assert lengths.max() < 1.2


def test_kernels_of_pictures_and_vectors_take_a_step_of_adam() -> None:
    torch.manual_seed(0)
    layers = network()
    change = one_step(layers, MuonAndAdam(layers, RATE, (0.5, 0.999)))
    for name in ("0.weight", "0.bias", "1.bias", "2.weight", "2.bias"):
        assert change[name].abs().amax() == pytest.approx(RATE, rel=0.01), name
    assert change["1.weight"].abs().amax() != pytest.approx(RATE, rel=0.01)


def test_kernels_in_another_format_are_refused() -> None:
    with pytest.raises(ValueError, match="channels_last"):
        MuonAndAdam(nn.Conv2d(8, 16, 3), RATE, (0.5, 0.999))


def test_a_torch_without_muon_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.optim, "Muon")
    with pytest.raises(InputError, match="muon needs torch"):
        generator_optimiser(network(), replace(SHORT, muon=True))


def test_a_run_by_muon_resumes_bit_for_bit(tmp_path: Path) -> None:
    data = {"pencil": write_pairs(tmp_path / "data", [f"{i:02}" for i in range(7)])}
    config = replace(SHORT, steps=6, muon=True)
    whole, halves = begin(tmp_path / "whole", data, config), begin(tmp_path / "halves", data, config)
    straight, _ = go(whole)
    first, _ = go(halves, stop_after=3)
    second, _ = go(halves)
    assert first + second == straight
    assert whole.weights_file.read_bytes() == halves.weights_file.read_bytes()

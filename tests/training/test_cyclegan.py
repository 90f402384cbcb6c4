"""CycleGAN in the loop of all: who learns from what, and that nobody is told which photo and sketch are a pair."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from drawn_pairs import write_pairs
from tiny_runs import CPU, SHORT, go, noise

from most_sketch.checkpoints.weights import load_weights
from most_sketch.network.config import ModelConfig
from most_sketch.training import losses
from most_sketch.training.config import PRESETS
from most_sketch.training.runs import Run, RunRecord
from most_sketch.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("one_thread")

MODEL = ModelConfig(architecture="cyclegan", stem_channels=4, encoder_blocks=1)
CONFIG = replace(SHORT, least_squares=True, losses=PRESETS["cyclegan"][1].losses)
TERMS = {"adversarial", "reconstruction", "cycle", "identity", "photo_adversarial"}


def test_it_trains_resumes_exactly_and_its_file_draws(tmp_path: Path) -> None:
    data = {"pencil": write_pairs(tmp_path / "data", ["a", "b", "c"])}
    record = RunRecord(MODEL, replace(CONFIG, steps=4), data, "none")
    whole, halves = Run(tmp_path / "whole"), Run(tmp_path / "halves")
    for run in (whole, halves):
        run.begin(record)
    straight, _ = go(whole)
    assert go(halves, stop_after=2)[0] + go(halves)[0] == straight
    assert straight[-1].keys() == TERMS | {"total", "discriminator", "photo_discriminator"}
    assert whole.weights_file.read_bytes() == halves.weights_file.read_bytes()
    drawn = load_weights(whole.weights_file)
    assert drawn.config == MODEL
    assert drawn(torch.rand(1, 3, 48, 40), torch.tensor([0])).shape == (1, 1, 48, 40)


def test_a_step_moves_both_generators_and_both_judges() -> None:
    trainer = Trainer(MODEL, CONFIG, None, CPU)
    networks = (trainer.model, trainer.discriminator)
    before = [{name: value.clone() for name, value in network.named_parameters()} for network in networks]
    trainer.train_step(*noise(0, 0))
    for network, old in zip(networks, before, strict=True):
        moved = {name for name, value in network.named_parameters() if not torch.equal(value, old[name])}
        # What a discriminator never sees has weights in its first layer all the same.
        assert {name for name in old if not name.endswith("bias")} <= moved
    assert {name.partition(".")[0] for name in before[0]} == {"generator", "back", "photo_discriminator"}


def test_a_step_in_bfloat16_moves_the_judge_of_photos_too() -> None:
    trainer = Trainer(MODEL, CONFIG, None, replace(CPU, precision=torch.bfloat16))
    before = trainer.model.photo_discriminator.stages[1][0].weight.clone()
    scores = trainer.train_step(*noise(0, 0))
    assert 0 < scores["total"] < 1e3
    assert not torch.equal(trainer.model.photo_discriminator.stages[1][0].weight, before)


def test_no_loss_is_told_which_photo_and_sketch_are_a_pair() -> None:
    photo, target, style, matte = noise(0, 0)
    paired, others = (
        Trainer(MODEL, CONFIG, None, CPU).train_step(photo, sketches, style, matte)
        for sketches in (target, target.flip(0))
    )
    assert paired["reconstruction"] != pytest.approx(others["reconstruction"], rel=1e-5)
    told = paired.keys() - {"reconstruction"}
    assert {name: others[name] for name in told} == pytest.approx({name: paired[name] for name in told}, rel=1e-4)


def test_the_judge_of_sketches_sees_no_photo() -> None:
    trainer = Trainer(MODEL, CONFIG, None, CPU)
    seen: list[torch.Tensor] = []
    learning, standing = trainer.ddp_discriminator, trainer.objective.discriminator
    trainer.ddp_discriminator = lambda *given: seen.append(given[0]) or learning(*given)
    trainer.objective.discriminator = lambda *given: seen.append(given[0]) or standing(*given)
    trainer.train_step(*noise(0))
    assert len(seen) == 3
    assert not any(photo.any() for photo in seen)


def test_the_discriminator_of_photos_and_who_makes_them_learn_against_each_other() -> None:
    model = Trainer(MODEL, CONFIG, None, CPU).model
    photo, target, style, _ = noise(0)
    made = model.back(target.expand(-1, 3, -1, -1), style)
    generator_loss, discriminator_loss = model._adversarial(photo, made, style)
    for term, learners, others in (
        (generator_loss, model.back, model.photo_discriminator),
        (discriminator_loss, model.photo_discriminator, model.back),
    ):
        model.zero_grad()
        torch.autograd.backward(term, retain_graph=True)
        assert any(parameter.grad is not None and parameter.grad.any() for parameter in learners.parameters())
        assert not any(parameter.grad is not None and parameter.grad.any() for parameter in others.parameters())


def test_what_goes_there_and_back_comes_to_be_what_it_was() -> None:
    trainer = Trainer(MODEL, replace(CONFIG, steps=60, generator_rate=2e-3, decay_from=1), None, CPU)
    batch = noise(0)
    scores = [trainer.train_step(*batch) for _ in range(60)]
    assert scores[-1]["cycle"] < 0.5 * scores[0]["cycle"]
    assert scores[-1]["identity"] < 0.5 * scores[0]["identity"]


def test_least_squares_are_half_for_the_discriminator_and_whole_for_the_generator() -> None:
    logits = torch.tensor([[[[0.0, 2.0]]]])
    assert losses.least_squares_discriminator(logits, 1.0).item() == 0.5
    assert losses.least_squares_discriminator(logits, 0.0).item() == 1
    assert losses.least_squares_generator(logits).item() == 1

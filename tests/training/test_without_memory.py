"""The ablation without a memory: a learnt constant in its place, from the first step to the file that draws."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from drawn_pairs import write_pairs
from safetensors.torch import load_file, save_file
from tiny_runs import CPU, SHORT, TINY, go, noise

from most_sketch.checkpoints.header import CONFIG_KEY, read_header
from most_sketch.checkpoints.styles import Style, StyleInfo, with_styles
from most_sketch.checkpoints.weights import Networks, load_networks, load_weights, save_weights
from most_sketch.cli import main
from most_sketch.config import to_dict
from most_sketch.errors import InputError, WeightsError
from most_sketch.network.config import ModelConfig
from most_sketch.network.encoder import Encoder
from most_sketch.network.generator import Generator
from most_sketch.teaching.teach import teach
from most_sketch.training.runs import Run, RunRecord
from most_sketch.training.trainer import Trainer
from most_sketch.training.warm_start import begin_with

pytestmark = pytest.mark.usefixtures("one_thread")

WITHOUT = replace(TINY, memory=False)


def test_the_style_map_is_the_same_everywhere_and_each_style_has_its_own() -> None:
    torch.manual_seed(0)
    generator = Generator(replace(WITHOUT, styles=("ink", "chalk")))
    style_map = generator.memory.read(torch.rand(2, 16, 3, 5), torch.tensor([0, 1]))
    assert style_map.shape == (2, 16, 3, 5)
    for index, constant in enumerate(generator.memory.constant):
        assert torch.equal(style_map[index], constant[:, None, None].expand(-1, 3, 5))
    assert not torch.equal(style_map[0], style_map[1])
    photo = torch.rand(1, 3, 48, 40).expand(2, -1, -1, -1)
    ink, chalk = generator(photo, torch.tensor([0, 1]))
    assert (ink - chalk).abs().mean() > 1e-4


def test_it_is_the_same_network_otherwise() -> None:
    names = [{name for name, _ in Generator(config).named_parameters()} for config in (TINY, WITHOUT)]
    assert names[1] == names[0] | {"memory.constant"}


def test_a_step_teaches_the_constant_and_has_no_term_of_the_memory() -> None:
    trainer = Trainer(WITHOUT, SHORT, None, CPU)
    before = {name: value.clone() for name, value in trainer.model.named_parameters()}
    scores = trainer.train_step(*noise(0, 0))
    assert scores.keys() == {"adversarial", "reconstruction", "total", "discriminator"}
    moved = {name for name, value in trainer.model.named_parameters() if not torch.equal(value, before[name])}
    assert moved == before.keys()
    assert "generator.memory.constant" in moved
    assert trainer.sketch_encoder is None


def test_it_trains_resumes_exactly_and_its_file_draws(tmp_path: Path) -> None:
    data = {"pencil": write_pairs(tmp_path / "data", ["a", "b", "c"])}
    record = RunRecord(WITHOUT, replace(SHORT, steps=4), data, "none")
    whole, halves = Run(tmp_path / "whole"), Run(tmp_path / "halves")
    for run in (whole, halves):
        run.begin(record)
    straight, _ = go(whole)
    assert go(halves, stop_after=2)[0] + go(halves)[0] == straight
    assert whole.weights_file.read_bytes() == halves.weights_file.read_bytes()
    assert read_header(whole.weights_file).config == WITHOUT
    generator, sketch_encoder, discriminator = load_networks(whole.weights_file)
    assert sketch_encoder is None
    assert discriminator is not None
    constant = load_file(whole.weights_file)["memory.constant"]
    # Like a memory it is kept as it is, whatever the type of the rest.
    assert constant.dtype == torch.float32
    assert torch.equal(generator.memory.constant, constant)
    assert generator(torch.rand(1, 3, 48, 40), torch.tensor([0])).shape == (1, 1, 48, 40)


@pytest.mark.parametrize("config", [TINY, WITHOUT], ids=["memory", "constant"])
def test_a_file_that_has_the_one_and_says_the_other_is_refused(tmp_path: Path, config: ModelConfig) -> None:
    file = tmp_path / "weights.safetensors"
    save_weights(file, Generator(config))
    says = to_dict(replace(config, memory=not config.memory))
    save_file(load_file(file), file, {CONFIG_KEY: json.dumps(says)})
    with pytest.raises(WeightsError, match="tensors do not fit the network that its config describes: memory"):
        load_weights(file)


def test_nothing_is_taught_to_it_nor_kept_fixed_in_it(tmp_path: Path) -> None:
    style = Style(StyleInfo(name="chalk"), torch.ones(16, 16), torch.ones(16, 16))
    with pytest.raises(WeightsError, match="these weights are without"):
        with_styles(Generator(WITHOUT), [style])
    # No run writes a sketch encoder beside it, but a file may.
    save_weights(tmp_path / "odd.safetensors", Networks(Generator(WITHOUT), Encoder(1, WITHOUT)))
    with pytest.raises(InputError, match="holds no memory"):
        teach(write_pairs(tmp_path / "pairs", ["a"]), "mine", tmp_path / "odd.safetensors")


def test_either_can_begin_with_the_other() -> None:
    full, without = (Trainer(config, replace(SHORT, seed=3), None, CPU) for config in (TINY, WITHOUT))
    for ours, theirs in ((without, full), (full, without)):
        before = ours.model.generator.memory.state_dict()
        before = {name: tensor.clone() for name, tensor in before.items()}
        begin_with(ours, theirs.model.state_dict(), {}, ("pencil",))
        stems = (trainer.model.generator.photo_encoder.stem.weight for trainer in (ours, theirs))
        assert torch.equal(*stems)
        after = ours.model.generator.memory.state_dict()
        assert all(torch.equal(after[name], before[name]) for name in before)


def test_the_option_makes_such_a_run_and_a_resumed_one_keeps_what_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pairs(tmp_path / "data", ["a", "b"])
    options = ["--data", str(tmp_path / "data"), "--out", str(tmp_path / "run"), "--no-memory", "--perceptual", "none"]
    options += ["--set", "channels=8", "--set", "stem_channels=8", "--set", "discriminator_channels=4"]
    options += ["--steps", "1", "--batch-size", "1", "--device", "cpu", "--precision", "fp32"]
    monkeypatch.setattr(sys, "argv", ["most-sketch", "train", *options])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code in (0, None)
    assert not Run(tmp_path / "run").record().model.memory
    monkeypatch.setattr(
        sys, "argv", ["most-sketch", "train", "--out", str(tmp_path / "run"), "--resume", "--no-memory"]
    )
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert "--resume goes on with the run as it was begun" in capsys.readouterr().err

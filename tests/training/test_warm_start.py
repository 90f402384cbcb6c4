"""A run begins with the networks of another, as far as they fit."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from drawn_pairs import write_pairs
from tiny_runs import CPU, SHORT, TINY, begin, go

from most_sketch.checkpoints.weights import load_networks
from most_sketch.cli import main
from most_sketch.training.loop import train
from most_sketch.training.runs import Run, RunRecord
from most_sketch.training.trainer import Trainer
from most_sketch.training.warm_start import begin_with

pytestmark = pytest.mark.usefixtures("one_thread")


def test_init_begins_with_the_networks_and_shared_memories_of_another_run(tmp_path: Path) -> None:
    write_pairs(tmp_path / "ink", ["a", "b"])
    write_pairs(tmp_path / "chalk", ["a", "b"])
    first = begin(tmp_path / "first", {"ink": tmp_path / "ink"}, replace(SHORT, steps=2))
    go(first)
    still = replace(SHORT, steps=1, generator_rate=0.0, discriminator_rate=0.0, memory_decay=1.0)
    record = RunRecord(
        replace(TINY, styles=("chalk", "ink"), output_channels=2),
        still,
        {"chalk": tmp_path / "chalk", "ink": tmp_path / "ink"},
        "none",
        init=str(first.folder),
    )
    second = Run(tmp_path / "second")
    train(second, record, CPU, lambda *_: None, lambda: False)
    # Killed before its first checkpoint, a run begins with the same when it is resumed.
    third = Run(tmp_path / "third")
    third.begin(record)
    train(third, None, CPU, lambda *_: None, lambda: False)
    discriminators = [run.state()["discriminator"]["stages.1.0.weight"] for run in (first, second)]
    assert torch.equal(*discriminators)
    before, after, resumed = (run.state()["model"] for run in (first, second, third))
    assert all(torch.equal(after[name], resumed[name]) for name in after)
    for name in ("sketch_encoder.blocks.0.conv1.weight", "generator.photo_encoder.stem.weight"):
        assert torch.equal(before[name], after[name])
    assert torch.equal(before["generator.memory.keys"][0], after["generator.memory.keys"][1])
    assert not torch.equal(before["generator.memory.keys"][0], after["generator.memory.keys"][0])
    assert (
        before["generator.renderer.decoder.output.weight"].shape
        != after["generator.renderer.decoder.output.weight"].shape
    )


def test_a_run_that_begins_with_weights_has_their_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pairs(tmp_path / "data", ["a", "b"])
    first = begin(tmp_path / "first", {"ink": tmp_path / "data"}, replace(SHORT, steps=1))
    go(first)
    options = ["--data", f"chalk={tmp_path / 'data'}", "--steps", "1", "--batch-size", "1", "--perceptual", "none"]
    options += ["--out", str(tmp_path / "second"), "--init", str(first.folder), "--set", "discriminator_channels=4"]
    monkeypatch.setattr(sys, "argv", ["most-sketch", "train", *options])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code in (0, None)
    assert Run(tmp_path / "second").record().model == replace(first.record().model, styles=("chalk",))


def test_memories_of_another_size_begin_anew(tmp_path: Path) -> None:
    data = {"ink": write_pairs(tmp_path / "ink", ["a", "b"])}
    first = begin(tmp_path / "first", data, replace(SHORT, steps=1))
    go(first)
    trainer = Trainer(replace(TINY, styles=("ink",), slots=8), SHORT, None, CPU)
    begin_with(trainer, first.state()["model"], {}, ("ink",))
    assert not trainer.model.generator.memory.started.any()
    trainer = Trainer(replace(TINY, styles=("ink",)), SHORT, None, CPU)
    begin_with(trainer, first.state()["model"], {}, ("ink",))
    assert trainer.model.generator.memory.started.all()


def test_weights_with_their_sketch_encoder_are_trained_on_with_memory_and_all(tmp_path: Path) -> None:
    data = {"ink": write_pairs(tmp_path / "ink", ["a", "b"])}
    first = begin(tmp_path / "first", data, replace(SHORT, steps=2))
    go(first)
    still = replace(SHORT, steps=1, generator_rate=0.0, discriminator_rate=0.0, memory_decay=1.0)
    shape = replace(TINY, styles=("ink",))
    second = Run(tmp_path / "second")
    train(
        second, RunRecord(shape, still, data, "none", init=str(first.weights_file)), CPU, lambda *_: None, lambda: False
    )
    before, after = load_networks(first.weights_file), load_networks(second.weights_file)
    for ours, theirs in zip(before, after, strict=True):
        assert ours is not None
        assert theirs is not None
        assert all(torch.equal(ours.state_dict()[name], theirs.state_dict()[name]) for name in ours.state_dict())

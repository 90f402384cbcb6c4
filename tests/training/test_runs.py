"""A run's folder is an agreement with every run that was ever begun: what it holds is read by all later code."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from drawn_pairs import write_pairs
from tiny_runs import CPU, go

from most_sketch.checkpoints.weights import load_weights
from most_sketch.training.runs import Run
from most_sketch.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("one_thread")

BEGUN = Path(__file__).parent / "begun_before_the_rooms"
"""Two steps of four, done by the code of commit 2e51315, in which the package was one folder of modules."""
FIGURES = {
    "adversarial": (0.527412, 0.544955),
    "reconstruction": (0.784297, 0.787000),
    "memory_refinement": (0.818434, 0.835407),
    "total": (165.57106, 166.299072),
    "discriminator": (0.726816, 0.719189),
}
"""What the code before the renaming found in the other two steps, with `feature_matching=0`, which is gone now."""


def test_a_run_begun_before_the_rooms_goes_on_as_it_would_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for style in ("ink", "chalk"):
        write_pairs(tmp_path / style, ["a", "b", "c"])
    shutil.copytree(BEGUN, tmp_path / "run")
    (tmp_path / "run" / "sheets").mkdir()
    monkeypatch.chdir(tmp_path)
    run = Run(tmp_path / "run")
    told: list[str] = []
    steps, final = go(run, notify=told.append)
    assert [line.partition(",")[0] for line in told] == ["the run was begun with feature_matching"]
    assert {name: tuple(step[name] for step in steps) for name in FIGURES} == {
        name: pytest.approx(values, rel=1e-3) for name, values in FIGURES.items()
    }
    assert set(final) >= {"validation_l1", "validation_ssim", "validation_fsim"}
    assert run.state()["step"] == 4
    assert load_weights(run.weights_file).config == run.record().model


def test_the_training_state_is_what_it_was_in_plain_containers() -> None:
    run = Run(BEGUN)
    state = run.state()
    assert state.keys() >= {"model", "discriminator", "ema"}
    trainer = Trainer(run.record().model, run.record().train, None, CPU)
    trainer.restore(state)
    torch.testing.assert_close(trainer.state(), state, rtol=0, atol=0)
    assert {type(value) for value in leaves(trainer.state())} <= {torch.Tensor, int, float, bool, type(None)}


def leaves(value: object) -> Iterator[object]:
    """All that is in containers, which are dicts, lists and tuples."""
    if isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            yield from leaves(item)
    else:
        yield value

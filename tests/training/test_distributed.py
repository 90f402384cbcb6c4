"""Training on several ranks: two gloo processes do what one does, end alike, resume as one, and never hang."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from drawn_pairs import write_pairs

from most_sketch.training.runs import Run

SETTINGS = {"channels": 8, "stem_channels": 8, "slots": 8, "injection_channels": 8, "discriminator_channels": 4}
PATIENCE = 120

CLOSE = 0.05
"""Of two runs that are alike but for rounding: how far apart they end, as a share of the way that they have come."""

RECORDER = """
import sys, torch, most_sketch.training.loop as training
from most_sketch.cli import main
from most_sketch.distribution import average, rank

def record(name, values):
    torch.save(values, f"{sys.argv[sys.argv.index('--out') + 1]}.rank{rank()}.{name}")

class Recorder(training.Trainer):
    def train_step(self, *batch, **how):
        if self.step == 0:
            record("begun", self.state())
        scores = super().train_step(*batch, **how)
        if self.step == self.config.steps:
            record("ended", self.state())
            figures = {"ink": torch.tensor(1.0 + rank()), "chalk": torch.tensor(10.0 + rank())}
            names = sorted(figures, reverse=rank() == 0)
            record("average", average({name: figures[name] for name in names}))
        return scores

training.Trainer = Recorder
main()
"""


def launch(folder: Path, ranks: int, *arguments: str, script: str | None = None) -> subprocess.Popen[str]:
    """`most-sketch train --out folder/run` on so many ranks."""
    program = ["-m", "most_sketch"]
    if script is not None:
        (folder / "recorder.py").write_text(script)
        program = [str(folder / "recorder.py")]
    if ranks > 1:
        start = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks)]
        program = [*start, *program]
    return subprocess.Popen(
        [sys.executable, *program, "train", "--device", "cpu", *arguments],
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def options(values: dict[str, Any], *, steps: int) -> list[str]:
    items = [option for name, value in values.items() for option in ("--set", f"{name}={value}")]
    return [*items, "--perceptual", "none", "--steps", str(steps), "--batch-size", "4"]


def styles(folder: Path) -> list[str]:
    for name in ("ink", "chalk"):
        write_pairs(folder / name, [f"{name}{place}" for place in range(4)])
    return ["--data", "ink=ink", "--data", "chalk=chalk"]


def children(process: subprocess.Popen[str]) -> list[int]:
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return [int(pid) for pid in listed.read_text().split()] if listed.exists() else []


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_killed_rank_ends_the_other(tmp_path: Path) -> None:
    arguments = [*styles(tmp_path), *options(SETTINGS, steps=10**6)]
    process = launch(tmp_path, 2, "--out", "run", *arguments)
    until = time.monotonic() + PATIENCE
    while not (tmp_path / "run" / "log.jsonl").exists() and time.monotonic() < until:
        time.sleep(0.1)
    workers = children(process)
    assert len(workers) == 2
    os.kill(workers[1], signal.SIGKILL)
    process.communicate(timeout=PATIENCE)
    assert process.returncode != 0
    assert not any(Path(f"/proc/{worker}").exists() for worker in workers)


def test_two_ranks_do_what_one_does_and_end_bit_for_bit_alike(tmp_path: Path) -> None:
    data = styles(tmp_path)
    for ranks in (1, 2):
        arguments = [*data, *options(SETTINGS | {"reseed_after": 2}, steps=4)]
        process = launch(tmp_path, ranks, "--out", f"run{ranks}", *arguments, script=RECORDER)
        errors = process.communicate(timeout=PATIENCE)[1]
        assert process.returncode == 0, errors

    def recorded(run: str, name: str) -> dict[str, Any]:
        values: dict[str, Any] = torch.load(tmp_path / f"{run}.{name}")
        return values

    begun = recorded("run1.rank0", "begun")
    alone, first, second = (recorded(run, "ended") for run in ("run1.rank0", "run2.rank0", "run2.rank1"))
    for part in ("model", "discriminator", "generator_optimiser", "discriminator_optimiser"):
        torch.testing.assert_close(first[part], second[part], rtol=0, atol=0)
    # Rounding apart: a mean of two means is not the mean of four, to the last bit, and Adam makes whole steps of
    # gradients that are nearly nothing. So how far apart they end is compared with how far they have come.
    for part in ("model", "discriminator"):
        start, one, two = (
            torch.cat([tensor.flatten() for tensor in state[part].values() if tensor.is_floating_point()])
            for state in (begun, alone, first)
        )
        assert (two - one).norm() < CLOSE * (one - start).norm()
    assert first["model"]["generator.memory.started"].all()
    for rank in (0, 1):
        assert recorded(f"run2.rank{rank}", "average") == {"ink": 1.5, "chalk": 10.5}


def test_a_stopped_run_of_two_ranks_is_resumed_by_one(tmp_path: Path) -> None:
    arguments = [*styles(tmp_path), *options(SETTINGS, steps=10**6)]
    process = launch(tmp_path, 2, "--out", "run", *arguments)
    run = Run(tmp_path / "run")
    until = time.monotonic() + PATIENCE
    while not run.log_file.exists() and time.monotonic() < until:
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    assert "--resume" in process.communicate(timeout=PATIENCE)[1]
    before = run.state()["step"]
    assert before >= 10
    alone = launch(tmp_path, 1, "--out", "run", "--resume", "--save-every", "1")
    while run.state()["step"] < before + 2 and time.monotonic() < until + PATIENCE:
        time.sleep(0.2)
    alone.send_signal(signal.SIGTERM)
    alone.communicate(timeout=PATIENCE)
    assert alone.returncode == 130
    assert run.state()["step"] >= before + 2


def test_a_batch_that_cannot_be_shared_is_refused(tmp_path: Path) -> None:
    process = launch(tmp_path, 2, "--out", "run", *styles(tmp_path), *options(SETTINGS, steps=2)[:-1], "3")
    assert "a batch of 3 cannot be shared evenly by 2 ranks" in process.communicate(timeout=PATIENCE)[1]
    assert process.returncode != 0
    assert not (tmp_path / "run").exists()


def test_a_folder_that_is_taken_is_told_on_all_ranks(tmp_path: Path) -> None:
    """Not by a rank that waits in vain for the first."""
    arguments = [*styles(tmp_path), *options(SETTINGS, steps=2)]
    Run(tmp_path / "run").folder.mkdir()
    Run(tmp_path / "run").record_file.write_text("{}")
    process = launch(tmp_path, 2, "--out", "run", *arguments)
    told = process.communicate(timeout=PATIENCE)[1]
    assert process.returncode != 0
    assert told.count("most-sketch: error:") == 2
    assert told.count("--resume") == 2
    # What torchrun says itself of processes that failed is no error of theirs.
    assert "gloo" not in told.lower()
    assert "connection" not in told.lower()

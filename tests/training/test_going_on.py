"""Nothing of a run is guessed: what is missing is made, what changed is said, and one process trains it at a time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from conftest import Command
from drawn_pairs import draw_pair, write_pairs
from tiny_runs import CPU, SHORT, TINY, begin, go

from most_sketch.checkpoints.weights import load_weights
from most_sketch.errors import InputError
from most_sketch.evaluation.metrics import Metrics
from most_sketch.training.config import Keep
from most_sketch.training.loop import train
from most_sketch.training.run_report import curves_of
from most_sketch.training.runs import Run, RunRecord, waited
from most_sketch.training.trainer import Trainer
from most_sketch.training.warm_start import warm_start

pytestmark = pytest.mark.usefixtures("one_thread")

NAMES = ["a", "b", "c", "d"]
SMALL = [
    option for name in ("channels", "stem_channels", "slots", "injection_channels") for option in ("--set", f"{name}=8")
]
FAST = ["--perceptual", "none", "--batch-size", "1", "--device", "cpu", "--precision", "fp32", *SMALL]


@pytest.fixture
def data(tmp_path: Path) -> dict[str, Path]:
    return {"ink": write_pairs(tmp_path / "data", NAMES)}


@pytest.fixture
def finished(tmp_path: Path, data: dict[str, Path]) -> Run:
    run = begin(tmp_path / "run", data, replace(SHORT, steps=2))
    go(run)
    return run


@pytest.mark.parametrize(
    "kill",
    [
        lambda run: run.weights_file.unlink(),
        lambda run: os.utime(run.weights_file, ns=(0, 0)),
        lambda run: run.log_file.unlink(),
        lambda run: run.report_file.unlink(),
    ],
    ids=["no weights", "old weights", "no scores", "no report"],
)
def test_what_a_finished_run_is_missing_is_made(finished: Run, kill: Callable[[Run], None]) -> None:
    weights, (_, scores) = finished.weights_file.read_bytes(), go(finished)
    assert set(scores) == {"validation_l1", "validation_ssim", "validation_fsim"}
    if kill is not None:
        kill(finished)
    steps, final = go(finished)
    assert steps == []
    assert final == scores
    assert finished.weights_file.read_bytes() == weights
    assert not finished.weights_are_old()
    assert finished.report_file.exists()
    assert [line["step"] for line in finished.read_log() if "validation_fsim" in line] == [2]


def test_two_processes_do_not_train_one_run_and_a_killed_one_keeps_no_lock(
    tmp_path: Path, data: dict[str, Path]
) -> None:
    run = begin(tmp_path / "run", data)
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time; from pathlib import Path; from most_sketch.training.runs import Run\n"
            "with Run(Path(sys.argv[1])).alone():\n    print('locked', flush=True)\n    time.sleep(600)",
            str(run.folder),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "locked\n"
    before = sorted(path.name for path in run.folder.iterdir())
    with pytest.raises(InputError, match=f"is being trained by process {holder.pid}"):
        go(run)
    assert sorted(path.name for path in run.folder.iterdir()) == before
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    go(run, stop_after=1)
    assert run.state()["step"] == 1


def test_pairs_that_changed_since_are_named(data: dict[str, Path], finished: Run) -> None:
    draw_pair(9)[1].save(data["ink"] / "sketches" / "b.png")
    # The first is held out.
    for folder in ("photos", "sketches"):
        (data["ink"] / folder / "c.png").write_bytes((data["ink"] / folder / "a.png").read_bytes())
    told: list[str] = []
    go(finished, notify=told.append)
    assert "style ink: pairs are others than when the run began: photos/b, photos/c" in told
    assert "style ink: trained on copies of held-out pairs (in brackets): photos/c (photos/a)" in told


def test_pictures_that_are_stored_otherwise_have_not_changed(data: dict[str, Path], finished: Run) -> None:
    path = data["ink"] / "photos" / "b.png"
    draw_pair(1)[0].save(path.with_suffix(".bmp"))
    path.unlink()
    told: list[str] = []
    go(finished, notify=told.append)
    assert told == []


def test_lines_of_the_log_that_cannot_be_read_are_skipped(tmp_path: Path, data: dict[str, Path]) -> None:
    run = begin(tmp_path / "run", data, replace(SHORT, steps=20))
    tenth = replace(CPU, log_every=10)
    go(run, stop_after=10, execution=tenth)
    with run.log_file.open("a") as file:
        file.write("\n\0\0\0\0\nnull\n[1]\n")
    go(run, execution=tenth)
    assert [line["step"] for line in run.read_log()] == [10, 20, 20]


def test_the_log_has_time_rate_and_learning_rate_which_are_no_losses(tmp_path: Path, data: dict[str, Path]) -> None:
    run = begin(tmp_path / "run", data, replace(SHORT, decay_from=0.0))
    go(run, execution=replace(CPU, log_every=10))
    line = run.read_log()[0]
    assert line["learning_rate"] == pytest.approx(SHORT.generator_rate / SHORT.steps)
    assert abs(line["time"] - time.time()) < 600
    assert line["pairs_a_second"] > 0
    titles = {curve.title for curve in curves_of(run.read_log())}
    assert "learning rate" in titles
    assert not {"time", "pairs a second"} & titles


@pytest.mark.usefixtures("data")
def test_a_hang_up_of_the_terminal_saves(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "most_sketch", "train", "--data", "data", "--out", "run", *FAST, "--steps", "100000"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    run = Run(tmp_path / "run")
    until = time.monotonic() + 120
    while not run.log_file.exists() and time.monotonic() < until:
        time.sleep(0.05)
    process.send_signal(signal.SIGHUP)
    assert "Stopped and saved" in process.communicate(timeout=120)[1]
    assert process.returncode == 130
    assert run.state()["step"] >= 10


def test_how_much_of_a_network_another_fits_is_said(tmp_path: Path, data: dict[str, Path], finished: Run) -> None:
    same = Trainer(replace(TINY, styles=("ink",)), SHORT, None, CPU)
    assert warm_start(same, str(finished.folder)) == ""
    wider = Trainer(replace(TINY, styles=("ink",), injection_channels=16), SHORT, None, CPU)
    said = warm_start(wider, str(finished.folder))
    total = len(wider.model.state_dict())
    ours, theirs = wider.model.state_dict(), same.model.state_dict()
    fitting = sum(ours[name].shape == theirs[name].shape for name in ours)
    assert 0 < fitting < total
    assert f"{fitting} of {total} tensors" in said
    told: list[str] = []
    record = RunRecord(
        replace(TINY, styles=("ink",), injection_channels=16), SHORT, data, "none", init=str(finished.folder)
    )
    train(Run(tmp_path / "second"), record, CPU, lambda *_: None, lambda: True, told.append)
    assert said in told


def test_a_finished_run_goes_on_for_more_steps(command: Command, tmp_path: Path, data: dict[str, Path]) -> None:
    out = tmp_path / "run"
    assert command("train", "--data", data["ink"], "--out", out, "--steps", "2", *FAST).code == 0
    run = Run(out)
    moment = next(iter(run.state()["generator_optimiser"]["state"].values()))
    answer = command("train", "--out", out, "--resume", "--steps", "1", "--device", "cpu")
    assert answer.code == 1
    assert "--steps 1: the run has done 2 already" in answer.err
    assert command("train", "--out", out, "--resume", "--steps", "4", "--device", "cpu").code == 0
    assert run.state()["step"] == run.record().train.steps == 4
    # The optimiser went on: its own count of steps is that of both parts.
    later = next(iter(run.state()["generator_optimiser"]["state"].values()))
    assert float(later["step"]) == float(moment["step"]) + 2 == 4


def test_the_best_and_the_last_weights_are_kept(tmp_path: Path, data: dict[str, Path]) -> None:
    run = begin(tmp_path / "run", data, replace(SHORT, steps=8))
    go(run, execution=replace(CPU, save_every=2, validate_every=2, keep=Keep.parse("best:fsim,last:2")))
    kept = sorted(path.name for path in run.folder.glob("weights-0*"))
    assert kept == ["weights-000006.safetensors", "weights-000008.safetensors"]
    assert (run.folder / kept[1]).read_bytes() == run.weights_file.read_bytes()
    scores = [line["validation_fsim"] for line in run.read_log() if "validation_fsim" in line]
    assert len(scores) == 4
    best = load_weights(run.best_file)
    newest = load_weights(run.weights_file)
    same = torch.equal(next(best.parameters()), next(newest.parameters()))
    assert same == (max(scores) == scores[-1])


def test_the_best_by_lpips_are_those_of_which_it_is_least(
    tmp_path: Path, data: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = iter((0.5, 0.2, 0.4, 0.2))
    pretended = Metrics({"lpips_squeeze": lambda *_: torch.tensor([next(figures)])}, {})
    monkeypatch.setattr("most_sketch.training.loop.load_metrics", lambda *_, **__: pretended)
    run = begin(tmp_path / "run", data, replace(SHORT, steps=8))
    go(run, execution=replace(CPU, save_every=2, validate_every=2, keep=Keep.parse("best:lpips,last:4")))
    logged = [line["validation_lpips_squeeze"] for line in run.read_log() if "validation_l1" in line]
    assert logged == pytest.approx([0.5, 0.2, 0.4, 0.2])
    best = load_weights(run.best_file)
    same = {
        path.name
        for path in run.folder.glob("weights-0*")
        if torch.equal(next(best.parameters()), next(load_weights(path).parameters()))
    }
    assert same == {"weights-000004.safetensors"}


def test_a_score_that_cannot_be_computed_is_told_before_a_run_begins(
    command: Command, tmp_path: Path, data: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "no backbones"))
    options = ("--data", data["ink"], "--out", tmp_path / "run", "--steps", "1", *FAST, "--offline")
    answer = command("train", *options, "--keep", "best:lpips")
    assert answer.code == 1
    assert "--keep best: needs torchvision's SqueezeNet" in answer.err
    assert not (tmp_path / "run").exists()


def test_training_ends_after_validations_without_a_better_score(tmp_path: Path, data: dict[str, Path]) -> None:
    # Nothing is learnt at a rate of zero: the first validation stays the best.
    still = replace(SHORT, steps=100, generator_rate=0.0, discriminator_rate=0.0, memory_decay=1.0, ema_decay=1.0)
    run = begin(tmp_path / "run", data, still)
    told: list[str] = []
    steps, final = go(run, execution=replace(CPU, validate_every=2, keep=Keep(patience=3)), notify=told.append)
    assert len(steps) == 8
    assert run.state()["step"] == 8
    assert not run.weights_are_old()
    assert set(final) == {"validation_l1", "validation_ssim"}
    assert told == ["no better l1 in 3 validations: ended early"]


def test_what_to_keep_is_read_or_refused() -> None:
    assert Keep.parse("") == Keep()
    assert Keep.parse("best:lpips,last:3", 2) == Keep("lpips_squeeze", 3, 2)
    for wrong in ("best:beauty", "last:0", "last", "all"):
        with pytest.raises(InputError, match="--keep"):
            Keep.parse(wrong)
    log = [{"step": step, "validation_ssim": value} for step, value in enumerate((0.2, 0.5, 0.5, 0.4))]
    assert waited(log, "ssim") == 2
    assert waited(log[:2], "ssim") == 0
    assert waited([{"validation_l1": value} for value in (0.3, 0.2, 0.1)], "l1") == 0
    assert waited([], "l1") == 0


def test_a_given_split_is_kept(command: Command, tmp_path: Path, data: dict[str, Path]) -> None:
    listed = tmp_path / "train.txt"
    listed.write_text("a.jpg\nc\n# a remark\n\n")
    out = tmp_path / "run"
    options = ("--data", data["ink"], "--steps", "1", *FAST, "--train-list", listed)
    assert command("train", "--out", out, *options).code == 0
    names = Run(out).pairs()["pencil"]
    assert names.training == ["photos/a", "photos/c"]
    assert names.held_out == ["photos/b", "photos/d"]
    listed.write_text("a\nnobody\n")
    answer = command("train", "--out", tmp_path / "other", *options)
    assert answer.code == 1
    assert "--train-list: no pairs have these names: nobody" in answer.err
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--data", "all=DATA"), "all means every style"),
        (("--data", "DATA", "--set", "ema_decay=much"), "--set ema_decay=much"),
        (("--data", "DATA", "--keep", "best:beauty"), "--keep best:beauty"),
    ],
)
def test_options_that_mean_nothing_are_refused(
    command: Command, tmp_path: Path, data: dict[str, Path], options: tuple[str, ...], said: str
) -> None:
    given = [option.replace("DATA", str(data["ink"])) for option in options]
    answer = command("train", "--out", tmp_path / "run", "--steps", "1", *FAST, *given)
    assert answer.code == 1
    assert said in answer.err
    assert not (tmp_path / "run").exists()


def test_numbers_may_be_written_as_people_do(command: Command, tmp_path: Path, data: dict[str, Path]) -> None:
    options = ("--data", data["ink"], "--out", tmp_path / "run", "--steps", "1", *FAST, "--set", "ema_decay=.9")
    assert command("train", *options).code == 0
    assert Run(tmp_path / "run").record().train.ema_decay == 0.9

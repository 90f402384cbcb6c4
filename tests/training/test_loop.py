"""Training as a whole: it learns, resumes bit for bit, trains several styles, and stops cleanly."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from drawn_pairs import SIZE, write_pairs
from PIL import Image
from safetensors.torch import load_file
from tiny_runs import CPU, SHORT, TINY, begin, figures_in, go

from most_sketch.checkpoints.weights import load_weights
from most_sketch.cli import app, main
from most_sketch.errors import InputError
from most_sketch.network.config import ModelConfig
from most_sketch.pairs.pairs import find_pairs, load_pair
from most_sketch.training.config import LossWeights
from most_sketch.training.loop import train, workers_for
from most_sketch.training.runs import Run, RunRecord

pytestmark = pytest.mark.usefixtures("one_thread")

LABEL = 16
"""Height of the labels on a sheet of so small pictures."""


def test_ten_steps_equal_five_and_five_bit_for_bit(tmp_path: Path, backbone_file: Path) -> None:
    data = {"pencil": write_pairs(tmp_path / "data", [f"{i:02}" for i in range(7)])}
    config = replace(SHORT, perceptual_crop=32, reseed_after=2)
    whole = begin(tmp_path / "whole", data, config, str(backbone_file))
    halves = begin(tmp_path / "halves", data, config, str(backbone_file))
    straight, _ = go(whole)
    first, _ = go(halves, stop_after=5)
    assert len(first) == 5
    second, _ = go(halves)
    assert first + second == straight
    ours, theirs = whole.load_state(), halves.load_state()
    torch.testing.assert_close(ours, theirs, rtol=0, atol=0)
    assert whole.weights_file.read_bytes() == halves.weights_file.read_bytes()
    assert figures_in(whole) == figures_in(halves)


def test_loading_processes_change_nothing_nor_does_resuming_with_another_number(tmp_path: Path) -> None:
    data = {"pencil": write_pairs(tmp_path / "data", [f"{i:02}" for i in range(5)])}
    config = replace(SHORT, steps=4, noise=0.5, rotate=3)
    alone, helped = (begin(tmp_path / name, data, config) for name in ("alone", "helped"))
    straight, _ = go(alone)
    two = replace(CPU, workers=2)
    assert go(helped, stop_after=2, execution=two)[0] + go(helped, execution=replace(CPU, workers=1))[0] == straight
    assert helped.weights_file.read_bytes() == alone.weights_file.read_bytes()


def test_a_gpu_is_fed_by_one_process_a_core_but_the_trainings_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    cuda = torch.device("cuda")
    for cores, workers in ((2, 0), (4, 3), (64, 16)):
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        assert workers_for(cuda) == workers
        assert workers_for(torch.device("cpu")) == 0
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "8")
    assert workers_for(cuda) == 7


def test_the_seed_decides_all(tmp_path: Path) -> None:
    data = {"pencil": write_pairs(tmp_path / "data", ["a", "b", "c", "d"])}
    figures = [
        go(begin(tmp_path / name, data, replace(SHORT, steps=2, seed=seed)))[0]
        for name, seed in (("x", 1), ("y", 1), ("z", 2))
    ]
    assert figures[0] == figures[1] != figures[2]


def test_it_learns_one_pair_and_the_memory_comes_to_agree(tmp_path: Path) -> None:
    data = {"pencil": write_pairs(tmp_path / "data", ["only"])}
    config = replace(SHORT, steps=160, batch_size=1, hold_out=0, flip=False, shift=0, tone=0, generator_rate=2e-3)
    steps, _ = go(begin(tmp_path / "run", data, config))
    assert steps[0]["reconstruction"] > 0.3
    assert steps[-1]["reconstruction"] < 0.08
    assert steps[0]["disagreement"] > 0.2
    assert max(step["disagreement"] for step in steps[-10:]) < 0.05
    photo, truth = load_pair(find_pairs(data["pencil"])[0])
    drawn = load_weights(tmp_path / "run" / "weights.safetensors")(photo[None], torch.tensor([0]))
    assert (drawn[0] - truth).abs().mean() < 0.08


def test_the_baseline_trains_and_resumes_in_the_same_loop(tmp_path: Path) -> None:
    data = {"pencil": write_pairs(tmp_path / "data", ["a", "b", "c"])}
    model = ModelConfig(architecture="pix2pix", stem_channels=4)
    weights = LossWeights(adversarial=1, reconstruction=100, style=0, content=0, memory_refinement=0)
    record = RunRecord(model, replace(SHORT, steps=4, losses=weights), data, "none")
    whole, halves = Run(tmp_path / "whole"), Run(tmp_path / "halves")
    for run in (whole, halves):
        run.begin(record)
    straight, _ = go(whole)
    assert go(halves, stop_after=2)[0] + go(halves)[0] == straight
    assert straight[-1].keys() == {"adversarial", "reconstruction", "total", "discriminator"}
    drawn = load_weights(whole.weights_file)
    assert drawn.config == model
    assert drawn(torch.rand(1, 3, 48, 40), torch.tensor([0])).shape == (1, 1, 48, 40)


def test_styles_train_together_with_a_memory_each(tmp_path: Path) -> None:
    data = {name: write_pairs(tmp_path / name, ["a", "b", "c"]) for name in ("pencil", "ink")}
    _, final = go(begin(tmp_path / "run", data, replace(SHORT, steps=4)))
    assert set(final) == {"validation_l1", "validation_ssim", "validation_fsim", "validation_style_difference"}
    # Two networks that began at random draw alike nowhere.
    assert final["validation_style_difference"] > 0
    weights = load_weights(tmp_path / "run" / "weights.safetensors")
    assert weights.config.styles == ("pencil", "ink")
    keys = load_file(tmp_path / "run" / "weights.safetensors")["memory.keys"]
    assert not torch.allclose(keys[0], keys[1])


def test_the_folder_holds_log_and_sheets_that_can_be_read(tmp_path: Path) -> None:
    data = {"pencil": write_pairs(tmp_path / "data", [f"{i:02}" for i in range(12)])}
    run = begin(tmp_path / "run", data)
    go(run, execution=replace(CPU, validate_every=5, log_every=10))
    lines = [json.loads(line) for line in run.log_file.read_text().splitlines()]
    assert [line["step"] for line in lines] == [5, 10, 10]
    assert {"adversarial", "reconstruction", "memory_refinement", "discriminator", "disagreement"} <= lines[1].keys()
    assert 0 < lines[2]["validation_ssim"] < 1
    sheets = sorted((run.folder / "sheets").iterdir())
    assert [sheet.name for sheet in sheets] == ["000005.png", "000010.png"]
    with Image.open(sheets[0]) as sheet:  # two held-out pairs, each a photo, a sketch and the truth, under labels
        assert sheet.size == (2 * 3 * SIZE[0] + 4, SIZE[1] + LABEL)
        places = [(left, LABEL, left + SIZE[0], LABEL + SIZE[1]) for left in (0, 2 * SIZE[0])]
        shown = [sheet.crop(place) for place in places]
    with (
        Image.open(data["pencil"] / "photos" / "00.png") as photo,
        Image.open(data["pencil"] / "sketches" / "00.png") as truth,
    ):
        assert [picture.tobytes() for picture in shown] == [photo.tobytes(), truth.convert("RGB").tobytes()]


def test_log_lines_after_the_last_checkpoint_are_not_kept_twice(tmp_path: Path) -> None:
    data = {"pencil": write_pairs(tmp_path / "data", ["a", "b"])}
    run = begin(tmp_path / "run", data, replace(SHORT, steps=20))
    tenth = replace(CPU, log_every=10)
    go(run, stop_after=10, execution=tenth)
    run.log(17, {"total": 1.0})
    with run.log_file.open("a") as file:
        file.write('{"step": 18, "tot')
    go(run, execution=tenth)
    assert [json.loads(line)["step"] for line in run.log_file.read_text().splitlines()] == [10, 20, 20]


def test_a_run_is_never_overwritten_and_a_missing_one_not_resumed(tmp_path: Path) -> None:
    data = {"pencil": write_pairs(tmp_path / "data", ["a", "b"])}
    begin(tmp_path / "run", data)
    with pytest.raises(InputError, match="holds a run already"):
        begin(tmp_path / "run", data)
    with pytest.raises(InputError, match="no run to resume"):
        Run(tmp_path / "other").record()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "x"], "--data is missing"),
        (["--out", "x", "--data", "nowhere"], "nowhere: no such folder"),
        (["--out", "x", "--data", "data", "--data", "data"], "each needs a style name"),
        (["--out", "x", "--data", "data", "--set", "colour=1"], "no setting is named 'colour'"),
        (["--out", "x", "--data", "data", "--set", "slots=many"], "--set slots=many"),
        (["--out", "x", "--data", "data", "--perceptual", "nowhere"], "--perceptual nowhere: no such file"),
        (["--out", "x", "--data", "data", "--model", "gan"], "--model gan: there are ours, paper, pix2pix, cyclegan"),
        (
            ["--out", "x", "--data", "a=data", "--data", "b=data", "--model", "pix2pix"],
            "pix2pix draws in one style only",
        ),
        (["--out", "x", "--data", "a=data", "--data", "b=data", "--model", "cyclegan"], "cyclegan draws in one style"),
        (["--out", "x", "--data", "data", "--set", 'styles=["a"]'], "--data NAME=DIR"),
        (
            ["--out", "x", "--data", "data", "--perceptual", "none", "--init", "data"],
            "nor the folder of a training run",
        ),
        (
            ["--out", "x", "--data", "data", "--perceptual", "none", "--init", "tiny.safetensors"],
            "no sketch encoder",
        ),
        (["--out", "x", "--data", "data", "--set", "episodes=0.5"], "no setting is named 'episodes'"),
        (["--out", "x", "--data", "data", "--perceptual", "none", "--set", "shares=[1,2]"], "for each of 1 styles"),
        (
            ["--out", "x", "--data", "data", "--perceptual", "none", "--set", "reduce=[1,2]"],
            "reduce: at most one",
        ),
        (["--out", "x", "--data", "data", "--perceptual", "none", "--set", "reduce=[0]"], "for each of 1 styles"),
        (["--out", "x", "--data", "data", "--set", "generator_rate=NaN"], "generator_rate"),
        (["--out", "x", "--data", "data", "--set", "style=Infinity"], "style"),
        (["--out", "x", "--data", "data", "--set", "style=-1"], "style must be a number from 0 up, not -1.0"),
        (["--out", "x", "--data", "data", "--set", f"style=1{'0' * 400}"], "style"),
        (["--out", "x", "--data", "data", "--set", "steps=0"], "steps must be from 1 up, not 0"),
        (["--out", "x", "--data", "data", "--set", "betas=[0.5]"], "betas must be two numbers below 1"),
        (["--out", "x", "--data", "data/photos"], "name the folder that holds both"),
        (["--out", "x", "--data", "tiny", "--perceptual", "none"], "16 pixels a side are too few to learn from"),
        (["--out", "x", "--data", "data", "--perceptual", "none", "--set", "shift=999"], "shift=999 is more than"),
        (["--out", "x", "--data", "data", "--perceptual", "vgg19", "--offline"], "no connection was made"),
        (["--out", "x", "--resume"], "no run to resume"),
        (["--out", "x", "--resume", "--batch-size", "5"], "only --out"),
    ],
)
def test_wrong_options_are_one_line_and_leave_nothing(
    tmp_path: Path,
    tiny_weights: Path,
    arguments: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copy(tiny_weights, tmp_path / "tiny.safetensors")
    write_pairs(tmp_path / "data", ["a", "b"])
    write_pairs(tmp_path / "tiny", ["a", "b"], (16, 16))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "empty-cache"))
    monkeypatch.setattr(sys, "argv", ["most-sketch", "train", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1
    assert not (tmp_path / "x").exists()


def test_matting_without_a_mask_to_learn_it_from_is_refused(tmp_path: Path) -> None:
    write_pairs(tmp_path / "ink", ["a", "b"])
    for path in (tmp_path / "ink" / "photos").iterdir():
        Image.new("RGB", Image.open(path).size, "navy").save(path)
    run = Run(tmp_path / "run")
    run.begin(RunRecord(replace(TINY, styles=("ink",), matting=True), SHORT, {"ink": tmp_path / "ink"}, "none"))
    with pytest.raises(InputError, match="learnt from masks"):
        go(run)


@pytest.mark.parametrize(("styles", "batch_size"), [(1, 2), (2, 1)])
def test_without_another_style_or_another_drawing_none_is_crossed(tmp_path: Path, styles: int, batch_size: int) -> None:
    data = {name: write_pairs(tmp_path / name, ["a", "b"]) for name in ("ink", "chalk")[:styles]}
    figures = [
        go(begin(tmp_path / name, data, replace(SHORT, steps=2, batch_size=batch_size, cross_style=share)))[0]
        for name, share in (("with", 0.5), ("without", 0.0))
    ]
    assert figures[0] == figures[1]


def test_sigterm_saves_and_resume_goes_on(tmp_path: Path) -> None:
    write_pairs(tmp_path / "data", ["a", "b", "c"])
    command = [sys.executable, "-m", "most_sketch", "train", "--out", "run"]
    settings = {"channels": 8, "stem_channels": 8, "slots": 8, "injection_channels": 8, "discriminator_channels": 4}
    options = [option for name, value in settings.items() for option in ("--set", f"{name}={value}")]
    options += ["--data", "data", "--perceptual", "none", "--steps", "100000", "--batch-size", "1"]
    process = subprocess.Popen([*command, *options], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    log = tmp_path / "run" / "log.jsonl"
    while not log.exists() and process.poll() is None:
        time.sleep(0.1)
    os.kill(process.pid, signal.SIGTERM)
    assert "--resume" in process.communicate(timeout=60)[1]
    assert process.returncode == 130
    run = Run(tmp_path / "run")
    state = run.load_state()
    assert state is not None
    assert state["step"] >= 10
    steps, _ = go(run, stop_after=1)
    assert len(steps) == 1
    again = run.load_state()
    assert again is not None
    assert again["step"] == state["step"] + 1


def test_pairs_in_a_large_frame_are_learnt_in_squares_and_at_their_detail(tmp_path: Path) -> None:
    """Two styles of 96 x 120, one compared at half the size: training takes squares and still draws whole frames."""
    data = {name: write_pairs(tmp_path / name, ["a", "b"], (96, 120)) for name in ("pencil", "ink")}
    config = replace(SHORT, steps=3, crop=80, reduce=(1, 2), cross_style=0.3)
    model = replace(TINY, styles=tuple(data), feature_stride=8)
    run = Run(tmp_path / "run")
    train(run, RunRecord(model, config, data, "none"), CPU, lambda *_: None, lambda: False)
    assert Image.open(run.folder / "sheets" / "000003.png").size[1] >= 120


def test_a_run_remembers_the_frame_of_its_pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {(200, 250): 250, (240, 300): 300, (240, 301): None, (40, 50): None}
    for number, (size, height) in enumerate(sizes.items()):
        folder, out = write_pairs(tmp_path / f"data{number}", ["a"], size), tmp_path / f"run{number}"
        options = ["--data", str(folder), "--perceptual", "none", "--steps", "1", "--batch-size", "1"]
        small = [item for name in ("channels", "stem_channels", "slots") for item in ("--set", f"{name}=4")]
        argv = ["most-sketch", "train", *options, *small, "--set", "hold_out=0", "--set", "crop=32", "--out", str(out)]
        monkeypatch.setattr(sys, "argv", argv)
        with pytest.raises(SystemExit):
            main()
        assert Run(out).record().model.frame_height == height


def test_a_broken_held_out_pair_is_told_before_the_first_step(tmp_path: Path) -> None:
    data = write_pairs(tmp_path / "data", ["a", "b", "c"])
    (data / "sketches" / "a.png").write_bytes(b"broken")
    run = Run(tmp_path / "run")
    record = RunRecord(replace(TINY, styles=("ink",)), SHORT, {"ink": data}, "none")
    with pytest.raises(InputError, match=r"a\.png: not a picture"):
        train(run, record, CPU, lambda *_: None, lambda: False)
    assert not run.exists


def test_the_state_is_there_when_validation_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = begin(tmp_path / "run", {"ink": write_pairs(tmp_path / "data", ["a", "b"])}, replace(SHORT, steps=1))

    def fails(*_: object) -> None:
        raise InputError("no more room for the sheet")

    monkeypatch.setattr("most_sketch.training.loop.validate", fails)
    with pytest.raises(InputError, match="no more room"):
        go(run)
    assert run.state()["step"] == 1
    assert load_weights(run.weights_file).config.styles == ("ink",)


def test_a_full_disk_at_a_checkpoint_is_one_line_and_leaves_the_state_before(tmp_path: Path) -> None:
    data = {"pencil": write_pairs(tmp_path / "data", ["a", "b", "c"])}
    run = begin(tmp_path / "run", data)
    go(run, stop_after=2)
    before = run.state_file.read_bytes()
    # As a disk that is full when most of the state is written.
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, limit[1]))
    try:
        with pytest.raises(InputError, match=r"state\.pt: cannot be written \(File too large\)"):
            go(run)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, ignored)
    assert run.state_file.read_bytes() == before
    assert not list(run.folder.glob(".most-sketch-*"))


def test_brackets_in_a_folder_are_no_markup(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, out = write_pairs(tmp_path / "data", ["a", "b"]), tmp_path / "[bold]run[/nothing]"
    small = ["--set", "channels=8", "--set", "stem_channels=8", "--set", "slots=8", "--set", "injection_channels=8"]
    options = ["--perceptual", "none", "--steps", "1", "--batch-size", "1", "--device", "cpu", *small]
    app(["train", "--data", str(data), "--out", str(out), *options], standalone_mode=False)
    assert f"Weights: {out / 'weights.safetensors'}" in capsys.readouterr().err
    told = ["--out", str(out), "--resume", "--steps", "2", "--device", "cpu", "--json", "-q"]
    app(["train", *told], standalone_mode=False)
    answer = capsys.readouterr()
    assert answer.err == ""
    assert json.loads(answer.out)["outputs"] == [str(out / name) for name in ("weights.safetensors", "report.html")]

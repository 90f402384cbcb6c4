"""Training as a whole: it learns, resumes bit for bit, trains several styles, and stops cleanly."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from drawn_pairs import SIZE, write_pairs
from lpips import normalize_tensor
from PIL import Image
from safetensors.torch import load_file, save_file
from torchvision.models import vgg16

from most_sketch.checkpoints.weights import load_weights
from most_sketch.cli import main
from most_sketch.errors import InputError, MostSketchError, WeightsError
from most_sketch.network.config import ModelConfig
from most_sketch.pairs.pairs import find_pairs, load_pair
from most_sketch.training.config import LossWeights, TrainConfig
from most_sketch.training.loop import train
from most_sketch.training.perceptual import load_backbone
from most_sketch.training.runs import Run, RunRecord
from most_sketch.training.trainer import Execution, Scores, Trainer
from most_sketch.training.warm_start import begin_with

TINY = ModelConfig(channels=16, stem_channels=16, slots=16, injection_channels=8, encoder_blocks=1)
SHORT = TrainConfig(steps=10, batch_size=2, discriminator_channels=4)
CPU = Execution(torch.device("cpu"))


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def begin(folder: Path, data: dict[str, Path], config: TrainConfig = SHORT, perceptual: str = "none") -> Run:
    run = Run(folder)
    run.begin(RunRecord(replace(TINY, styles=tuple(data)), config, data, perceptual))
    return run


def go(run: Run, stop_after: int | None = None, execution: Execution = CPU) -> tuple[list[Scores], Scores]:
    """Train, stopping after so many steps. Returns the steps' figures and the final scores."""
    steps: list[Scores] = []

    def report(_: int, scores: Scores) -> None:
        if "total" in scores:
            steps.append(scores)

    final = train(run, None, execution, report, lambda: len(steps) == stop_after)
    return steps, final


def noise(*styles: int) -> tuple[torch.Tensor, ...]:
    """A batch of these styles with nothing in it: photo, target, style, matte."""
    count = len(styles)
    return (
        torch.rand(count, 3, 48, 40),
        torch.rand(count, 1, 48, 40),
        torch.tensor(styles),
        torch.ones(count, 1, 48, 40),
    )


@pytest.fixture(scope="module")
def backbone_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A VGG-16 with random weights, in the form that `--perceptual PATH` takes."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("backbone") / "vgg16.safetensors"
    state = vgg16(weights=None).features[:24].state_dict()
    save_file({f"features.{name}": tensor.half() for name, tensor in state.items()}, path)
    return path


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
    assert whole.log_file.read_text() == halves.log_file.read_text()


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
    assert set(final) == {"validation_l1", "validation_ssim", "validation_fsim"}
    weights = load_weights(tmp_path / "run" / "weights.safetensors")
    assert weights.config.styles == ("pencil", "ink")
    keys = load_file(tmp_path / "run" / "weights.safetensors")["memory.keys"]
    assert not torch.allclose(keys[0], keys[1])


def test_the_folder_holds_log_and_sheets_that_can_be_read(tmp_path: Path) -> None:
    data = {"pencil": write_pairs(tmp_path / "data", [f"{i:02}" for i in range(12)])}
    run = begin(tmp_path / "run", data)
    go(run, execution=replace(CPU, validate_every=5))
    lines = [json.loads(line) for line in run.log_file.read_text().splitlines()]
    assert [line["step"] for line in lines] == [5, 10, 10]
    assert {"adversarial", "reconstruction", "memory_refinement", "discriminator", "disagreement"} <= lines[1].keys()
    assert 0 < lines[2]["validation_ssim"] < 1
    sheets = sorted((run.folder / "sheets").iterdir())
    assert [sheet.name for sheet in sheets] == ["000005.png", "000010.png"]
    with Image.open(sheets[0]) as sheet:  # two held-out pairs, each a photo, a sketch and the truth
        assert sheet.size == (2 * 3 * SIZE[0] + 4, SIZE[1])
        shown = sheet.crop((0, 0, *SIZE)), sheet.crop((2 * SIZE[0], 0, 3 * SIZE[0], SIZE[1]))
    with (
        Image.open(data["pencil"] / "photos" / "00.png") as photo,
        Image.open(data["pencil"] / "sketches" / "00.png") as truth,
    ):
        assert [picture.tobytes() for picture in shown] == [photo.tobytes(), truth.convert("RGB").tobytes()]


def test_log_lines_after_the_last_checkpoint_are_not_kept_twice(tmp_path: Path) -> None:
    data = {"pencil": write_pairs(tmp_path / "data", ["a", "b"])}
    run = begin(tmp_path / "run", data, replace(SHORT, steps=20))
    go(run, stop_after=10)
    run.log(17, {"total": 1.0})
    with run.log_file.open("a") as file:
        file.write('{"step": 18, "tot')
    go(run)
    assert [json.loads(line)["step"] for line in run.log_file.read_text().splitlines()] == [10, 20, 20]


def test_losses_are_weighted_as_eq_16_says(tmp_path: Path, backbone_file: Path) -> None:
    data = {"pencil": write_pairs(tmp_path / "data", ["a", "b"])}
    weights = LossWeights()
    steps, _ = go(begin(tmp_path / "run", data, replace(SHORT, steps=1), str(backbone_file)))
    terms = {
        name: steps[0][name] for name in ("adversarial", "reconstruction", "style", "content", "memory_refinement")
    }
    assert steps[0]["total"] == pytest.approx(
        sum(getattr(weights, name) * term for name, term in terms.items()), rel=1e-5
    )


def test_gradients_reach_both_encoders_and_never_the_backbone(backbone_file: Path) -> None:
    backbone = load_backbone(str(backbone_file))
    assert backbone is not None
    trainer = Trainer(TINY, SHORT, backbone, CPU)
    before = {name: value.clone() for name, value in trainer.artist.named_parameters()}
    frozen = [parameter.clone() for parameter in backbone.parameters()]
    trainer.train_step(*noise(0, 0))
    moved = {name for name, value in trainer.artist.named_parameters() if not torch.equal(value, before[name])}
    assert moved == before.keys()
    assert any(name.startswith("sketch_encoder.") for name in moved)
    assert all(torch.equal(old, new) for old, new in zip(frozen, backbone.parameters(), strict=True))


def test_each_layer_is_scaled_by_its_own_size(backbone_file: Path) -> None:
    backbone = load_backbone(str(backbone_file))
    assert backbone is not None
    sketches = torch.rand(3, 1, 48, 48)
    backbone.calibrate(sketches)
    assert [layer.mean().item() for layer in backbone(sketches)] == pytest.approx([1, 1, 1], rel=1e-4)
    assert [layer.shape[-1] for layer in backbone(sketches)] == [24, 12, 3]


def test_unit_features_are_compared_as_lpips_compares_them(backbone_file: Path) -> None:
    plain, unit = (load_backbone(str(backbone_file), unit_features=choice) for choice in (False, True))
    assert plain is not None
    assert unit is not None
    sketches = torch.rand(2, 1, 48, 48)
    for whole, direction in zip(plain(sketches), unit(sketches), strict=True):
        channels = whole.shape[1]
        squares = (normalize_tensor(whole[:1]) - normalize_tensor(whole[1:])).square().sum(dim=1).mean()
        ours = (direction[0] - direction[1]).square().mean()
        assert ours.item() == pytest.approx(squares.item(), rel=1e-2)
        assert direction.square().sum(dim=1).max().item() == pytest.approx(channels, rel=1e-2)


def test_a_step_in_bfloat16_keeps_the_memory_in_float32() -> None:
    trainer = Trainer(TINY, SHORT, None, replace(CPU, precision=torch.bfloat16))
    scores = trainer.train_step(*noise(0, 0))
    memory_keys = trainer.artist.get_buffer("generator.memory.keys")
    assert memory_keys.dtype == torch.float32
    assert 0 < scores["total"] < 1e4


def test_a_loss_that_is_not_finite_ends_the_run_with_advice() -> None:
    trainer = Trainer(TINY, SHORT, None, CPU)
    with pytest.raises(MostSketchError, match="no longer finite at step 1; resume"):
        trainer.train_step(torch.full((1, 3, 48, 40), torch.nan), *noise(0)[1:])


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
        (["--out", "x", "--data", "data", "--model", "gan"], "--model gan: there are ours, paper, pix2pix"),
        (["--out", "x", "--data", "a=data", "--data", "b=data", "--model", "pix2pix"], "one style only"),
        (["--out", "x", "--data", "data", "--set", 'styles=["a"]'], "--data NAME=DIR"),
        (
            ["--out", "x", "--data", "data", "--perceptual", "none", "--init", "data"],
            "nor the folder of a training run",
        ),
        (["--out", "x", "--data", "data", "--perceptual", "none", "--init", "most-net"], "add --set fixed_memory=true"),
        (["--out", "x", "--data", "data", "--perceptual", "none", "--set", "fixed_memory=true"], "give --init"),
        (["--out", "x", "--data", "data", "--perceptual", "none", "--set", "shares=[1,2]"], "for each of 1 styles"),
        (["--out", "x", "--resume"], "no run to resume"),
        (["--out", "x", "--resume", "--steps", "5"], "only --out"),
    ],
)
def test_wrong_options_are_one_line_and_leave_nothing(
    tmp_path: Path,
    arguments: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_pairs(tmp_path / "data", ["a", "b"])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["most-sketch", "train", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


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
    judges = [run.state()["discriminator"]["stages.1.0.weight"] for run in (first, second)]
    assert torch.equal(*judges)
    before, after, resumed = (run.state()["artist"] for run in (first, second, third))
    assert all(torch.equal(after[name], resumed[name]) for name in after)
    for name in ("sketch_encoder.blocks.0.conv1.weight", "generator.photo_encoder.stem.weight"):
        assert torch.equal(before[name], after[name])
    assert torch.equal(before["generator.memory.keys"][0], after["generator.memory.keys"][1])
    assert not torch.equal(before["generator.memory.keys"][0], after["generator.memory.keys"][0])
    assert (
        before["generator.renderer.decoder.output.weight"].shape
        != after["generator.renderer.decoder.output.weight"].shape
    )


def test_weights_to_draw_with_are_trained_on_with_their_memory_fixed(tmp_path: Path) -> None:
    data = {"ink": write_pairs(tmp_path / "ink", ["a", "b"])}
    first = begin(tmp_path / "first", data, replace(SHORT, steps=1))
    go(first)
    shape = replace(TINY, styles=("ink",))
    record = RunRecord(shape, replace(SHORT, steps=2, fixed_memory=True), data, "none", init=str(first.weights_file))
    second = Run(tmp_path / "second")
    train(second, record, CPU, lambda *_: None, lambda: False)
    before, after = load_weights(first.weights_file).state_dict(), load_weights(second.weights_file).state_dict()
    for name in ("memory.keys", "memory.values"):
        assert torch.equal(before[name], after[name])
    assert not torch.equal(before["photo_encoder.stem.weight"], after["photo_encoder.stem.weight"])
    begun = Trainer(shape, replace(SHORT, fixed_memory=True), None, CPU).artist.state_dict()
    assert torch.equal(begun["sketch_encoder.stem.weight"], second.state()["artist"]["sketch_encoder.stem.weight"])
    other = replace(record, model=replace(shape, styles=("chalk",)), data={"chalk": data["ink"]})
    with pytest.raises(WeightsError, match="which have ink only"):
        train(Run(tmp_path / "third"), other, CPU, lambda *_: None, lambda: False)
    assert not (tmp_path / "third").exists()


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
    begin_with(trainer, first.state()["artist"], {}, ("ink",))
    assert not trainer.artist.generator.memory.started.any()
    trainer = Trainer(replace(TINY, styles=("ink",)), SHORT, None, CPU)
    begin_with(trainer, first.state()["artist"], {}, ("ink",))
    assert trainer.artist.generator.memory.started.all()


def test_feature_matching_is_a_term_of_the_loss(tmp_path: Path) -> None:
    write_pairs(tmp_path / "ink", ["a", "b"])
    losses = LossWeights(feature_matching=20)
    steps, _ = go(begin(tmp_path / "run", {"ink": tmp_path / "ink"}, replace(SHORT, steps=2, losses=losses)))
    weighted = sum(getattr(losses, name) * value for name, value in steps[0].items() if hasattr(losses, name))
    assert steps[0]["feature_matching"] > 0
    assert steps[0]["total"] == pytest.approx(weighted, rel=1e-4)


def test_it_learns_to_tell_the_person_from_the_background() -> None:
    trainer = Trainer(replace(TINY, matting=True), replace(SHORT, steps=40, generator_rate=2e-3), None, CPU)
    photo, target, style, matte = noise(0, 0)
    matte[:, :, :, :20] = 0
    photo[:, :, :, :20] -= 1
    scores = [trainer.train_step(photo, target, style, matte) for _ in range(40)]
    assert scores[0]["matte"] > 1
    assert scores[-1]["matte"] < 0.2
    assert scores[0]["total"] > LossWeights().matte * scores[0]["matte"]


def test_what_is_drawn_teaches_the_matte_nothing() -> None:
    trainer = Trainer(replace(TINY, matting=True), SHORT, None, CPU)
    network = trainer.artist.generator.matte
    before = {name: value.clone() for name, value in network.state_dict().items()}
    # These photos are the person all over, so far as is known.
    assert trainer.train_step(*noise(0, 0))["matte"] == 0
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_matting_without_a_mask_to_learn_it_from_is_refused(tmp_path: Path) -> None:
    write_pairs(tmp_path / "ink", ["a", "b"])
    for path in (tmp_path / "ink" / "photos").iterdir():
        Image.new("RGB", Image.open(path).size, "navy").save(path)
    run = Run(tmp_path / "run")
    run.begin(RunRecord(replace(TINY, styles=("ink",), matting=True), SHORT, {"ink": tmp_path / "ink"}, "none"))
    with pytest.raises(InputError, match="learnt from masks"):
        go(run)


def test_a_drawing_in_another_style_is_judged_without_photo_and_compared_with_no_sketch(backbone_file: Path) -> None:
    config = replace(SHORT, cross_style=0.5, generator_rate=0.0, losses=LossWeights(feature_matching=1))
    trainer = Trainer(replace(TINY, styles=("ink", "chalk", "wash")), config, load_backbone(str(backbone_file)), CPU)
    judged: list[tuple[torch.Tensor, ...]] = []
    judge = trainer.learning_judge
    trainer.learning_judge = lambda *seen: judged.append(seen) or judge(*seen)
    photo, target = torch.rand(2, 3, 48, 40) + 0.1, torch.rand(2, 1, 48, 40)
    style = torch.tensor([0, 1])
    for _ in range(8):
        judged.clear()
        scores = trainer.train_step(photo, target, style, torch.ones_like(target))
        (_, _, real_style), (seen, sketch, drawn) = judged
        assert torch.equal(real_style, style)
        # Half of a batch of two is exactly one.
        own = drawn == style
        assert own.sum() == 1
        assert torch.equal(seen[own], photo[own])
        assert not seen[~own].any()
        assert scores["reconstruction"] == pytest.approx((sketch[own] - target[own]).abs().mean().item(), rel=1e-4)
        assert all(scores[name] > 0 for name in ("adversarial", "style", "content", "feature_matching"))


def test_other_styles_are_drawn_by_their_shares() -> None:
    config = replace(SHORT, cross_style=0.5, shares=(8,), generator_rate=0.0)
    trainer = Trainer(replace(TINY, styles=("ink", "chalk", "wash")), config, None, CPU)
    drawn: list[int] = []
    judge = trainer.learning_judge
    trainer.learning_judge = lambda *seen: drawn.extend(seen[2].tolist()) or judge(*seen)
    for _ in range(40):
        trainer.train_step(*noise(1, 1))
    # Each step judges a real pair in style 1, then one drawing in it and one in another.
    assert drawn.count(1) == 3 * 40
    assert drawn.count(0) > 4 * drawn.count(2)


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

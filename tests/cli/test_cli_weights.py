"""`most-sketch weights`: names that the package knows, and publishing a run, with a Hub on this machine."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from conftest import EXAMPLES, Command
from hub_server import OWNER_TOKEN, HubServer
from taught_styles import style_file

from most_sketch.checkpoints.find import bundled_weights, find_weights, trained_on
from most_sketch.checkpoints.manifest import checksum, update
from most_sketch.checkpoints.styles import Style, StyleInfo, save_style
from most_sketch.checkpoints.trained import Trained
from most_sketch.checkpoints.weights import load_weights, save_weights
from most_sketch.errors import WeightsError
from most_sketch.network.config import ModelConfig
from most_sketch.network.generator import Generator
from most_sketch.training.config import TrainConfig
from most_sketch.training.runs import Run, RunRecord

REPOSITORY = "anna/sketches"
TINY = ModelConfig(channels=8, stem_channels=8, slots=8, injection_channels=8)


@pytest.fixture
def shelf(tmp_path: Path, weights: bytes, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as `weights/` in a checkout: a manifest and one file that it names."""
    folder = tmp_path / "weights"
    folder.mkdir()
    entry = {
        "name": "tiny", "file": "tiny.safetensors", "size": 0, "sha256": "", "licence": "mit",
        "figures": {"fsim": 0.5}, "repository": REPOSITORY, "revision": "v1",
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps([entry]))
    (folder / "tiny.safetensors").write_bytes(weights)
    for module in ("manifest", "find"):
        monkeypatch.setattr(f"most_sketch.checkpoints.{module}.weights_folder", lambda: folder)
    update(folder / "tiny.safetensors")
    return folder / "tiny.safetensors"


def test_a_bundled_name_needs_no_hub(server: HubServer, shelf: Path, command: Command) -> None:
    assert bundled_weights() == {"tiny": shelf}
    assert find_weights("tiny") == shelf
    assert command("weights", "verify").out == b"tiny: good\n"
    listed = command("weights", "list").out.decode()
    assert listed == f"NAME    SIZE  WHERE    LICENCE\ntiny  {shelf.stat().st_size / 1e6:.1f} MB  bundled  mit\n"
    told = command("weights", "info", "tiny").out.decode()
    facts = dict(re.split(r"  +", line, maxsplit=1) for line in told.splitlines())
    assert (facts["figures"], facts["styles"], facts["file"]) == ("fsim 0.5", "pencil, ink", str(shelf))
    # In columns.
    assert len({line.index(facts[key]) for key, line in zip(facts, told.splitlines(), strict=True)}) == 1
    assert server.requests == []


def test_a_bundled_file_that_is_damaged_is_not_used(shelf: Path, command: Command) -> None:
    data = bytearray(shelf.read_bytes())
    data[-3] ^= 1
    shelf.write_bytes(data)
    with pytest.raises(WeightsError, match=r"is not the file that manifest\.json describes"):
        load_weights("tiny")
    answer = command("weights", "verify")
    assert (answer.code, answer.out) == (1, b"")
    # By its path it is a file like any other.
    load_weights(shelf)


def test_a_name_that_is_not_bundled_comes_from_its_pinned_revision(
    server: HubServer, shelf: Path, weights: bytes, command: Command
) -> None:
    shelf.unlink()
    server.add(REPOSITORY, {"weights.safetensors": b"newer"})
    server.add(REPOSITORY, {"weights.safetensors": weights}, "v1")
    assert json.loads(command("weights", "list", "--json").out)[0]["where"] == "on the Hub"
    assert command("weights", "verify").err.endswith("get some with: most-sketch weights pull NAME\n")
    pulled = command("weights", "pull", "tiny", "--json", "-q")
    assert (pulled.code, pulled.err) == (0, "")
    assert find_weights("tiny").read_bytes() == weights
    assert json.loads(pulled.out) == {"outputs": [str(find_weights("tiny"))]}
    assert json.loads(command("weights", "list", "--json").out)[0]["where"] == "cached"


def test_a_pinned_revision_that_was_moved_is_not_used(server: HubServer, shelf: Path, tmp_path: Path) -> None:
    shelf.unlink()
    save_weights(tmp_path / "other.safetensors", Generator(TINY))
    server.add(REPOSITORY, {"weights.safetensors": (tmp_path / "other.safetensors").read_bytes()}, "v1")
    with pytest.raises(WeightsError, match="is not the file that"):
        load_weights("tiny")


def test_the_mean_of_weights_lies_between_them(tmp_path: Path, command: Command) -> None:
    a, b, mean = (tmp_path / f"{name}.safetensors" for name in ("a", "b", "mean"))
    for file, hold_out in ((a, 10), (b, 10)):
        save_weights(file, Generator(TINY), hold_out=hold_out)
    answer = command("weights", "average", a, b, b, b, "-o", mean)
    assert (answer.code, answer.err) == (0, "")
    ours, one, other = (load_weights(file).state_dict() for file in (mean, a, b))
    for name, tensor in ours.items():
        if tensor.is_floating_point():
            torch.testing.assert_close(tensor, one[name] / 4 + other[name] * 3 / 4, atol=2e-3, rtol=0)
    assert json.loads(command("weights", "info", mean, "--json").out)["hold_out"] == 10


@pytest.mark.parametrize(
    ("one", "other", "together"), [(10, 0, 0), (None, 0, 0), (10, 5, 0), (10, None, None), (None, None, None)]
)
def test_the_mean_has_seen_what_one_of_them_has(
    tmp_path: Path, command: Command, one: int | None, other: int | None, together: int | None
) -> None:
    a, b, mean = (tmp_path / f"{name}.safetensors" for name in ("a", "b", "mean"))
    save_weights(a, Generator(TINY), hold_out=one)
    save_weights(b, Generator(TINY), hold_out=other)
    assert command("weights", "average", a, b, "-o", mean).code == 0
    assert json.loads(command("weights", "info", mean, "--json").out).get("hold_out") == together


def test_the_mean_was_trained_on_what_any_of_them_was(tmp_path: Path, command: Command) -> None:
    parts = {"a": Trained(frozenset({"0" * 12})), "b": Trained(frozenset({"1" * 12})), "c": None}
    for name, trained in parts.items():
        save_weights(tmp_path / f"{name}.safetensors", Generator(TINY), trained=trained)
    both = frozenset({"0" * 12, "1" * 12})
    for names, expected in (("ab", Trained(both)), ("abc", Trained(both, complete=False)), ("cc", None)):
        mean = tmp_path / f"mean-{names}.safetensors"
        assert (
            command("weights", "average", *(tmp_path / f"{name}.safetensors" for name in names), "-o", mean).code == 0
        )
        assert trained_on(mean) == expected
    info = json.loads(command("weights", "info", tmp_path / "mean-ab.safetensors", "--json").out)
    assert info["trained_photos"] == 2


def test_only_equal_networks_are_averaged(tmp_path: Path, command: Command) -> None:
    save_weights(tmp_path / "a.safetensors", Generator(TINY))
    save_weights(tmp_path / "b.safetensors", Generator(replace(TINY, slots=TINY.slots + 1)))
    for names, problem in ((["a"], "name two or more"), (["a", "b"], "not the same network")):
        files = [tmp_path / f"{name}.safetensors" for name in names]
        answer = command("weights", "average", *files, "-o", tmp_path / "mean.safetensors")
        assert answer.code == 1
        assert problem in answer.err
        assert answer.err.count("\n") == 1
    assert not (tmp_path / "mean.safetensors").exists()


@pytest.fixture
def finish_run(tmp_path: Path) -> Callable[[int], Path]:
    """Leaves the folder of a run that was asked for 30 steps and has done this many."""

    def finish(steps: int) -> Path:
        run = Run(tmp_path / "run")
        run.begin(RunRecord(TINY, TrainConfig(steps=30), {"pencil": tmp_path / "secret" / "faces"}, "none"))
        run.log(steps, {"reconstruction": 0.5})
        run.log(steps, {"validation_l1": 0.125, "validation_fsim": 0.75})
        save_weights(run.weights_file, Generator(TINY), torch.float16)
        return run.folder

    return finish


def test_a_finished_run_is_published_with_its_card(
    server: HubServer, finish_run: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch, command: Command
) -> None:
    monkeypatch.setenv("HF_TOKEN", OWNER_TOKEN)
    folder = finish_run(30)
    options = ("--run", folder, "--licence", "cc-by-nc-4.0", "--about", "Faces by Anna.", "--private", "--tag", "v1")
    answer = command("weights", "push", REPOSITORY, *options)
    assert (answer.code, answer.err) == (0, "")
    commit, files = server.repositories[REPOSITORY].revisions["v1"]
    assert answer.out.decode() == f"{server.url}/{REPOSITORY}/commit/{commit}\n"
    assert files["weights.safetensors"] == (folder / "weights.safetensors").read_bytes()
    card = files["README.md"].decode()
    for text in ('license: "cc-by-nc-4.0"', "30 steps", "`faces`", "Faces by Anna.", "| fsim | 0.7500 |"):
        assert text in card
    assert "secret" not in card
    assert server.repositories[REPOSITORY].access == "private"
    # And from there it is drawn with.
    assert load_weights(f"{REPOSITORY}@v1").config == TINY
    again = command("weights", "push", REPOSITORY, "--run", folder, "--json", "-q")
    assert (again.code, again.err) == (0, "")
    assert json.loads(again.out)["outputs"][0].startswith(f"{server.url}/{REPOSITORY}/commit/")


def test_nothing_is_published_that_is_not_finished_or_sound(
    server: HubServer, finish_run: Callable[[int], Path], command: Command
) -> None:
    folder = finish_run(20)
    assert "only 20 of 30 steps are done" in command("weights", "push", REPOSITORY, "--run", folder).err
    assert "no run" in command("weights", "push", REPOSITORY, "--run", folder / "nowhere").err
    assert "expected owner/repo" in command("weights", "push", f"{REPOSITORY}@v1", "--run", folder).err
    (folder / "log.jsonl").write_text('{"step": 30}\n')
    assert "log in with" in command("weights", "push", REPOSITORY, "--run", folder).err
    (folder / "weights.safetensors").write_bytes(b"")
    assert "not a safetensors file" in command("weights", "push", REPOSITORY, "--run", folder).err
    assert server.repositories == {}


@pytest.fixture
def chalk(tmp_path: Path, tiny_weights: Path) -> Path:
    """A style of the tiny weights."""
    info = StyleInfo(name="chalk", description="white on black", weights="tiny", sha256=checksum(tiny_weights), pairs=9)
    save_style(tmp_path / "mine.safetensors", Style(info, *torch.randn(2, 8, 8)))
    return tmp_path / "mine.safetensors"


def test_a_style_is_published_and_drawn_in_from_there(
    server: HubServer,
    chalk: Path,
    tiny_weights: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: Command,
    convert: Command,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("HF_TOKEN", OWNER_TOKEN)
    answer = command("weights", "push", REPOSITORY, "--style", chalk, "--licence", "mit", "--tag", "v1")
    assert (answer.code, answer.err) == (0, "")
    _, files = server.repositories[REPOSITORY].revisions["v1"]
    assert files["style.safetensors"] == chalk.read_bytes()
    for text in ("chalk (white on black)", "`tiny`", "9 pairs", f"--weights tiny --style {REPOSITORY}"):
        assert text in files["README.md"].decode()

    drawings = []
    for number, style in enumerate((chalk, REPOSITORY, f"{REPOSITORY}@v1", f"{REPOSITORY}:style.safetensors")):
        output = tmp_path / f"{number}.png"
        answer = convert(EXAMPLES / "astronaut.jpg", "--style", style, "-o", output)
        assert answer.code == 0, answer.err
        drawings.append(output.read_bytes())
    assert len(set(drawings)) == 1
    asked = len(server.requests)
    options = ("--weights", tiny_weights, "--style", REPOSITORY, "--offline")
    assert command("styles", *options).out.decode().splitlines()[-1] == "chalk   white on black"
    assert len(server.requests) == asked
    pulled = command("weights", "pull", f"{REPOSITORY}:style.safetensors")
    assert Path(pulled.out.decode().strip()).read_bytes() == chalk.read_bytes()


def test_styles_from_the_hub_are_judged_as_files_are(
    server: HubServer, chalk: Path, weights: bytes, command: Command, convert: Command
) -> None:
    hostile = chalk.read_bytes().replace(b'pairs\\": 9', b'pairs\\": 0')
    assert hostile != chalk.read_bytes()
    server.add("anna/hostile", {"style.safetensors": hostile})
    server.add("anna/weights", {"style.safetensors": weights})
    server.add("anna/none", {"weights.safetensors": weights})
    draw = (EXAMPLES / "astronaut.jpg", "-o", "-")
    for style, message in (
        ("anna/hostile", "most_sketch_style in its metadata cannot be used"),
        ("anna/weights", "not a style of most-sketch"),
        ("anna/none", "the repository has no such file"),
        ("anna/nowhere", "no such repository on the Hub"),
        ("anna/none@../..", "cannot be read"),
    ):
        answer = convert(*draw, "--style", style)
        assert (answer.code, answer.out, answer.err.count("\n")) == (1, b"", 1), answer.err
        assert message in answer.err
    offline = convert(*draw, "--offline", "--style", "anna/chalk")
    assert "weights pull anna/chalk:style.safetensors" in offline.err
    assert command("weights", "pull", "anna/hostile:style.safetensors").code == 1
    for options in ((), ("--run", "runs/mine", "--style", chalk)):
        assert command("weights", "push", "anna/chalk", *options).code == 2
    broken = command("weights", "push", "anna/chalk", "--style", EXAMPLES / "astronaut.jpg")
    assert (broken.code, broken.err.count("\n")) == (1, 1)
    assert "anna/chalk" not in server.repositories


def test_the_mean_replaces_nothing_unless_that_is_said(command: Command, weights: bytes, tmp_path: Path) -> None:
    file, mean = tmp_path / "a.safetensors", tmp_path / "mean.safetensors"
    file.write_bytes(weights)
    mean.write_bytes(b"mine")
    refused = command("weights", "average", file, file, "-o", mean)
    assert (refused.code, mean.read_bytes()) == (1, b"mine")
    assert "replace it with --overwrite" in refused.err
    assert command("weights", "average", file, file, "-o", mean, "--overwrite").code == 0
    assert load_weights(mean).config.channels == 8


def test_what_a_taught_style_is(command: Command, tiny_weights: Path, tmp_path: Path) -> None:
    file = style_file(tmp_path / "mine.safetensors", tiny_weights, "chalk")
    facts = json.loads(command("weights", "info", file, "--json").out)
    assert (facts["style"], facts["of_weights_sha256"]) == ("chalk", checksum(tiny_weights))
    told = command("weights", "info", file)
    assert told.code == 0
    assert re.search(r"^style +chalk$", told.out.decode(), re.MULTILINE)

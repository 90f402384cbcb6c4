"""What a run trains on and holds out stays what it was, whatever comes to its data, and wherever they are moved."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import Command
from drawn_pairs import draw_pair, write_pairs
from tiny_runs import CPU, SHORT, begin, figures_in, go

from most_sketch.checkpoints.find import trained_on
from most_sketch.checkpoints.trained import Trained
from most_sketch.errors import InputError
from most_sketch.pairs.pairs import find_pairs, hold_out
from most_sketch.training.loop import train
from most_sketch.training.runs import Run, RunRecord

pytestmark = pytest.mark.usefixtures("one_thread")

NAMES = [f"{letter}{number}" for letter in "mn" for number in range(6)]
"""Of twelve pairs the first and the eleventh are held out."""


def add_pair(root: Path, name: str) -> None:
    photo, sketch = draw_pair(99)
    photo.save(root / "photos" / f"{name}.png")
    sketch.save(root / "sketches" / f"{name}.png")


def resume(run: Run, moved: RunRecord | None = None) -> list[str]:
    """Go on to the end. Returns what was said."""
    said: list[str] = []
    train(run, None, CPU, lambda *_: None, lambda: False, said.append, moved)
    return said


def test_a_pair_that_was_added_is_said_and_changes_nothing(tmp_path: Path) -> None:
    """By the rule alone the added pair, the first by name, would make held-out pairs of trained ones."""
    data = {"ink": write_pairs(tmp_path / "pairs", NAMES)}
    whole, halves = begin(tmp_path / "whole", data), begin(tmp_path / "halves", data)
    go(whole)
    go(halves, stop_after=5)
    kept = halves.pairs_file.read_bytes()
    assert json.loads(kept)["ink"]["held_out"] == ["photos/m0", "photos/n4"]
    before = hold_out(find_pairs(data["ink"]))
    add_pair(data["ink"], "a")
    assert hold_out(find_pairs(data["ink"]))[1] != before[1]
    (line,) = resume(halves)
    assert "style ink: left out, because the run was begun without them: pairs/a;" in line
    assert halves.pairs_file.read_bytes() == kept
    assert figures_in(halves) == figures_in(whole)
    assert halves.weights_file.read_bytes() == whole.weights_file.read_bytes()
    assert trained_on(halves.weights_file) == Trained.on(pair.photo for pair in before[0])


def test_data_that_have_moved_are_named_again(tmp_path: Path, command: Command) -> None:
    data = {
        "ink": write_pairs(tmp_path / "pairs", ["a", "b", "c"]),
        "chalk": write_pairs(tmp_path / "chalk", ["a", "b"]),
    }
    run = begin(tmp_path / "run", data, replace(SHORT, steps=4))
    go(run, stop_after=2)
    data["ink"].rename(tmp_path / "elsewhere")
    options = ("train", "--out", run.folder, "--resume", "--device", "cpu")
    answer = command(*options)
    assert answer.code == 1
    assert f"style ink: {data['ink']}: no such folder of pairs; if they have moved" in answer.err
    assert "--resume --data" in answer.err
    wrong = command(*options, "--data", f"ink={data['chalk']}")
    assert wrong.code == 1
    assert f"style ink: pairs of the run are not in {data['chalk']}: photos/c;" in wrong.err
    assert "styles ink, chalk" in command(*options, "--data", tmp_path / "elsewhere").err
    assert run.record().data == data
    answer = command(*options, "--data", f"ink={tmp_path / 'elsewhere'}")
    assert answer.code == 0
    assert run.record().data == {"ink": tmp_path / "elsewhere", "chalk": data["chalk"]}
    assert run.state()["step"] == 4


def test_the_only_style_needs_no_name_and_backgrounds_move_too(tmp_path: Path, command: Command) -> None:
    data = write_pairs(tmp_path / "pairs", ["a", "b"])
    backgrounds = write_pairs(tmp_path / "backgrounds", ["x"])
    run = begin(tmp_path / "run", {"ink": data}, replace(SHORT, steps=2))
    run.write(replace(run.record(), backgrounds=backgrounds))
    go(run, stop_after=1)
    for folder in (data, backgrounds):
        folder.rename(f"{folder}-moved")
    moved = ("--data", f"{data}-moved", "--backgrounds", f"{backgrounds}-moved")
    assert command("train", "--out", run.folder, "--resume", *moved).code == 0
    record = run.record()
    assert (record.data, record.backgrounds) == ({"ink": Path(f"{data}-moved")}, Path(f"{backgrounds}-moved"))


def test_backgrounds_cannot_be_added_to_a_run_that_has_none(tmp_path: Path, command: Command) -> None:
    run = begin(tmp_path / "run", {"ink": write_pairs(tmp_path / "pairs", ["a", "b"])})
    answer = command("train", "--out", run.folder, "--resume", "--backgrounds", tmp_path)
    assert (answer.code, answer.err.count("\n")) == (1, 1)
    assert "the run was begun without" in answer.err


def test_a_pair_that_is_gone_ends_it_before_the_first_step(tmp_path: Path) -> None:
    data = {"ink": write_pairs(tmp_path / "pairs", ["a", "b", "c"])}
    run = begin(tmp_path / "run", data)
    go(run, stop_after=1)
    for folder in ("photos", "sketches"):
        (data["ink"] / folder / "b.png").unlink()
    with pytest.raises(InputError, match=r"pairs of the run are not in .*: photos/b;"):
        resume(run)
    assert run.state()["step"] == 1


def test_a_run_from_before_pairs_were_kept_keeps_them_from_now_on(tmp_path: Path) -> None:
    data = {"ink": write_pairs(tmp_path / "pairs", ["a", "b", "c"])}
    run = begin(tmp_path / "run", data)
    go(run, stop_after=1)
    kept = run.pairs_file.read_bytes()
    run.pairs_file.unlink()
    go(run, stop_after=1)
    assert run.pairs_file.read_bytes() == kept


def test_weights_have_seen_what_those_they_began_with_have(tmp_path: Path) -> None:
    short = replace(SHORT, steps=1, hold_out=0)
    first, second = (write_pairs(tmp_path / name, names) for name, names in (("1", ["a"]), ("2", ["a", "b", "c"])))
    go(begin(tmp_path / "first", {"ink": first}, short))
    run = begin(tmp_path / "second", {"ink": second}, short)
    run.write(replace(run.record(), init=str(tmp_path / "first")))
    (second / "photos" / "a.png").write_bytes((second / "photos" / "c.png").read_bytes())
    go(run)
    trained = trained_on(run.weights_file)
    assert trained == Trained.on([first / "photos" / "a.png", *(second / "photos").iterdir()])
    assert len(trained.photos) == 3


def test_weights_that_began_with_silent_ones_do_not_claim_to_say_all(tmp_path: Path) -> None:
    data = {"ink": write_pairs(tmp_path / "pairs", ["a", "b"])}
    first = begin(tmp_path / "first", data, replace(SHORT, steps=1))
    go(first)
    first.weights_file.unlink()
    run = begin(tmp_path / "second", data, replace(SHORT, steps=1))
    run.write(replace(run.record(), init=str(first.folder)))
    go(run)
    own = Trained.on([data["ink"] / "photos" / "b.png"])
    assert trained_on(run.weights_file) == Trained(own.photos, complete=False)

"""The commands in one voice: groups, metavars, examples, and hints at what was meant."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from conftest import Command
from drawn_pairs import write_pairs

from most_sketch.cli.help import EXAMPLES, PANELS

SAME = {
    "--device": ("auto|cpu|cuda|mps",),
    "--precision": ("auto|fp32|bf16",),
    "--weights": ("WEIGHTS",),
    "--min-confidence": ("N",),
    "--style": ("STYLE", "STYLE|FILE", "FILE"),
    "--batch-size": ("N", "auto|N"),
    "--output": ("FILE", "FILE|DIR", "DIR"),
}
"""What stands behind an option, in every command that has it."""


def shown(command: Command, name: str) -> str:
    answer = command(*name.split(), "--help")
    assert (answer.code, answer.err) == (0, "")
    return answer.out.decode()


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", EXAMPLES)
def test_help_is_grouped_with_two_examples(
    command: Command, name: str, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    text = shown(command, name)
    widest = max(map(len, text.splitlines()))
    assert widest <= width
    # All of the terminal's width, where there is something to say.
    assert widest > width - 20 or name not in ("convert", "train", "teach", "prepare", "eval")
    headings = re.findall(r"^(\w+):$", text, re.MULTILINE)
    assert headings[-2:] == ["General", "Examples"]
    assert headings[:-1] == [panel for panel in PANELS if panel in headings]
    assert not re.search(r"<[a-z]", text)
    assert not re.search(r"\b(INTEGER|FLOAT|TEXT|PATH|DIRECTORY)\b", text.replace("--about TEXT", ""))
    examples = [line.strip() for line in text.split("Examples:\n")[1].splitlines()]
    assert len(examples) == 2
    for example in examples:
        assert example.startswith(f"most-sketch {name}")
        for word in shlex.split(example):
            assert not word.startswith("-") or re.search(rf"(^|[ ,/]){word}\b", text, re.MULTILINE), word


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_same_thing_is_called_the_same(command: Command, name: str) -> None:
    text = shown(command, name)
    for option, metavars in SAME.items():
        for found in re.findall(rf"^  (?:-\w, )?{option} (\S+)", text, re.MULTILINE):
            assert found in metavars


def test_every_command_is_listed_and_has_examples(command: Command) -> None:
    listed = re.findall(r"^  (\w+) ", shown(command, "").split("Commands:")[1], re.MULTILINE)
    inner = re.findall(r"^  (\w+) ", shown(command, "weights").split("Commands:")[1], re.MULTILINE)
    assert {*listed} - {"weights"} | {f"weights {name}" for name in inner} == set(EXAMPLES)


def test_completion_can_be_installed(command: Command) -> None:
    assert "--install-completion" in shown(command, "")


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("convert", "me.jpg", "--style", "pencl"), "did you mean pencil?"),
        (("convert", "me.jpg", "--weights", "most-nett"), "did you mean most-net?"),
        (("train", "--out", "x", "--data", "data", "--set", "generator_rat=1"), "did you mean generator_rate?"),
        (("train", "--out", "x", "--data", "data", "--model", "papr"), "did you mean paper?"),
        (("eval", "--data", "data", "--split", "valid"), "did you mean validation?"),
        (("prepare", "data", "out", "--frame", "CUFS"), "did you mean cufs?"),
    ],
)
def test_what_was_meant_is_guessed(
    command: Command, arguments: tuple[str, ...], hint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    photo = write_pairs(tmp_path / "data", ["a", "b"]) / "photos" / "a.png"
    (tmp_path / "me.jpg").write_bytes(photo.read_bytes())
    answer = command(*arguments)
    assert answer.code == 1
    assert hint in answer.err
    assert answer.err.count("\n") == 1


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
@pytest.mark.parametrize("arguments", [("convert", "x", "--min-confidence"), ("prepare", "x", "y", "--scale")])
def test_what_is_no_number_is_wrong_usage(command: Command, arguments: tuple[str, ...], value: str) -> None:
    answer = command(*arguments, value)
    assert answer.code == 2
    assert f"Invalid value for '{arguments[-1]}'" in answer.err

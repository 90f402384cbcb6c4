"""`most-sketch bench`: every figure is there and makes sense; no figure is compared with a clock."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from conftest import Command
from PIL import Image

from most_sketch.drawing.sketcher import Sketcher
from most_sketch.drawing.speed import BATCH_SIZES, measure, seconds


def test_the_figures_as_json(command: Command, tiny_weights: Path) -> None:
    answer = command("bench", "--weights", tiny_weights, "--device", "cpu", "--json")
    assert answer.code == 0
    figures = json.loads(answer.out)
    assert figures["weights"] == str(tiny_weights)
    assert figures["device"].startswith("CPU, ")
    assert figures["precision"] == "float32"
    assert list(figures["drawing"]) == ["1", "4", "16"]
    assert all(taken > 0 for taken in (figures["start"], figures["detection"], *figures["drawing"].values()))
    assert figures["photos_per_second"] > 0
    assert 100 < figures["memory"] < 100_000


def test_the_table(command: Command, tiny_weights: Path) -> None:
    answer = command("bench", "--weights", tiny_weights, "--device", "cpu", "--precision", "bf16")
    assert answer.code == 0
    shown = answer.out.decode()
    assert "bfloat16" in shown
    for row in ("import and load", "draw, 16 at once", "photos/s", "MiB"):
        assert row in shown


def test_so_many_are_drawn_at_once_as_it_says(sketcher: Sketcher, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def draw_batch(images: list[Image.Image], styles: list[int], _: float | None = None) -> list[Image.Image]:
        assert len(styles) == len(images)
        sizes.append(len(images))
        return [image.convert("L") for image in images]

    monkeypatch.setattr(sketcher.engine, "draw", draw_batch)
    told: list[str] = []
    measure(sketcher.engine, told.append)
    assert set(sizes) == set(BATCH_SIZES)
    assert told == [f"measuring {step} of 5" for step in (1, 2, 3, 4, 5)]


def test_the_first_run_does_not_count() -> None:
    calls: list[int] = []
    seconds(lambda: calls.append(0), torch.device("cpu"), rounds=4)
    assert len(calls) == 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--device", "abacus"], "unknown device 'abacus'"), (["--weights", "nowhere"], "nowhere: no such weights file")],
)
def test_what_cannot_be_measured_is_one_line(command: Command, arguments: list[str], message: str) -> None:
    answer = command("bench", *arguments)
    assert answer.code == 1
    assert message in answer.err
    assert answer.err.count("\n") == 1

"""`auto` is what was measured to be faster, measured once on a machine."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from most_sketch.errors import InputError
from most_sketch.network import precision
from most_sketch.network.precision import (
    Precision,
    Timings,
    choose_precision,
    drawing_precision,
    measure,
    remember,
    remembered,
)

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder in which nothing is remembered yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "most-sketch" / "precision.json"


def test_both_precisions_are_timed_and_random_numbers_stay_as_they_were() -> None:
    torch.manual_seed(0)
    wanted = torch.rand(3)
    torch.manual_seed(0)
    timings = measure()
    assert timings.float32 > 0
    assert timings.bfloat16 > 0
    assert torch.equal(torch.rand(3), wanted)


def test_the_faster_is_taken_and_a_little_faster_is_not_enough() -> None:
    assert Timings(1.0, 0.5).faster is torch.bfloat16
    assert Timings(1.0, 0.95).faster is torch.float32
    assert Timings(1.0, 3.0).faster is torch.float32


def test_drawing_is_in_float32_unless_another_is_asked_for(cache: Path) -> None:
    assert drawing_precision("auto") is drawing_precision("fp32") is torch.float32
    assert drawing_precision("bf16") is torch.bfloat16
    with pytest.raises(InputError, match="unknown precision 'half'"):
        drawing_precision("half")
    assert not cache.exists()


def test_a_machine_is_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[int] = []
    fast = Timings(2.0, 1.0)
    monkeypatch.setattr(precision, "measure", lambda: measured.append(1) or fast)
    for _ in range(2):
        assert choose_precision("auto", CPU) == Precision(torch.bfloat16, fast)
    assert measured == [1]
    # Another processor, or another torch, is another machine.
    monkeypatch.setattr(precision, "_machine", lambda: "another")
    assert remembered() is None


def test_what_is_asked_for_is_not_measured(cache: Path) -> None:
    assert choose_precision("fp32", CPU) == Precision(torch.float32)
    assert choose_precision("bf16", CPU) == Precision(torch.bfloat16)
    with pytest.raises(InputError, match="unknown precision 'half'"):
        choose_precision("half", CPU)
    assert not cache.exists()


@pytest.mark.parametrize("content", ["", "[1]", '{"x": 3}', "\x00", '{"machine": {"training": {"float32": "fast"}}}'])
def test_a_damaged_memory_is_written_anew(cache: Path, monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    monkeypatch.setattr(precision, "_machine", lambda: "machine")
    cache.parent.mkdir(parents=True)
    cache.write_text(content)
    assert remembered() is None
    remember(Timings(1.0, 2.0))
    assert remembered() == Timings(1.0, 2.0)


def test_where_nothing_can_be_written_it_is_measured_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(file))
    remember(Timings(1.0, 2.0))
    assert remembered() is None
    assert choose_precision("auto", CPU).timings is not None

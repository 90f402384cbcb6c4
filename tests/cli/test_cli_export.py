"""`export` writes what it says, where it says, and `convert` finds it or says what is in the way."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Command

from most_sketch.checkpoints import onnx_export, onnx_graphs
from most_sketch.checkpoints.find import bundled_weights
from most_sketch.checkpoints.header import read_header
from most_sketch.checkpoints.onnx_files import FILES, cached_graph, packaged_graph
from most_sketch.errors import InputError


def graph_of(weights: Path) -> Path:
    return cached_graph(read_header(weights).config)


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, Path]]:
    """What would be exported, and where to; a real export takes long, and is tested where it is done."""
    calls: list[tuple[Path, Path]] = []
    monkeypatch.setattr(onnx_export, "export_weights", lambda weights, folder, _: calls.append((weights, folder)))
    return calls


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The graphs that would be made."""
    calls: list[Path] = []
    monkeypatch.setattr(onnx_graphs, "make_graph", lambda _, path: calls.append(path))
    return calls


def test_without_a_folder_it_makes_what_convert_needs(command: Command, tiny_weights: Path, made: list[Path]) -> None:
    answer = command("export", tiny_weights)
    assert (answer.code, answer.out.decode()) == (0, f"{graph_of(tiny_weights)}\n")
    assert made == [graph_of(tiny_weights)]


def test_what_is_exported_already_is_not_again(command: Command, onnx_weights: Path, made: list[Path]) -> None:
    graph = graph_of(onnx_weights)
    assert graph.is_file()
    answer = command("export", onnx_weights)
    assert (answer.code, answer.out.decode()) == (0, f"{graph}\n")
    assert "convert draws with them already" in answer.err
    assert command("export", onnx_weights, "-q").err == ""
    assert not made
    assert command("export", onnx_weights, "--overwrite").code == 0
    assert made == [graph]


def test_the_bundled_weights_need_no_export(command: Command, made: list[Path]) -> None:
    graph = packaged_graph(read_header(bundled_weights()["most-net"]).config)
    for options in ((), ("--overwrite",)):
        answer = command("export", *options)
        assert (answer.code, answer.out.decode()) == (0, f"{graph}\n")
    assert not made


def test_nothing_of_yours_is_replaced(
    command: Command, tiny_weights: Path, tmp_path: Path, written: list[tuple[Path, Path]]
) -> None:
    (tmp_path / FILES[0]).write_bytes(b"mine")
    answer = command("export", tiny_weights, "-o", tmp_path)
    assert (answer.code, written) == (1, [])
    assert answer.err == f"most-sketch: error: {tmp_path / FILES[0]}: is there already; replace it with --overwrite\n"
    assert command("export", tiny_weights, "-o", tmp_path, "--overwrite").code == 0
    assert written == [(tiny_weights, tmp_path)]
    answer = command("export", tiny_weights, "--style", "chalk.safetensors")
    assert answer.code == 2
    assert "--style goes with -o" in answer.err


@pytest.mark.parametrize(
    ("options", "code", "error"),
    [
        (("--precision", "bf16"), 1, "the engine onnx draws in float32 only, not in bf16; use torch"),
        (("--device", "cuda"), 1, "the engine onnx draws on the CPU only, not on cuda; use torch"),
        (("--ray", "local"), 2, "--ray draws with torch; leave --engine onnx out"),
    ],
)
def test_onnx_says_what_it_cannot_do(
    command: Command,
    onnx_weights: Path,
    portrait_file: Path,
    tmp_path: Path,
    options: tuple[str, ...],
    code: int,
    error: str,
) -> None:
    output = ("-o", tmp_path / "sketches/")
    answer = command("convert", portrait_file, *output, "--weights", onnx_weights, "--engine", "onnx", *options)
    assert answer.code == code
    assert answer.err.rstrip().splitlines()[-1].endswith(error)
    assert not (tmp_path / "sketches").exists()


def test_a_first_drawing_with_onnx_exports_and_says_so(
    convert: Command, tiny_weights: Path, portrait_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object, path: Path) -> None:
        raise InputError(f"it would be {path}")

    monkeypatch.setattr(onnx_graphs, "make_graph", refuse)
    answer = convert(portrait_file, "-o", tmp_path / "sketch.png", "--engine", "onnx")
    assert answer.code == 1
    said, error = answer.err.splitlines()
    assert said == "exporting the network for ONNX Runtime, this once; it takes a minute"
    assert error.endswith(f"it would be {graph_of(tiny_weights)}")

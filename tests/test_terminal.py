"""The streams and the entry point: what happens to a person whatever is closed, full, or cannot be encoded."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Command
from rich.table import Table

from most_sketch.cli.tables import print_table
from most_sketch.terminal import in_options, prepare_streams


def shell(command: str) -> subprocess.CompletedProcess[str]:
    """Runs `most-sketch` with redirections that only a shell can make."""
    return subprocess.run(
        ["bash", "-c", f'"$0" -m most_sketch {command}', sys.executable], capture_output=True, text=True, check=False
    )


@pytest.mark.skipif(os.name != "posix", reason="a shell closes the streams")
@pytest.mark.parametrize(
    ("command", "code", "line"),
    [
        ("convert - -o - <&-", 1, "most-sketch: error: standard input: cannot be read (Bad file descriptor)"),
        ("--version >&-", 1, "most-sketch: error: Bad file descriptor"),
        ("--version >/dev/full", 1, "most-sketch: error: No space left on device"),
        ("convert nothing.jpg 2>&-", 1, ""),
        ("--version <&-", 0, ""),
    ],
)
def test_a_closed_or_full_stream_is_one_line(command: str, code: int, line: str) -> None:
    answer = shell(command)
    assert (answer.returncode, answer.stderr.strip()) == (code, line)


def test_no_file_gets_the_descriptor_of_a_closed_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    prepare_streams()
    with pytest.raises(OSError, match="Bad file descriptor"):
        sys.stdin.buffer.read(1)


def printed(encoding: str, monkeypatch: pytest.MonkeyPatch, text: str) -> bytes:
    content = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(content, encoding, write_through=True))
    prepare_streams()
    sys.stdout.write(text)
    return content.getvalue()


def test_signs_that_an_encoding_lacks_are_put_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    assert printed("cp1252", monkeypatch, "FSIM ↑ LPIPS ↓ é 肖") == "FSIM ^ LPIPS v é ?".encode("cp1252")
    assert printed("utf-8", monkeypatch, f"FSIM ↑ {os.fsdecode(bytes([255]))}") == "FSIM ↑ ".encode() + b"\xff"


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_a_table_in_a_file_has_no_colours_and_is_not_cut(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    content = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(content, encoding, write_through=True))
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "20")
    prepare_streams()
    table = Table(title="scores", title_style="red")
    table.add_column("FSIM ↑")
    table.add_column("a long heading")
    table.add_row("0.123456789", "0.987654321", style="bold")
    print_table(table)
    shown = content.getvalue().decode(encoding)
    assert "\x1b" not in shown
    assert "0.123456789" in shown
    assert "0.987654321" in shown


def fail_with(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr("most_sketch.checkpoints.manifest.read_manifest", fail)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (PermissionError(13, "Permission denied", "[red]mine[/]"), "[red]mine[/]: Permission denied"),
        (MemoryError(), "not enough memory; try a smaller --batch-size or size, or --device cpu"),
        (type("OutOfMemoryError", (RuntimeError,), {})("CUDA"), "not enough memory; try a smaller --batch-size"),
        (type("RuntimeException", (Exception,), {})("[ONNXRuntimeError] : 6 : std::bad_alloc"), "not enough memory; "),
        (RuntimeError("BFCArena: Failed to allocate memory for requested buffer of size 9"), "not enough memory; "),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9"), "not enough memory; "),
        (RuntimeError("Failed to initialize cpuinfo!"), "torch cannot learn what processor this is, for /proc"),
        (KeyError("x\ny"), "KeyError: 'x\\ny'. That is a fault of most-sketch"),
    ],
)
def test_what_nobody_foresaw_is_one_line(
    command: Command, monkeypatch: pytest.MonkeyPatch, error: Exception, line: str
) -> None:
    fail_with(error, monkeypatch)
    answer = command("weights", "list")
    assert (answer.code, answer.out) == (1, b"")
    assert answer.err.startswith(f"most-sketch: error: {line}")
    assert answer.err.count("\n") == 1


@pytest.mark.parametrize("arguments", [("--debug", "weights", "list"), ("weights", "list", "--debug")])
def test_debug_shows_the_trace_and_then_the_line(
    command: Command, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    fail_with(RuntimeError("broken"), monkeypatch)
    answer = command(*arguments)
    assert answer.code == 1
    assert answer.err.startswith("Traceback")
    assert "please report it" in answer.err.splitlines()[-1]


def test_what_is_named_like_debug_stays_a_photo(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command("convert", "--", "--debug").err == "most-sketch: error: --debug: no such file\n"


def test_an_interrupt_is_130(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("most_sketch.checkpoints.manifest.read_manifest", interrupt)
    assert command("weights", "list").code == 130


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("it can go with align=False", "it can go with --no-align"),
        ("use device='cpu' or engine='torch'", "use --device cpu or --engine torch"),
        ("a smaller batch_size or size", "a smaller --batch-size or size"),
        ("give perceptual=FILE", "give --perceptual FILE"),
        ("size=3.jpg: name=me.jpg", "size=3.jpg: name=me.jpg"),
    ],
)
def test_arguments_of_python_are_told_as_options(said: str, shown: str) -> None:
    assert in_options(said) == shown

"""What a command loads before it can answer, and what a person is told meanwhile."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Command
from PIL import Image, ImageChops, ImageStat

Modules = Callable[..., set[str]]
WATCHED = {"CI", "GITHUB_ACTIONS", "TF_BUILD", "PYTEST_CURRENT_TEST", "ORT_DISABLE_TELEMETRY"}


@pytest.fixture
def modules() -> Modules:
    """Calls `most-sketch` in a process of its own; the packages that it has imported at its end."""

    def call(*arguments: object) -> set[str]:
        program = f"""
import sys
from most_sketch.cli import main
sys.argv = ["most-sketch", *{list(map(str, arguments))!r}]
try:
    main()
finally:
    print("imported:", *sorted({{name.partition(".")[0] for name in sys.modules}}))
"""
        # What nobody watches over: there ONNX Runtime does not report on its use in any case.
        environment = {name: value for name, value in os.environ.items() if name not in WATCHED}
        command = [sys.executable, "-c", program]
        answer = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        return set(answer.stdout.splitlines()[-1].removeprefix("imported: ").split())

    return call


def test_drawing_imports_neither_torchvision_nor_facenet_pytorch(
    modules: Modules, tiny_weights: Path, portrait_file: Path, tmp_path: Path
) -> None:
    sketch = tmp_path / "sketch.png"
    imported = modules("convert", portrait_file, "-o", sketch, "--weights", tiny_weights, "--device", "cpu")
    assert sketch.exists()
    assert "torch" in imported
    assert not imported & {"torchvision", "facenet_pytorch"}


@pytest.mark.parametrize("engine", ["onnx", "auto"])
def test_onnx_runtime_draws_the_same_without_torch(
    modules: Modules, convert: Command, onnx_weights: Path, portrait_file: Path, tmp_path: Path, engine: str
) -> None:
    ours, wanted = tmp_path / "ours.png", tmp_path / "wanted.png"
    # A single photo: for several, auto asks what machine this is.
    imported = modules(
        "convert", portrait_file, "-o", ours, "--weights", onnx_weights, "--style", "ink", "--engine", engine
    )
    assert "onnxruntime" in imported
    assert not imported & {"torch", "torchvision", "onnx", "scipy"}
    # By which ONNX Runtime would know this machine again.
    assert not list(Path(os.environ["XDG_CACHE_HOME"]).rglob("deviceid"))
    answer = convert(portrait_file, "-o", wanted, "--weights", onnx_weights, "--style", "ink", "--engine", "torch")
    assert answer.code == 0
    with Image.open(ours) as sketch, Image.open(wanted) as other:
        assert sketch.size == other.size
        # The faces are found at the same places to a ten-thousandth of a pixel, which in a few pixels of the crop is
        # a grey level; a network that nobody trained makes more of that.
        assert ImageStat.Stat(ImageChops.difference(sketch, other)).mean[0] < 0.5


def test_no_garbage_is_looked_for_in_the_end() -> None:
    program = """
import atexit, gc, sys
atexit.register(lambda: print(gc.get_freeze_count() > 10_000))  # what is registered first is called last
from most_sketch.cli import main
sys.argv = ["most-sketch", "--version"]
main()
"""
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines()[-1] == "True"


@pytest.mark.parametrize("style", ["pencil", "all"])
def test_a_finished_folder_is_skipped_without_torch(
    modules: Modules, command: Command, convert: Command, tiny_weights: Path, tmp_path: Path, style: str
) -> None:
    photos, sketches = tmp_path / "photos", tmp_path / "sketches"
    (photos / "more").mkdir(parents=True)
    for name in ("one.jpg", "two.png", "more/three.jpg"):
        Image.new("RGB", (200, 250), "grey").save(photos / name)
    arguments = (photos, "-r", "-o", sketches, "--no-align", "--style", style)
    assert convert(*arguments).code == 0
    drawn = {path: path.stat().st_mtime_ns for path in sketches.rglob("*.png")}
    assert len(drawn) == (6 if style == "all" else 3)
    imported = modules("convert", *arguments, "--weights", tiny_weights)
    assert "typer" in imported
    assert "torch" not in imported
    assert {path: path.stat().st_mtime_ns for path in sketches.rglob("*.png")} == drawn

    records = [json.loads(line) for line in convert(*arguments, "--json").out.splitlines()]
    assert [record["status"] for record in records] == ["skipped"] * 3
    assert {path for record in records for path in record["outputs"]} == set(map(str, drawn))
    # A name that is wrong is told all the same.
    assert "no style 'chalk'" in command("convert", photos, "--weights", tiny_weights, "--style", "chalk").err
    assert command("convert", *arguments, "--weights", "nowhere").code == 1


def test_what_is_missing_in_a_finished_folder_is_drawn(convert: Command, tmp_path: Path) -> None:
    for name in ("one.jpg", "two.jpg"):
        Image.new("RGB", (200, 250), "grey").save(tmp_path / name)
    arguments = (tmp_path, "-o", tmp_path / "sketches", "--no-align")
    convert(*arguments)
    (tmp_path / "sketches" / "two.sketch.png").unlink()
    answer = convert(*arguments)
    assert answer.err.startswith("1 drawn, 1 skipped")
    assert "2 drawn" in convert(*arguments, "--overwrite").err


def told(*arguments: object) -> str:
    """What a command shows on a terminal."""
    terminal, end = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "120"}
    command = [sys.executable, "-m", "most_sketch", *map(str, arguments)]
    with subprocess.Popen(command, stderr=end, stdout=subprocess.DEVNULL, env=environment) as process:
        os.close(end)
        shown = b""
        while True:
            try:
                part = os.read(terminal, 65536)
            except OSError:  # what Linux says when the other end is closed
                break
            if not part:
                break
            shown += part
    os.close(terminal)
    assert process.returncode == 0
    return shown.decode()


def test_a_person_is_told_at_once_that_it_loads_and_then_which_photo_is_drawn(
    tiny_weights: Path, tmp_path: Path
) -> None:
    for number in range(3):
        Image.new("RGB", (200, 250), "grey").save(tmp_path / f"{number}.jpg")
    options = ("--weights", tiny_weights, "--device", "cpu", "--no-align", "--overwrite")
    shown = told("convert", tmp_path, "-o", tmp_path / "sketches", *options)
    assert 0 <= shown.find("loading") < shown.find("drawing 1 of 3") < shown.find("drawing 3 of 3")
    shown = told("convert", tmp_path / "0.jpg", "-o", tmp_path / "sketch.png", *options)
    assert 0 <= shown.find("loading") < shown.find("drawing 1 of 1") < shown.find("drawn: ")
    assert "loading" not in told("convert", tmp_path / "0.jpg", "-o", tmp_path / "sketch.png", *options, "--quiet")


def test_nothing_is_told_where_there_is_no_terminal(convert: Command, portrait_file: Path, tmp_path: Path) -> None:
    sketch = tmp_path / "sketch.png"
    assert convert(portrait_file, "-o", sketch).err == f"drawn: {sketch}\n"

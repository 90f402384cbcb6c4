"""Every command and every line of Python in the README does what stands there, and those of docs/weights.md."""

from __future__ import annotations

import io
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from conftest import EXAMPLES, Command
from drawn_pairs import write_pairs
from hub_server import OWNER_TOKEN, HubServer
from PIL import Image, ImageOps
from tiny_runs import begin, go

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
WEIGHTS = (ROOT / "docs" / "weights.md").read_text(encoding="utf-8")
BLOCKS = {language: re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL) for language in ("sh", "python")}
ELSEWHERE = "pip install"
"""Lines that install are run on a clean checkout, and the page's by tests of its own."""
TINY = ("channels=16", "stem_channels=16", "slots=16")
SHORT = [
    "--steps",
    "2",
    "--perceptual",
    "none",
    "--device",
    "cpu",
    *(part for each in TINY for part in ("--set", each)),
]
"""What is added to a line that begins a training, so that it ends."""


def commands(section: str, page: str = README) -> list[list[str]]:
    """The arguments of each command below a heading, or above the first of them."""
    start = page.index(f"## {section}\n") if section else 0
    text = page[start : page.find("\n## ", start + 1)]
    lines = "".join(re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL)).splitlines()
    return [shlex.split(line, comments=True)[1:] for line in lines if ELSEWHERE not in line]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the README's commands are about, as working directory, without a network."""
    portrait = Image.open(EXAMPLES / "astronaut.jpg").convert("RGB")
    for name in ("photo.jpg", "photos/a.jpg", "photos/b/c.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        portrait.save(tmp_path / name)
    group = Image.new("RGB", (1024, 512))
    group.paste(portrait)
    group.paste(ImageOps.mirror(portrait), (512, 0))
    group.save(tmp_path / "group.jpg")
    portrait.crop((120, 0, 320, 250)).save(tmp_path / "crop.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return tmp_path


def run(command: Command, arguments: list[str]) -> bytes:
    """Call `most-sketch` as a shell does, with `<` and `>`; returns what it printed."""
    stdin = b""
    if "<" in arguments:
        place = arguments.index("<")
        stdin = Path(arguments[place + 1]).read_bytes()
        arguments = arguments[:place]
    answer = command(*arguments, stdin=stdin)
    assert answer.code == 0, (arguments, answer.err)
    return answer.out


def test_the_commands_above_all_headings(command: Command, here: Path) -> None:
    one, folder = commands("")
    run(command, one)
    run(command, folder)
    assert Image.open(here / "sketch.png").height >= 500
    assert Image.open(here / "sketches" / "a.sketch.png").mode == "L"


@pytest.mark.parametrize("arguments", commands("Draw"), ids=" ".join)
def test_drawing(command: Command, here: Path, arguments: list[str]) -> None:
    before = set(here.rglob("*"))
    printed = run(command, arguments)
    new = [path for path in set(here.rglob("*")) - before if path.is_file()]
    if new and new[0].suffix in (".pdf", ".svg"):
        (page,) = new
        assert page.read_bytes().startswith(b"%PDF") or b"</svg>" in page.read_bytes()
        return
    made = [Image.open(path) for path in new]
    if "<" in arguments:
        made.append(Image.open(io.BytesIO(printed)))
    assert len(made) == {"all": 2, "-r": 2}.get(next((a for a in arguments if a in ("all", "-r")), ""), 1)
    assert all(np.asarray(picture).std() > 10 for picture in made)
    if "--size" in arguments:
        assert made[0].size == (800, 1000)


def test_python(here: Path) -> None:
    (code,) = BLOCKS["python"]
    names: dict[str, Image.Image] = {}
    exec(compile(code, "README.md", "exec"), names)  # noqa: S102 - our own page
    assert names["sketch"].mode == "L"
    assert names["large"].size == (800, 1000)
    assert (here / "drawn" / "a.png").exists()


def test_weights(
    command: Command, here: Path, server: HubServer, weights: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setenv("HF_TOKEN", OWNER_TOKEN)
    server.add("owner/repo", {"weights.safetensors": weights})
    server.add("owner/repo", {"ink.safetensors": weights}, "v1")
    pairs = write_pairs(here / "pairs", ["1", "2"])
    for name in ("a", "b", "mine"):
        go(begin(here / "runs" / name, {"pencil": pairs}))
    for arguments in commands("", WEIGHTS):
        run(command, arguments)
    assert (here / "mean.safetensors").exists()


def test_training_and_scoring(command: Command, here: Path) -> None:
    """In one go: each uses what those before have made. Scans are two pairs of a portrait and its own grey."""
    portrait = Image.open(here / "photo.jpg")
    for name in ("1", "2"):
        for folder, picture in {"photos": portrait, "sketches": portrait.convert("L").resize((600, 600))}.items():
            (here / "scans" / folder).mkdir(parents=True, exist_ok=True)
            picture.save(here / "scans" / folder / f"{name}.png")
    write_pairs(here / "cufs" / "people", ["1", "2", "3"], (200, 250))
    for arguments in commands("Train and score"):
        begins = arguments[0] == "train" and "--resume" not in arguments
        printed = run(command, arguments + (SHORT if begins else []))
        assert arguments[0] != "eval" or b"FSIM" in printed
    assert Image.open(here / "mine.png").mode == "L"
    assert (here / "report.html").exists()
    teach, draw, show = commands("Teach it a style")
    run(command, [*teach, "--minutes", "0"])
    run(command, [*draw, "--overwrite"])
    assert b"mine" in run(command, show)

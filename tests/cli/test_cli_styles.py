"""`most-sketch styles`: the names, and a picture with the photo in every style."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Command
from PIL import Image

from most_sketch.checkpoints.weights import save_weights
from most_sketch.drawing.contact_sheets import CAPTION, GAP
from most_sketch.network.build import build_generator
from most_sketch.network.config import ModelConfig


@pytest.fixture(scope="module")
def two_styles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    config = ModelConfig(styles=("chalk", "ink"), channels=8, stem_channels=8, slots=8, injection_channels=8)
    path = tmp_path_factory.mktemp("styles") / "two.safetensors"
    save_weights(path, build_generator(config))
    return path


def test_the_bundled_styles_are_listed_and_described(command: Command) -> None:
    answer = command("styles", "--offline")
    assert answer.code == 0
    assert answer.out.decode().startswith("pencil ")
    assert "shading" in answer.out.decode()


def test_styles_of_any_weights_are_listed(command: Command, two_styles: Path) -> None:
    assert command("styles", "--weights", two_styles).out.decode().split() == ["chalk", "ink"]


def test_a_picture_shows_the_photo_in_every_style(
    command: Command, two_styles: Path, portrait_file: Path, tmp_path: Path
) -> None:
    picture = tmp_path / "styles.png"
    answer = command("styles", portrait_file, "-o", picture, "--weights", two_styles, "--device", "cpu")
    assert answer.code == 0
    with Image.open(picture) as sheet:
        assert sheet.size == (3 * 200 + 2 * GAP, 250 + CAPTION)
        pixels = np.asarray(sheet.convert("RGB")).astype(int)
    photo, chalk, ink = (pixels[:250, left : left + 200] for left in (0, 200 + GAP, 400 + 2 * GAP))
    assert np.ptp(photo, axis=2).mean() > 5  # in colour
    assert np.ptp(chalk, axis=2).max() == 0
    assert abs(chalk - ink).mean() > 0.5
    assert (pixels[250:, :200] < 128).any()  # the caption


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.jpg", "-o", "styles.png"], "nowhere.jpg: no such file"),
        (["--weights", "nowhere"], "nowhere: no such weights file"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = command("styles", *arguments)
    assert answer.code == 1
    assert message in answer.err
    assert list(tmp_path.iterdir()) == []


def test_a_photo_and_other_files_are_not_replaced(
    command: Command, two_styles: Path, portrait_file: Path, tmp_path: Path
) -> None:
    photo, other = tmp_path / "me.jpg", tmp_path / "other.png"
    photo.write_bytes(portrait_file.read_bytes())
    other.write_bytes(b"mine")
    options = ("--weights", two_styles, "--device", "cpu")
    for flags in ((), ("--overwrite",)):
        answer = command("styles", photo, "-o", photo, *options, *flags)
        assert answer.code == 1
        assert "is the photo itself" in answer.err
    assert photo.read_bytes() == portrait_file.read_bytes()
    answer = command("styles", photo, "-o", other, *options)
    assert answer.code == 1
    assert "there already; replace it with --overwrite" in answer.err
    assert other.read_bytes() == b"mine"
    assert command("styles", photo, "-o", other, *options, "--overwrite").code == 0
    assert Image.open(other).size[1] == 250 + CAPTION


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["photo.jpg"], "a photo is drawn with -o FILE only"), (["-o", "styles.xyz"], "pictures are saved as .png")],
)
def test_wrong_usage_is_exit_code_2(command: Command, arguments: list[str], message: str) -> None:
    answer = command("styles", *arguments)
    assert answer.code == 2
    assert message in answer.err


def test_the_styles_as_json_and_in_silence(command: Command, two_styles: Path, tmp_path: Path) -> None:
    listed = json.loads(command("styles", "--weights", two_styles, "--json").out)
    assert [each["style"] for each in listed] == command("styles", "--weights", two_styles).out.decode().split()
    answer = command("styles", "--weights", two_styles, "-q", "-o", tmp_path / "new" / "styles.png")
    assert (answer.code, answer.out, answer.err) == (0, b"", "")
    assert (tmp_path / "new" / "styles.png").exists()

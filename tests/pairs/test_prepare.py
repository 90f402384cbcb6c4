"""Unaligned pairs come into the frame, photo and sketch by one transform."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Command
from PIL import Image, ImageOps

from most_sketch.pairs.pairs import find_pairs
from most_sketch.pairs.prepare import whiten
from most_sketch.photo.faces import FaceFinder
from most_sketch.photo.frame import EYES, extend_with_paper, place_whole, to_frame


def darkened(photo: Image.Image) -> Image.Image:
    """Its grey, without a level that could be paper."""
    return photo.convert("L").point([level // 2 for level in range(256)])


@pytest.fixture
def source(tmp_path: Path, portrait: Image.Image) -> Path:
    """A portrait cut close above the hair, its darkened grey as the sketch, and a photo without a face."""
    close = portrait.crop((100, 30, 400, 300)).rotate(5, Image.Resampling.BICUBIC, expand=False)
    for folder, pictures in {
        "photos": {"close": close, "wall": Image.new("RGB", (80, 80), "grey")},
        "sketches": {"close": darkened(close), "wall": Image.new("L", (80, 80), 255)},
    }.items():
        (tmp_path / "source" / "x" / folder).mkdir(parents=True)
        for name, picture in pictures.items():
            picture.save(tmp_path / "source" / "x" / folder / f"{name}.png")
    return tmp_path / "source"


def test_face_and_sketch_come_into_the_frame_together(command: Command, source: Path, tmp_path: Path) -> None:
    answer = command("prepare", source, tmp_path / "framed", "--device", "cpu")
    assert answer.code == 0
    assert "x/wall: no face found" in answer.err
    assert "1 of 2 pairs are in" in answer.err
    (pair,) = find_pairs(tmp_path / "framed")
    assert pair.name == "x/close"
    (face,) = FaceFinder(torch.device("cpu")).find(Image.open(pair.photo))
    assert np.abs(np.array(face.eyes) - EYES).max() < 3
    assert Image.open(pair.photo).size == Image.open(pair.sketch).size == (200, 250)
    grey = np.asarray(darkened(Image.open(pair.photo)), dtype=float)
    drawn = np.asarray(Image.open(pair.sketch), dtype=float)
    assert np.abs(grey - drawn)[60:200, 40:160].mean() < 1.5
    # The photo ends above the forehead: there it goes on, and the sketch is paper.
    assert (drawn[:5] == 255).all()
    assert (grey[:5] < 125).all()


def test_what_is_there_is_not_done_again(command: Command, source: Path, tmp_path: Path) -> None:
    framed = tmp_path / "framed"
    command("prepare", source, framed, "--device", "cpu")
    (framed / "x" / "photos" / "close.png").write_bytes(b"mine")
    assert command("prepare", source, framed, "--device", "cpu").code == 0
    assert (framed / "x" / "photos" / "close.png").read_bytes() == b"mine"


def test_no_usable_pair_is_a_failure(command: Command, source: Path, tmp_path: Path) -> None:
    for folder in ("photos", "sketches"):
        (source / "x" / folder / "close.png").unlink()
    assert command("prepare", source, tmp_path / "framed", "--device", "cpu").code == 1
    assert command("prepare", source, source, "--device", "cpu").code == 1
    assert command("prepare", tmp_path / "nowhere", tmp_path / "framed").code == 1


def test_the_paper_of_a_grey_scan_becomes_white_and_strokes_stay_dark() -> None:
    scan = Image.new("L", (100, 100), 229)
    scan.paste(20, (40, 40, 60, 60))
    whitened = whiten(scan)
    assert whitened.getpixel((0, 0)) == 255
    assert whitened.getpixel((50, 50)) == 22
    night = Image.new("L", (10, 10), 90)
    assert whiten(night).tobytes() == night.tobytes()


def test_paper_beyond_a_drawing_is_white() -> None:
    framed = to_frame(Image.new("L", (100, 250), 0), place_whole((100, 250)), extend_with_paper)
    left, top, right, bottom = ImageOps.invert(framed).getbbox() or (0, 0, 0, 0)
    assert (top, bottom) == (0, 250)
    assert abs(left - 50) <= 2
    assert abs(right - 150) <= 2
    assert framed.getpixel((100, 100)) == 0
    assert framed.getpixel((10, 100)) == 255

"""Drawings are registered to what a network draws, stroke by stroke, and no predictable offset is lost."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Command
from PIL import Image
from scipy import ndimage

from most_sketch.errors import InputError
from most_sketch.pairs.bend import GRID, Field, bend
from most_sketch.pairs.pairs import find_pairs
from most_sketch.pairs.prepare import prepare
from most_sketch.pairs.reading import Preparation
from most_sketch.pairs.register import BORDER, INSTALL, LARGEST, after, flow_between, limited, smooth_on_grid
from most_sketch.photo.faces import FaceFinder
from most_sketch.photo.frame import FRAME_HEIGHT, FRAME_WIDTH, place_by_eyes, to_frame
from most_sketch.photo.mtcnn_networks import load_cascade

pytest.importorskip("skimage", reason=INSTALL)


@pytest.fixture(scope="module")
def finder() -> FaceFinder:
    return FaceFinder(load_cascade(torch.device("cpu")))


@pytest.fixture(scope="module")
def framed(portrait: Image.Image, finder: FaceFinder) -> Image.Image:
    """A portrait in the frame, RGB."""
    return to_frame(portrait, place_by_eyes(*finder.find(portrait)[0].eyes))


def waves(pixels: float) -> Field:
    """A smooth displacement of every pixel of the frame across and down by up to so many pixels, (H, W, 2)."""
    y, x = np.mgrid[0:FRAME_HEIGHT, 0:FRAME_WIDTH] + 0.5
    inside = np.minimum(np.minimum(x, FRAME_WIDTH - x), np.minimum(y, FRAME_HEIGHT - y)).clip(0, 30) / 30
    return pixels * inside[..., None] * np.stack([np.sin(y / 40), np.cos(x / 50)], axis=-1)


def displaced(picture: Image.Image, flow: Field) -> Image.Image:
    """A drawing of the picture whose places are displaced by this flow, nearly: (L)."""
    y, x = np.mgrid[0:FRAME_HEIGHT, 0:FRAME_WIDTH].astype(float)
    grey = np.asarray(picture.convert("L"), dtype=np.float32)
    moved = ndimage.map_coordinates(grey, [y - flow[..., 1], x - flow[..., 0]], order=3, mode="nearest")
    return Image.fromarray(moved.clip(0, 255).round().astype(np.uint8))


def identity() -> Field:
    """The field that looks where it is."""
    places = np.meshgrid(np.arange(0, FRAME_WIDTH + GRID, GRID), np.arange(0, FRAME_HEIGHT + GRID, GRID))
    return np.stack(places, axis=-1).astype(float)


def difference(one: Image.Image, other: Image.Image) -> float:
    """The mean of the differences of two pictures' grey, in grey levels."""
    return float(np.abs(np.asarray(one.convert("L"), dtype=float) - np.asarray(other.convert("L"), dtype=float)).mean())


@pytest.mark.parametrize("scale", [1, 2])
def test_a_known_displacement_is_found(framed: Image.Image, scale: int) -> None:
    truth = waves(3.0)
    drawing = displaced(framed, truth)
    found = flow_between(framed, drawing.resize((scale * FRAME_WIDTH, scale * FRAME_HEIGHT), Image.Resampling.BICUBIC))
    face = np.s_[24:52, 16:36]
    assert np.abs(found - smooth_on_grid(truth))[face].mean() < 0.4
    assert np.abs(smooth_on_grid(truth))[face].mean() > 1.2
    straight = bend(drawing, after(found, identity()))
    assert difference(straight, framed) < 0.5 * difference(drawing, framed)


def test_two_bends_are_one(framed: Image.Image) -> None:
    drawing = framed.convert("L")
    field, flow = identity() + smooth_on_grid(waves(4.0)), smooth_on_grid(waves(-3.0)[::-1, ::-1])
    twice_bent = bend(bend(drawing, field), identity() + flow)
    once = bend(drawing, after(flow, field))
    assert difference(once, twice_bent) < 1.0
    assert difference(once, drawing) > 5.0
    assert np.allclose(after(np.zeros_like(flow), field), field)


def test_no_displacement_is_far_and_none_leaves_the_frame() -> None:
    for far in (30.0, -30.0):
        flow = limited(np.full_like(identity(), far))
        assert np.linalg.norm(flow, axis=-1).max() == pytest.approx(LARGEST)
        looked_at = identity() + flow
        assert looked_at[..., 0].min() == 0
        assert looked_at[..., 0].max() == FRAME_WIDTH
        assert looked_at[..., 1].min() >= 0
        assert np.abs(flow[0, :, 1]).max() == 0
        assert np.abs(flow[int(BORDER / GRID), 10, 1]) > 1
    near = smooth_on_grid(waves(2.0))
    assert np.allclose(limited(near)[4:-4, 4:-4], near[4:-4, 4:-4])


@pytest.fixture
def pairs(tmp_path: Path, framed: Image.Image) -> Path:
    """Three pairs in the frame whose drawings, the photos' grey, lie elsewhere; points say nothing of it."""
    points = np.random.default_rng(0).uniform((60, 90), (140, 210), (468, 2))
    points[[33, 133, 362, 263]] = [(70, 125), (80, 125), (120, 125), (130, 125)]
    lines = "\n".join(f"{x:.2f} {y:.2f}" for x, y in points)
    for folder in ("photos", "sketches", "photo_points", "sketch_points"):
        (tmp_path / "set" / "x" / folder).mkdir(parents=True)
    for name, pixels in {"1": 3.0, "2": 3.0, "3": -3.0}.items():
        framed.save(tmp_path / "set" / "x" / "photos" / f"{name}.png")
        displaced(framed, waves(pixels)).save(tmp_path / "set" / "x" / "sketches" / f"{name}.png")
        for folder in ("photo_points", "sketch_points"):
            path = tmp_path / "set" / "x" / folder / f"{name}.pts"
            path.write_text(f"version: 1\nn_points: {len(points)}\n{{\n{lines}\n}}\n")
    return tmp_path / "set"


def test_prepared_drawings_lie_where_a_network_draws_them(pairs: Path, finder: FaceFinder, tmp_path: Path) -> None:
    how = Preparation(fit=True, keep_predictable_offset=True, keep_paper=True)
    differences = []
    for folder, draw in (("bent", None), ("registered", lambda photo: photo.convert("L"))):
        done = list(prepare(find_pairs(pairs), tmp_path / folder, finder, how, draw))
        assert [each.problem for each in done] == ["", "", ""]
        differences.append(
            [difference(Image.open(pair.sketch), Image.open(pair.photo)) for pair in find_pairs(tmp_path / folder)]
        )
    for bent, registered in zip(*differences, strict=True):
        assert registered < 0.6 * bent


def test_a_pair_that_cannot_be_used_leaves_the_others(pairs: Path, finder: FaceFinder, tmp_path: Path) -> None:
    how = Preparation(fit=True, keep_paper=True)
    for name, left in (("2", 2), ("1", 1), ("3", 0)):
        (pairs / "x" / "photo_points" / f"{name}.pts").write_text("1 2\n")
        folder = tmp_path / name
        done = list(prepare(find_pairs(pairs), folder, finder, how, lambda photo: photo.convert("L")))
        assert f"{name}.pts: 1 points" in {each.pair.photo.stem: each.problem for each in done}[name]
        assert len(list(folder.rglob("sketches/*.png"))) == left


def test_what_is_there_is_not_drawn_again(pairs: Path, finder: FaceFinder, tmp_path: Path) -> None:
    how = Preparation(fit=True, keep_paper=True)
    drawn: list[Image.Image] = []

    def draw(photo: Image.Image) -> Image.Image:
        drawn.append(photo)
        return photo.convert("L")

    for missing, draws in ((None, 3), (None, 3), ("1.png", 6)):
        if missing:
            (tmp_path / "out" / "x" / "sketches" / missing).unlink()
        list(prepare(find_pairs(pairs), tmp_path / "out", finder, how, draw))
        # Of a pair that is missing the whole database is drawn: the mean is of all.
        assert len(drawn) == draws


def test_weights_on_the_command_line(command: Command, pairs: Path, tiny_weights: Path, tmp_path: Path) -> None:
    options = ("--fit", "--keep-paper", "--device", "cpu")
    assert command("prepare", pairs, tmp_path / "out", *options, "--onto", tiny_weights).code == 0
    assert len(find_pairs(tmp_path / "out")) == 3
    unfit = command("prepare", pairs, tmp_path / "other", "--onto", tiny_weights, "--device", "cpu")
    assert (unfit.code, "--onto goes with --fit" in unfit.err) == (1, True)
    missing = command("prepare", pairs, tmp_path / "other", *options, "--onto", tmp_path / "none.safetensors")
    assert missing.code == 1
    assert not (tmp_path / "other").exists()


def test_without_scikit_image_the_remedy_is_told(framed: Image.Image, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage.registration", None)
    with pytest.raises(InputError, match=r"pip install 'most-sketch\[register\]'"):
        flow_between(framed, framed)

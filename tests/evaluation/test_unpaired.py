"""Photos without drawings: what is measured of their sketches, and what is refused."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import EXAMPLES, Command
from drawn_pairs import write_pairs
from PIL import Image
from test_metrics import write_backbone
from torch import Tensor

from most_sketch.drawing.sketcher import Sketcher
from most_sketch.evaluation import unpaired
from most_sketch.evaluation.recogniser import Box
from most_sketch.photo.images import read_image

OFFLINE = ("--offline", "--device", "cpu")


class StandIn:
    """Tells persons by the mean of the frame, which photo and sketch do not share."""

    def locate(self, photo: Image.Image) -> Box | None:
        return (0, 0, *photo.size)

    def embed(self, picture: Image.Image, box: Box) -> Tensor:
        return torch.tensor([np.asarray(picture.convert("L").crop(box)).mean()], dtype=torch.float64)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two portraits, one of them in a folder of its own, and a picture without a face."""
    root = tmp_path / "people"
    (root / "more").mkdir(parents=True)
    (root / "astronaut.jpg").write_bytes((EXAMPLES / "astronaut.jpg").read_bytes())
    (root / "more" / "grace.jpg").write_bytes((EXAMPLES / "grace_hopper.jpg").read_bytes())
    Image.new("RGB", (300, 300), "grey").save(root / "wall.png")
    return root


@pytest.fixture
def drawings(tmp_path: Path) -> Path:
    folder = tmp_path / "drawings"
    folder.mkdir()
    for seed in range(4):
        levels = 150 + np.random.default_rng(seed).normal(0, 40, (250, 200))
        Image.fromarray(levels.clip(0, 255).astype(np.uint8)).save(folder / f"{seed}.png")
    return folder


@pytest.fixture
def backbones(tmp_path: Path) -> Path:
    write_backbone(tmp_path / "backbones")
    return tmp_path / "backbones"


def test_persons_mesh_and_texture_of_every_photo_with_a_face(
    command: Command,
    photos: Path,
    drawings: Path,
    backbones: Path,
    tiny_weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(unpaired, "DlibRecogniser", lambda _: StandIn())
    kept, table = tmp_path / "kept", tmp_path / "photos.csv"
    run = ("eval", "--data", photos, "--weights", tiny_weights, "--style", "ink", "--identity", "--texture", drawings)
    run = (*run, "--backbones", backbones, *OFFLINE)
    told = json.loads(command(*run, "--json", "--save", kept, "--csv", table).out)
    assert (told["method"], told["style"], told["data"], told["photos"]) == ("tiny", "ink", "people", 2)
    assert list(told["left_out"]) == ["wall"]
    assert "no face" in told["left_out"]["wall"]

    names = ["astronaut", "more/grace"]
    assert [score["name"] for score in told["scores"]] == names
    sketcher = Sketcher.load(tiny_weights, device="cpu", precision="fp32")
    expected = [
        sketcher.sketch(read_image(photos / f"{name}.jpg"), "ink", framing="face", finish="none") for name in names
    ]
    for name, sketch in zip(names, expected, strict=True):
        assert np.array_equal(Image.open(kept / f"{name}.png"), sketch)
    meshes = [unpaired.mesh(sketch) for sketch in expected]
    assert told["mesh"]["diagonal"] == pytest.approx(np.mean([each.diagonal for each in meshes]))

    crops = [sketcher.crops(read_image(photos / f"{name}.jpg"), framing="face")[0].drawn.convert("L") for name in names]
    distance = abs(np.asarray(crops[0]).mean() - np.asarray(expected[0]).mean())
    assert told["scores"][0]["identity"]["distance"] == pytest.approx(distance)
    assert told["identity"]["rank_1"] in (0, 0.5, 1)
    assert told["drawings"]["pictures"] == 4
    assert told["texture"] is not None
    assert told["texture"] > told["drawings"]["texture_among_drawings"]
    rows = list(csv.DictReader(table.open()))
    assert [row["name"] for row in rows] == names
    assert float(rows[0]["identity_distance"]) == pytest.approx(distance, abs=1e-5)

    again = command(*run, "--save", kept)
    assert (again.code, "is there already; replace it with --overwrite" in again.err) == (1, True)
    shown = command(*run)
    heading = "people, 2 photos without drawings"
    assert heading in shown.out.decode()
    assert "tiny, ink" in shown.out.decode()
    assert "drawings/, drawings (4)" in shown.out.decode()
    assert "left out: wall: no face found" in shown.err


def test_several_weights_are_rows_of_one_table(
    command: Command, photos: Path, drawings: Path, backbones: Path, tiny_weights: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.safetensors"
    other.write_bytes(tiny_weights.read_bytes())
    run = ("eval", "--data", photos, "--texture", drawings, "--backbones", backbones, "--compare", tiny_weights, other)
    first, second = json.loads(command(*run, "--json", *OFFLINE).out)
    assert (first.pop("method"), second.pop("method")) == ("tiny", "other")
    assert first == second
    assert first["identity"] is None


def test_photos_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for name in ("a.png", "a.jpg", "b.png"):
        Image.new("L", (8, 8)).save(tmp_path / name)
    assert list(unpaired._by_name(tmp_path, "--data")) == ["a.jpg", "a.png", "b"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "no pairs found.*; photos alone can be measured with --identity or --texture DRAWINGS"),
        (("--texture", "nowhere"), "--texture nowhere: no such folder"),
        (("--texture", "BLANK"), "too little ink in its 1 pictures"),
        (("--texture", "BLANK", "--predictions", "grey"), "--predictions needs pairs"),
        (("--texture", "BLANK", "--report", "page.html"), "--report needs pairs"),
        (("--texture", "BLANK", "--metrics", "ssim"), "--metrics needs pairs"),
        (("--texture", "BLANK", "--split", "validation"), "--split needs pairs"),
    ],
)
def test_what_needs_drawings_is_refused(
    command: Command,
    photos: Path,
    backbones: Path,
    tiny_weights: Path,
    tmp_path: Path,
    options: tuple[str, ...],
    message: str,
) -> None:
    blank = tmp_path / "blank"
    blank.mkdir()
    Image.new("L", (200, 250), 255).save(blank / "sheet.png")
    given = [str(blank) if option == "BLANK" else option for option in options]
    weights = () if "--predictions" in given else ("--weights", tiny_weights)
    shown = command("eval", "--data", photos, "--backbones", backbones, *weights, *given, *OFFLINE)
    assert shown.code == 1
    (line,) = shown.err.splitlines()
    assert re.search(message, line), line


def test_pairs_have_drawings_of_their_own(command: Command, drawings: Path, tmp_path: Path) -> None:
    root = write_pairs(tmp_path / "set", ["a"], (64, 80))
    shown = command("eval", "--data", root, "--texture", drawings, "--predictions", "grey", *OFFLINE)
    assert "that of pairs is measured by --metrics texture" in shown.err
    half = command("eval", "--data", root / "photos", "--texture", drawings, *OFFLINE)
    assert f"name the folder that holds both, {root}" in half.err


def test_photos_without_a_single_face_are_refused(
    command: Command, photos: Path, drawings: Path, backbones: Path, tiny_weights: Path
) -> None:
    (photos / "astronaut.jpg").unlink()
    (photos / "more" / "grace.jpg").unlink()
    run = ("--weights", tiny_weights, "--texture", drawings, "--backbones", backbones, *OFFLINE)
    shown = command("eval", "--data", photos, *run)
    assert shown.code == 1
    assert "people: no photo can be used; wall: no face found" in shown.err

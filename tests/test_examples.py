"""What the example scripts compute; what they ask of MediaPipe is not tested here."""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image, ImageOps

from most_sketch.checkpoints.onnx_export import export_weights
from most_sketch.checkpoints.onnx_files import GENERATOR_FILE
from most_sketch.drawing.sketcher import Sketcher

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture(scope="module")
def person_masks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("person_masks", EXAMPLES / "person_masks.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_largest_piece_is_beside_the_person(person_masks: ModuleType) -> None:
    person = np.zeros((250, 400))
    person[40:, 150:] = 1
    left, upper, right, lower = person_masks.largest_piece(person)
    assert person[upper:lower, left:right].mean() <= person_masks.MOST_PERSON
    assert (right - left) / (lower - upper) == pytest.approx(0.8, abs=0.01)
    # The strip on the left has room for a piece 150 wide and 187 high, and a little of the person may be in it.
    assert 135 <= right - left <= 155


def test_a_photo_full_of_people_has_no_piece(person_masks: ModuleType) -> None:
    person = np.ones((250, 400))
    person[:, :30] = 0
    assert person_masks.largest_piece(person) is None


def test_points_of_two_pictures_never_share_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(EXAMPLES)
    script = importlib.import_module("face_landmarks")
    for name in ("photo2/image0001", "photo3/image0001", "photo3/image0002"):
        (tmp_path / "photo" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 10)).save(tmp_path / "photo" / f"{name}.png")
    monkeypatch.setattr(script, "points_of", lambda paths: ((path, np.ones((468, 2))) for path in paths))
    script.write_points(tmp_path)
    assert [path.name for path in tmp_path.rglob("*.pts")] == ["image0002.pts"]
    said = capsys.readouterr().err.splitlines()
    assert [line.split(": no points")[0] for line in said] == [
        str(tmp_path / "photo" / name / "image0001.png") for name in ("photo2", "photo3")
    ]


def test_other_programs_draw_the_same_with_the_exported_file(
    onnx_weights: Path, portrait: Image.Image, portrait_file: Path, tmp_path: Path
) -> None:
    script, model, output = EXAMPLES / "onnx_sketch.py", tmp_path / "onnx" / GENERATOR_FILE, "sketch.png"
    export_weights(onnx_weights, model.parent)
    # It stays as short as it is said to be.
    body = script.read_text(encoding="utf-8").split('"""')[2]
    assert len([line for line in body.splitlines() if line]) <= 15
    assert "most_sketch " not in body
    subprocess.run([sys.executable, script, model, "ink", portrait_file, output], cwd=tmp_path, check=True)
    drawn = Image.open(tmp_path / output)
    # At the size that it chooses; the sketcher would draw these weights smaller.
    sketcher = Sketcher.load(onnx_weights, "cpu", "fp32")
    object.__setattr__(sketcher.config, "frame_height", None)
    (wanted,) = sketcher.draw([ImageOps.fit(portrait, (400, 500))], [1])
    assert np.abs(np.asarray(drawn).astype(int) - np.asarray(wanted).astype(int)).max() <= 1

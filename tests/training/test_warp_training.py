"""A network learns where drawings lie beside their photos, and bends photos so before it draws them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from tiny_runs import CPU, SHORT, TINY, go

from most_sketch.checkpoints.weights import load_weights
from most_sketch.errors import InputError
from most_sketch.network.warp import Warp
from most_sketch.pairs.offset_model import LandmarkOffsets
from most_sketch.pairs.pairs import find_pairs
from most_sketch.photo.images import to_tensor
from most_sketch.training import warp_training
from most_sketch.training.loop import train
from most_sketch.training.runs import Run, RunRecord
from most_sketch.training.warp_training import train_warp, warp_targets

pytestmark = pytest.mark.usefixtures("one_thread")

DRAWN_MOUTH = 185
FACE = np.array([(60, 90), (140, 90), (100, 120), (80, 150), (120, 150)], dtype=float)
"""Points of the faces, all at one place; then come those of the mouth."""


def photo_of(mouth: float, skin: tuple[int, int, int]) -> Image.Image:
    photo = Image.new("RGB", (200, 250), "white")
    draw = ImageDraw.Draw(photo)
    draw.ellipse((40, 40, 160, 225), skin)
    draw.rectangle((75, round(mouth) - 4, 125, round(mouth) + 4), (90, 20, 20))
    return photo


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Dark faces whose drawings all have the mouth in one place, and light ones which are drawn as they are."""
    rng = np.random.default_rng(0)
    for database, skin, displaced in (("dark", (150, 110, 80), True), ("light", (230, 200, 180), False)):
        folder = tmp_path / "pairs" / database
        points, displacements = [], []
        for kind in ("photos", "sketches"):
            (folder / kind).mkdir(parents=True)
        for number in range(24):
            mouth = DRAWN_MOUTH + rng.uniform(-9, 9)
            photo = photo_of(mouth, skin)
            photo.save(folder / "photos" / f"{number:02}.png")
            photo.convert("L").save(folder / "sketches" / f"{number:02}.png")
            points.append(np.concatenate([FACE, [(x, mouth) for x in (75, 88, 100, 112, 125)]]))
            down = DRAWN_MOUTH - mouth if displaced else 0.0
            displacements.append(np.array([(0, 0)] * len(FACE) + [(0, down)] * 5, dtype=float))
        names = [f"{number:02}" for number in range(24)]
        LandmarkOffsets(names, np.stack(points), np.stack(displacements)).write(folder)
    return tmp_path / "pairs"


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many samples as faces so simple take."""
    monkeypatch.setattr(warp_training, "SAMPLES", 480)
    monkeypatch.setattr(warp_training, "STEPS", 250)


@pytest.fixture
def shorter(monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than it takes to see that there were any."""
    monkeypatch.setattr(warp_training, "SAMPLES", 96)
    monkeypatch.setattr(warp_training, "STEPS", 60)


def photos_of(pairs: Path) -> list[torch.Tensor]:
    """Of all pairs, as bytes."""
    return [((to_tensor(Image.open(pair.photo)) + 1) * 127.5).round().to(torch.uint8) for pair in find_pairs(pairs)]


def mouth_in(photo: torch.Tensor) -> float:
    """How far down the mouth of a photo (1, 3, H, W) is."""
    dark = (0.2 - photo[0, 0, 150:220, 95:105].mean(dim=1)).clamp(min=0)
    return float((dark * torch.arange(150.5, 220)).sum() / dark.sum())


@pytest.mark.usefixtures("short")
def test_mouths_come_to_where_they_are_drawn_and_of_others_nothing_is_bent(pairs: Path) -> None:
    torch.manual_seed(0)
    warp, rng = Warp(1), torch.Generator().manual_seed(0)
    targets = warp_targets(find_pairs(pairs), photos_of(pairs), 1, rng)
    assert targets.offsets.shape == (480, 1, 2, *warp_training.SIDE)
    assert targets.domain.tolist() == ([0] * 24 + [1] * 24) * 10
    missed = train_warp(warp, targets, rng, torch.device("cpu"), lambda: False)
    assert missed is not None
    assert missed < 1.5
    assert not any(parameter.requires_grad for parameter in warp.parameters())
    for mouth in (178.0, 181.0, 189.0, 192.0):
        dark, light = (to_tensor(photo_of(mouth, skin))[None] for skin in ((150, 110, 80), (230, 200, 180)))
        assert abs(mouth_in(warp(dark)) - DRAWN_MOUTH) < 0.6 * abs(mouth_in(dark) - DRAWN_MOUTH)
        assert abs(mouth_in(warp(light)) - mouth_in(light)) < 0.5


@pytest.mark.usefixtures("shorter")
def test_photos_without_points_teach_only_that_they_are_of_no_domain(pairs: Path) -> None:
    (pairs / "light" / "displaced.safetensors").unlink()
    rng = torch.Generator().manual_seed(0)
    targets = warp_targets(find_pairs(pairs)[:28], photos_of(pairs)[:28], 1, rng)
    assert targets.offsets[:28].isnan().flatten(1).all(dim=1).tolist() == [False] * 24 + [True] * 4
    warp = Warp(1)
    missed = train_warp(warp, targets, rng, torch.device("cpu"), lambda: False)
    assert missed is not None
    assert 0 < missed < 10
    assert all(parameter.isfinite().all() for parameter in warp.parameters())


@pytest.mark.usefixtures("shorter")
def test_what_is_held_out_tells_nothing(pairs: Path) -> None:
    every = find_pairs(pairs)
    offsets = []
    for drawn in (DRAWN_MOUTH, 0.0):
        measured = LandmarkOffsets.read(pairs / "dark")
        assert measured is not None
        measured.displacements[0, len(FACE) :, 1] = drawn - measured.photo_points[0, len(FACE) :, 1]
        measured.write(pairs / "dark")
        rng = torch.Generator().manual_seed(0)
        offsets.append(warp_targets(every[1:], photos_of(pairs)[1:], 1, rng).offsets)
    torch.testing.assert_close(*offsets)


@pytest.mark.usefixtures("shorter")
def test_a_run_learns_it_first_resumes_exactly_and_its_file_bends(pairs: Path, tmp_path: Path) -> None:
    record = RunRecord(replace(TINY, warp_domains=1), replace(SHORT, steps=4), {"pencil": pairs}, "none")
    whole, halves = Run(tmp_path / "whole"), Run(tmp_path / "halves")
    told: list[str] = []
    train(whole, record, CPU, lambda *_: None, lambda: False, told.append)
    assert len(told) == 1
    assert told[0].startswith("learnt where drawings lie beside their photos, to ")
    halves.begin(record)
    go(halves, stop_after=2)
    go(halves)
    assert whole.weights_file.read_bytes() == halves.weights_file.read_bytes()
    drawn = load_weights(whole.weights_file)
    photo = to_tensor(photo_of(178, (150, 110, 80)))[None]
    assert not torch.allclose(drawn.warp(photo), photo, atol=0.05)  # type: ignore[union-attr, operator]
    # Begun with that, another run is not taught again.
    told.clear()
    second = RunRecord(record.model, replace(SHORT, steps=1), record.data, "none", init=str(whole.folder))
    train(Run(tmp_path / "second"), second, CPU, lambda *_: None, lambda: False, told.append)
    assert told == []
    taught = "generator.warp.offsets.weight"
    assert torch.equal(Run(tmp_path / "second").state()["model"][taught], whole.state()["model"][taught])
    # Unless that is asked for: then once, and no more when it goes on.
    anew = replace(second, train=replace(second.train, steps=2, train_warp=True))
    third = Run(tmp_path / "third")
    third.begin(anew)
    go(third, stop_after=1)
    once = third.state()["model"][taught]
    go(third)
    assert not torch.equal(once, whole.state()["model"][taught])
    assert torch.equal(third.state()["model"][taught], once)


@pytest.mark.usefixtures("shorter")
def test_stopped_before_the_first_step_nothing_is_kept(pairs: Path, tmp_path: Path) -> None:
    record = RunRecord(replace(TINY, warp_domains=1), SHORT, {"pencil": pairs}, "none")
    run = Run(tmp_path / "run")
    assert train(run, record, CPU, lambda *_: None, lambda: True) == {}
    assert not run.state_file.exists()
    assert not run.weights_file.exists()


def test_data_of_other_domains_than_the_network_has_is_refused(pairs: Path, tmp_path: Path) -> None:
    record = RunRecord(replace(TINY, warp_domains=2), SHORT, {"pencil": pairs}, "none")
    with pytest.raises(InputError, match=r"warp_domains=2: .* 1 databases .* --keep-predictable-offset"):
        train(Run(tmp_path / "run"), record, CPU, lambda *_: None, lambda: False)
    (pairs / "dark" / "displaced.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(InputError, match=r"displaced.safetensors: not what prepare writes"):
        train(Run(tmp_path / "other"), record, CPU, lambda *_: None, lambda: False)

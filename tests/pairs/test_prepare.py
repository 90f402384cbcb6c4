"""Unaligned pairs come into the frame, photo and sketch by one transform."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Command
from PIL import Image, ImageDraw, ImageOps
from scipy import ndimage

from most_sketch.pairs import reading
from most_sketch.pairs.landmarks import read_points
from most_sketch.pairs.offset_model import LandmarkOffsets
from most_sketch.pairs.pairs import Pair, find_pairs, read_pictures
from most_sketch.pairs.paper import whiten
from most_sketch.pairs.perspective import project
from most_sketch.pairs.prepare import prepare
from most_sketch.pairs.reading import Preparation
from most_sketch.photo.faces import Face, FaceFinder
from most_sketch.photo.frame import EYES, extend_with_paper, place_by_eyes, place_whole, to_frame
from most_sketch.photo.images import read_image
from most_sketch.photo.mtcnn_networks import load_cascade
from most_sketch.saved_names import KEEP_PREDICTABLE_OFFSET


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
    (face,) = FaceFinder(load_cascade(torch.device("cpu"))).find(Image.open(pair.photo))
    assert np.abs(np.array(face.eyes) - EYES).max() < 3
    assert Image.open(pair.photo).size == Image.open(pair.sketch).size == (200, 250)
    grey = np.asarray(darkened(Image.open(pair.photo)), dtype=float)
    drawn = np.asarray(Image.open(pair.sketch), dtype=float)
    assert np.abs(grey - drawn)[60:200, 40:160].mean() < 1.5
    # The photo ends above the forehead: there it goes on, and the sketch is paper.
    assert (drawn[:5] == 255).all()
    assert (grey[:5] < 125).all()


def test_only_the_pairs_of_a_list_are_prepared(command: Command, source: Path, tmp_path: Path) -> None:
    listed = tmp_path / "anno_test.json"
    listed.write_text(json.dumps([{"image_name": "close", "style": 1}]))
    answer = command("prepare", source, tmp_path / "framed", "--list", listed, "--device", "cpu")
    assert answer.code == 0
    assert "1 of 1 pairs are in" in answer.err
    (pair,) = find_pairs(tmp_path / "framed")
    assert pair.name == "style1/x/close"
    listed.write_text(json.dumps(["nobody"]))
    answer = command("prepare", source, tmp_path / "none", "--list", listed, "--device", "cpu")
    assert (answer.code, answer.err.count("\n")) == (1, 1)
    assert "--list: no pairs have these names: nobody" in answer.err


def test_the_grain_of_paper_is_blurred_where_that_is_asked_for(command: Command, source: Path, tmp_path: Path) -> None:
    path = source / "x" / "sketches" / "close.png"
    grain = np.random.default_rng(0).normal(240, 4, (270, 300)).clip(0, 255).round().astype(np.uint8)
    drawing = Image.fromarray(grain)
    ImageDraw.Draw(drawing).rectangle((140, 100, 160, 200), 40)
    drawing.save(path)
    rough, smooth = [], []
    for into, options in ((rough, ()), (smooth, ("--smooth-paper",))):
        framed = tmp_path / f"framed{len(options)}"
        assert command("prepare", source, framed, "--keep-paper", "--device", "cpu", *options).code == 0
        (pair,) = find_pairs(framed)
        into.append(np.asarray(Image.open(pair.sketch), dtype=float))
    (before,), (after,) = rough, smooth
    paper = (slice(100, 180), slice(30, 60))
    assert after[paper].std() < before[paper].std() / 2
    assert after[paper].mean() == pytest.approx(before[paper].mean(), abs=0.5)
    assert abs(after - before)[before < 60].max() <= 1


def test_what_is_there_is_not_done_again(command: Command, source: Path, tmp_path: Path) -> None:
    framed = tmp_path / "framed"
    command("prepare", source, framed, "--device", "cpu")
    (framed / "x" / "photos" / "close.png").write_bytes(b"mine")
    answer = command("prepare", source, framed, "--device", "cpu")
    assert answer.code == 0
    assert f"pairs are in {framed} already and stay as they are; --overwrite makes them anew" in answer.err
    assert (framed / "x" / "photos" / "close.png").read_bytes() == b"mine"
    answer = command("prepare", source, framed, "--device", "cpu", "--overwrite", "--json", "--quiet")
    assert (answer.code, answer.err) == (0, "left out:\n  x/wall: no face found in the photo\n")
    told = json.loads(answer.out)
    assert told["replaced"] == told["pairs"] > 0
    assert (framed / "x" / "photos" / "close.png").read_bytes() != b"mine"


@pytest.mark.parametrize("place", [".", "..", "framed", "x"])
def test_originals_are_out_of_reach(
    command: Command, source: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(source)
    before = {path: path.read_bytes() for path in source.parent.rglob("*.png")}
    answer = command("prepare", source, place, "--device", "cpu")
    assert answer.code == 1
    assert "need a folder of their own, outside" in answer.err
    assert {path: path.read_bytes() for path in source.parent.rglob("*.png")} == before


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


def mesh_of(face: tuple[tuple[float, float], ...]) -> np.ndarray:
    """A made-up face mesh of 468 points around MTCNN's five, with the corners of the eyes where they belong."""
    left, right = np.array(face[0]), np.array(face[1])
    distance = np.hypot(*(right - left))
    points = (left + right) / 2 + np.random.default_rng(0).uniform((-1, -0.8), (1, 1.8), (468, 2)) * distance
    reach = np.array([0.2 * distance, 0])
    points[[33, 133, 362, 263]] = [left - reach, left + reach, right - reach, right + reach]
    return points


def write_points(path: Path, points: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = "\n".join(f"{x:.2f} {y:.2f}" for x, y in points)
    path.write_text(f"version: 1\nn_points: {len(points)}\n{{\n{lines}\n}}\n")


def wavy(points: np.ndarray) -> np.ndarray:
    """Up to nine pixels elsewhere, smoothly; in a portrait of 512 x 512 these are four of the frame."""
    x, y = points.T
    return points + np.stack([9 * np.sin(y / 30), 6 * np.cos(x / 35)], axis=1)


@pytest.fixture
def scan(tmp_path: Path, portrait: Image.Image) -> Path:
    """A portrait, and its grey on a larger sheet with a caption, drawn askew: the face bent by `wavy`."""
    root = tmp_path / "scan"
    (face,) = FaceFinder(load_cascade(torch.device("cpu"))).find(portrait)
    points = mesh_of(face.landmarks)
    grey = np.asarray(portrait.convert("L"), dtype=np.float32)
    y, x = np.mgrid[0:512, 0:512] + 0.5
    places = np.stack([x.ravel(), y.ravel()], axis=1)
    # Where each pixel of the drawing comes from: the inverse of a small smooth bend, nearly.
    back = 2 * places - wavy(places)
    bent = ndimage.map_coordinates(grey, [back[:, 1] - 0.5, back[:, 0] - 0.5], order=1, mode="nearest").reshape(
        512, 512
    )
    drawn = Image.new("L", (700, 800), 255)
    drawn.paste(Image.fromarray(bent.round().astype(np.uint8)), (90, 200))
    ImageDraw.Draw(drawn).text((300, 20), "Commissioned in 1969", 0)
    for folder, picture in {"photos": portrait, "sketches": drawn}.items():
        (root / "x" / folder).mkdir(parents=True)
        picture.save(root / "x" / folder / "astronaut.png")
    write_points(root / "x" / "photo_points" / "astronaut.pts", points)
    write_points(root / "x" / "sketch_points" / "astronaut.pts", wavy(points) + np.array([90, 200]))
    mask = Image.new("L", portrait.size, 0)
    mask.paste(255, (100, 0, 400, 512))
    (root / "x" / "masks").mkdir()
    mask.save(root / "x" / "masks" / "astronaut.png")
    return root


def face_difference(framed: Path) -> float:
    """Between a prepared drawing and the grey of its photo, in the middle of the face, in grey levels."""
    (pair,) = find_pairs(framed)
    grey, drawn = (np.asarray(Image.open(path).convert("L"), dtype=float) for path in (pair.photo, pair.sketch))
    height, width = grey.shape
    inside = np.s_[int(0.45 * height) : int(0.75 * height), int(0.3 * width) : int(0.7 * width)]
    # Whitening makes the whole drawing a little brighter.
    return float(np.abs(grey[inside] - drawn[inside] * grey[inside].mean() / drawn[inside].mean()).mean())


def test_scans_come_into_a_large_frame_and_are_bent_onto_their_photos(
    command: Command, scan: Path, tmp_path: Path
) -> None:
    for folder, options in {"placed": (), "bent": ("--fit",)}.items():
        answer = command("prepare", scan, tmp_path / folder, "--scale", "2", *options, "--device", "cpu")
        assert answer.code == 0
        for kind in ("photos", "sketches", "masks"):
            assert Image.open(tmp_path / folder / "x" / kind / "astronaut.png").size == (400, 500)
        # Above the photo's border there is no person, though the mask meets it.
        assert Image.open(tmp_path / folder / "x" / "masks" / "astronaut.png").crop((0, 0, 400, 4)).getextrema()[1] == 0
    assert face_difference(tmp_path / "bent") < 0.6 * face_difference(tmp_path / "placed")


def test_scans_without_points_are_placed_by_their_own_faces(command: Command, scan: Path, tmp_path: Path) -> None:
    for folder in ("photo_points", "sketch_points"):
        shutil.rmtree(scan / "x" / folder)
    assert command("prepare", scan, tmp_path / "framed", "--fit", "--device", "cpu").code == 0
    (pair,) = find_pairs(tmp_path / "framed")
    finder = FaceFinder(load_cascade(torch.device("cpu")))
    for path in (pair.photo, pair.sketch):
        (face,) = finder.find(read_image(path))
        assert np.abs(np.array(face.eyes) - EYES).max() < 4


def test_an_offset_that_all_drawings_have_stays(command: Command, scan: Path, tmp_path: Path) -> None:
    """The only pair of a database is its mean: nothing is left to bend but what the eyes cannot say."""
    ways = {
        "placed": (),
        "kept": ("--fit", "--keep-predictable-offset"),
        "by its old name": ("--fit", KEEP_PREDICTABLE_OFFSET),
    }
    for folder, options in ways.items():
        assert command("prepare", scan, tmp_path / folder, *options, "--device", "cpu").code == 0
    placed, kept = (
        np.asarray(Image.open(tmp_path / folder / "x" / "sketches" / "astronaut.png"), dtype=float)
        for folder in ("placed", "kept")
    )
    assert np.abs(placed - kept)[100:190, 60:140].mean() < 4
    again = (tmp_path / folder / "x" / "sketches" / "astronaut.png" for folder in ("kept", "by its old name"))
    assert len({path.read_bytes() for path in again}) == 1
    assert LandmarkOffsets.read(tmp_path / "placed" / "x") is None
    measured = LandmarkOffsets.read(tmp_path / "kept" / "x")
    assert measured is not None
    assert measured.names == ["astronaut"]
    assert measured.photo_points.shape == measured.displacements.shape == (1, 468, 2)
    assert 0 < np.abs(measured.displacements).mean() < 10


def test_the_frame_of_cufsf(command: Command, scan: Path, tmp_path: Path) -> None:
    (scan / "x" / "photo_points" / "astronaut.pts").unlink()
    (scan / "x" / "photo_points" / "astronaut.3pts").write_text("204 101\n250 101\n228 150\n")
    assert command("prepare", scan, tmp_path / "framed", "--frame", "cufsf", "--device", "cpu").code == 0
    assert Image.open(tmp_path / "framed" / "x" / "photos" / "astronaut.png").size == (200, 250)
    for wrong in (("--frame", "ours"), ("--keep-predictable-offset",), ("--scale", "9")):
        assert command("prepare", scan, tmp_path / "other", *wrong, "--device", "cpu").code in (1, 2)


@pytest.mark.parametrize(
    ("text", "words"), [("1 2\n", "1 points"), ("204 101\n250 101\n228 150\n", "3 points of the photo and 468")]
)
def test_points_that_cannot_be_used_are_told(
    command: Command, scan: Path, tmp_path: Path, text: str, words: str
) -> None:
    (scan / "x" / "photo_points" / "astronaut.pts").write_text(text)
    answer = command("prepare", scan, tmp_path / "framed", "--fit", "--device", "cpu")
    assert answer.code == 1
    assert words in answer.err
    assert not list((tmp_path / "framed").rglob("*.png"))


def test_pairs_in_the_frame_with_points_stay_there_and_only_the_bend_moves_the_drawing(
    command: Command, portrait: Image.Image, tmp_path: Path
) -> None:
    finder = FaceFinder(load_cascade(torch.device("cpu")))
    framed = to_frame(portrait, place_by_eyes(*finder.find(portrait)[0].eyes))
    mesh = mesh_of(finder.find(framed)[0].landmarks)
    # Paper that is not white stays so: the truth that is scored against has it.
    drawing = framed.convert("L").point([200] * 256)
    ImageDraw.Draw(drawing).rectangle((90, 100, 109, 179), 40)
    for folder, picture in {"photos": framed, "sketches": drawing}.items():
        (tmp_path / "set" / "x" / folder).mkdir(parents=True)
        picture.save(tmp_path / "set" / "x" / folder / "1.png")
    write_points(tmp_path / "set" / "x" / "photo_points" / "1.pts", mesh + np.array([1.5, 0]))
    write_points(tmp_path / "set" / "x" / "sketch_points" / "1.pts", mesh + np.array([0, 3]))
    options = ("--fit", "--keep-paper", "--device", "cpu")
    assert command("prepare", tmp_path / "set", tmp_path / "bent", *options).code == 0
    (pair,) = find_pairs(tmp_path / "bent")
    assert Image.open(pair.photo).tobytes() == framed.tobytes()
    bent = np.asarray(Image.open(pair.sketch), dtype=float)
    assert abs(bent[20, 100] - 200) <= 1
    row, column = ndimage.center_of_mass(bent < 120)
    assert abs(row - (139.5 - 3)) < 0.7
    assert abs(column - (99.5 + 1.5)) < 0.7


def rewrite_points(path: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    write_points(path, change(read_points(path)))


def swapped(points: np.ndarray) -> np.ndarray:
    points = points.copy()
    points[[33, 133, 362, 263]] = points[[362, 263, 33, 133]]
    return points


@pytest.mark.parametrize(
    ("folder", "change", "reason"),
    [
        ("sketch_points", swapped, "left eye is right of the right one"),
        ("photo_points", lambda points: points - 400, "outside of the picture"),
        ("sketch_points", lambda points: points * 3, "outside of the picture"),
        ("sketch_points", lambda points: points * 0.6, "no drawing where its face should be"),
        ("photo_points", lambda points: points * 0.6, "no face where its face should be"),
        ("sketch_points", lambda points: points * 0.12 + 5, "no drawing where its face should be"),
    ],
)
def test_points_of_another_size_are_refused(
    command: Command,
    scan: Path,
    tmp_path: Path,
    folder: str,
    change: Callable[[np.ndarray], np.ndarray],
    reason: str,
) -> None:
    rewrite_points(scan / "x" / folder / "astronaut.pts", change)
    answer = command("prepare", scan, tmp_path / "framed", "--device", "cpu")
    assert answer.code == 1
    assert reason in answer.err
    assert "0 of 1 pairs" in answer.err
    assert not (tmp_path / "framed").exists()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda mask: mask.reduce(2), "256 x 256 pixels, unlike its photo's 512 x 512"),
        (ImageOps.invert, "shows no person at the photo's face"),
        (lambda mask: mask.point([0] * 256), "shows no person at the photo's face"),
        (lambda mask: mask.point([value // 255 for value in range(256)]), "its values are 0 and 1"),
    ],
)
def test_masks_that_are_none_are_refused(
    command: Command, scan: Path, tmp_path: Path, change: Callable[[Image.Image], Image.Image], reason: str
) -> None:
    path = scan / "x" / "masks" / "astronaut.png"
    change(Image.open(path)).save(path)
    answer = command("prepare", scan, tmp_path / "framed", "--device", "cpu")
    assert answer.code == 1
    assert reason in answer.err


def test_what_cannot_be_used_is_listed_and_left_out(command: Command, source: Path, tmp_path: Path) -> None:
    shutil.copy(source / "x" / "photos" / "close.png", source / "x" / "photos" / "alone.png")
    (source / "x" / "sketches" / "scan.pdf").write_bytes(b"%PDF-1.4")
    answer = command("prepare", source, tmp_path / "framed", "--device", "cpu")
    assert answer.code == 0
    for line in (
        "photos/alone.png: without a partner",
        "scan.pdf: not a picture",
        "wall: no face found",
        "1 of 2 pairs",
    ):
        assert line in answer.err


def test_photo_and_sketch_side_by_side_are_prepared(command: Command, source: Path, tmp_path: Path) -> None:
    both = Image.new("RGB", (600, 300), "white")
    for folder, left in (("photos", 0), ("sketches", 300)):
        both.paste(Image.open(source / "x" / folder / "close.png").resize((300, 300)).convert("RGB"), (left, 0))
    (tmp_path / "ab" / "train").mkdir(parents=True)
    both.save(tmp_path / "ab" / "train" / "1.jpg", quality=95)
    assert command("prepare", tmp_path / "ab", tmp_path / "framed", "--device", "cpu").code == 0
    (pair,) = find_pairs(tmp_path / "framed")
    photo, sketch = Image.open(pair.photo).convert("HSV"), Image.open(pair.sketch).convert("HSV")
    assert np.asarray(photo)[..., 1].mean() > 20 > np.asarray(sketch)[..., 1].mean()


def test_how_many_were_bent_by_what_is_said(command: Command, scan: Path, tmp_path: Path) -> None:
    answer = command("prepare", scan, tmp_path / "mesh", "--fit", "--device", "cpu")
    assert "bent onto their photos by 468 points and the outline of the head: 1" in answer.err
    for folder in ("photo_points", "sketch_points"):
        shutil.rmtree(scan / "x" / folder)
    sketch = Image.open(scan / "x" / "sketches" / "astronaut.png").crop((90, 200, 602, 712))
    sketch.save(scan / "x" / "sketches" / "astronaut.png")
    answer = command("prepare", scan, tmp_path / "matching", "--fit", "--device", "cpu")
    assert "not bent: 1 of one size with their photos; examples/face_landmarks.py" in answer.err


def test_a_drawing_photographed_on_a_table_is_straightened(command: Command, scan: Path, tmp_path: Path) -> None:
    path = scan / "x" / "sketches" / "astronaut.png"
    sheet = Image.open(path)
    corners = np.array([(80.0, 60.0), (800.0, 110.0), (850.0, 980.0), (40.0, 930.0)])
    flat = np.array([(0.0, 0.0), (700.0, 0.0), (700.0, 800.0), (0.0, 800.0)])
    rows = [
        row
        for (u, v), (x, y) in zip(corners, flat, strict=True)
        for row in ((u, v, 1, 0, 0, 0, -x * u, -x * v), (0, 0, 0, u, v, 1, -y * u, -y * v))
    ]
    back = np.linalg.solve(np.array(rows), flat.ravel())
    seen = sheet.transform((900, 1040), Image.Transform.PERSPECTIVE, tuple(back), Image.Resampling.BICUBIC)
    mask = Image.new("L", seen.size)
    ImageDraw.Draw(mask).polygon([(float(x), float(y)) for x, y in corners], fill=255)
    table = Image.new("L", seen.size, 60)
    table.paste(seen, mask=mask)
    table.save(path)
    homography = np.linalg.inv(np.append(back, 1).reshape(3, 3))
    rewrite_points(scan / "x" / "sketch_points" / "astronaut.pts", lambda points: project(homography, points))
    assert command("prepare", scan, tmp_path / "framed", "--fit", "--device", "cpu").code == 0
    (pair,) = find_pairs(tmp_path / "framed")
    # No table beside the head.
    assert np.asarray(Image.open(pair.sketch))[:20].min() > 110
    assert face_difference(tmp_path / "framed") < 12


def test_paper_that_stays_dark_is_named(command: Command, source: Path, tmp_path: Path) -> None:
    answer = command("prepare", source, tmp_path / "framed", "--device", "cpu")
    assert "paper stays dark:\n  x/close\n" in answer.err


def test_pairs_are_looked_at_on_a_sheet_with_the_doubtful_first(command: Command, scan: Path, tmp_path: Path) -> None:
    for folder, suffix in (("photos", "png"), ("sketches", "png"), ("photo_points", "pts"), ("sketch_points", "pts")):
        file = scan / "x" / folder / f"astronaut.{suffix}"
        shutil.copy(file, file.with_name(f"zoe.{suffix}"))
    # Some fourteen pixels of the frame beside.
    rewrite_points(scan / "x" / "sketch_points" / "zoe.pts", lambda points: points + np.array([0, 13]))
    sheet = tmp_path / "review.png"
    answer = command("prepare", scan, tmp_path / "framed", "--sheet", sheet, "--device", "cpu")
    assert answer.code == 0
    assert "x/zoe: the eyes of the drawing lie" in answer.err
    assert Image.open(sheet).size[0] > 3 * 120
    page = (tmp_path / "review.html").read_text()
    assert page.index("x/zoe") < page.index("x/astronaut")
    assert "2 pairs, 1 with a reason" in page
    assert page.count("data:image/jpeg") == 2


def test_a_sheet_that_is_no_picture_is_refused_before_the_work(command: Command, scan: Path, tmp_path: Path) -> None:
    answer = command("prepare", scan, tmp_path / "framed", "--sheet", tmp_path / "review.pdf", "--device", "cpu")
    assert answer.code == 2
    assert "--sheet" in answer.err
    assert not (tmp_path / "framed").exists()


def test_each_pair_is_read_and_its_face_found_once(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though it is asked for three times: where drawings lie, how they flow, and for the pair itself."""
    (source / "x" / "sketches" / "close.png").unlink()
    drawn = Image.new("L", (400, 400), 255)
    drawn.paste(Image.open(source / "x" / "photos" / "close.png").convert("L"), (50, 60))
    drawn.save(source / "x" / "sketches" / "close.png")
    finder = FaceFinder(load_cascade(torch.device("cpu")))
    calls: list[str] = []
    find = finder.find

    def counted(picture: Image.Image, confidence: float) -> list[Face]:
        calls.append("find")
        return find(picture, confidence)

    def read(pair: Pair) -> tuple[Image.Image, Image.Image]:
        calls.append("read")
        return read_pictures(pair)

    monkeypatch.setattr(finder, "find", counted)
    monkeypatch.setattr(reading, "read_pictures", read)
    how = Preparation(fit=True, keep_predictable_offset=True)
    pairs = [pair for pair in find_pairs(source) if pair.name == "x/close"]
    (result,) = prepare(pairs, tmp_path / "framed", finder, how, draw=lambda photo: photo.convert("L"))
    assert result.outcome is not None
    assert result.outcome.registered
    assert sorted(calls) == ["find", "find", "read"]


@pytest.mark.parametrize(("enough", "levelled"), [(0.1, False), (0.13, False), (0.1, True)])
def test_a_face_in_fine_lines_is_looked_for_with_thicker_ones(
    tmp_path: Path, portrait: Image.Image, monkeypatch: pytest.MonkeyPatch, enough: float, levelled: bool
) -> None:
    """A detector of photos that sees nothing in strokes of one pixel, and something in wider ones, of three pixels or
    of five. Where the paper was levelled, it may see something in the drawing as it was alone."""
    if levelled:
        monkeypatch.setattr(reading, "level_paper", lambda drawing: Image.new("L", drawing.size, 255))
    fine = Image.new("L", (560, 560), 255)
    pen = ImageDraw.Draw(fine)
    for place in range(100, 460, 12):
        pen.line((place, 100, place, 460), 0)
    for folder, picture in {"photos": portrait, "sketches": fine}.items():
        (tmp_path / "set" / folder).mkdir(parents=True)
        picture.save(tmp_path / "set" / folder / "a.png")
    finder = FaceFinder(load_cascade(torch.device("cpu")))
    (face,) = finder.find(portrait)
    real = finder.find

    def find(picture: Image.Image, confidence: float) -> list[Face]:
        if picture.size == portrait.size:
            return real(picture, confidence)
        assert confidence <= 0.9
        inked = (np.asarray(picture.convert("L")) < 128).mean()
        return [face] if inked > enough else []

    finder.find = find  # type: ignore[method-assign]
    (pair,) = find_pairs(tmp_path / "set")
    placed = reading.Reader(finder, Preparation()).open(pair).placed
    assert placed.sketch_points == pytest.approx(placed.photo_points)

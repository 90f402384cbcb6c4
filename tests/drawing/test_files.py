"""The files that people ask for: for print, any paper, cutting and plotting, with what the photo says of itself."""

from __future__ import annotations

import io
import os
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageDraw

from most_sketch.drawing.batch import run
from most_sketch.drawing.files import book_of, sketch_file
from most_sketch.drawing.jobs import plan
from most_sketch.drawing.options import Options
from most_sketch.drawing.records import Record
from most_sketch.drawing.sketcher import Sketcher
from most_sketch.errors import InputError
from most_sketch.photo.ink import ink_as_alpha
from most_sketch.photo.provenance import PhotoMark, find_record, is_untouched, record_text, settings_text

PENCIL = Options(("pencil",), usual_style="pencil", align=False)
RECORD = record_text("0" * 64, PhotoMark.of("me.jpg", 1, 1), settings_text({"style": "pencil"}))
MM = 25.4


@pytest.fixture(scope="module")
def drawing() -> Image.Image:
    """A circle, a straight line, and a tone in a corner, as a pen would draw them."""
    image = Image.new("L", (800, 1000), 255)
    pen = ImageDraw.Draw(image)
    pen.ellipse((200, 200, 500, 500), outline=0, width=5)
    pen.line((100, 700, 700, 760), fill=0, width=5)
    pen.rectangle((520, 820, 760, 960), fill=120)
    return image.resize((400, 500), Image.Resampling.LANCZOS)


def made(drawing: Image.Image, suffix: str, options: Options = PENCIL, paper: int = 255) -> bytes:
    return sketch_file(drawing, suffix, options, paper, RECORD, Image.Exif()).data


def written(sketcher: Sketcher, photo: Path, options: Options, output: Path) -> Record:
    (record,) = run(sketcher, plan([str(photo)], str(output))[0], options)
    assert record.status == "drawn", record.reason
    return record


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif", ".svg", ".pdf"])
def test_every_file_says_what_it_is_and_is_known_again(drawing: Image.Image, suffix: str) -> None:
    if suffix == ".svg":
        pytest.importorskip("vtracer", reason="comes with most-sketch[vector]")
    data = made(drawing, suffix)
    found = find_record(data)
    assert found is not None
    assert found[0]["settings"] == {"style": "pencil"}
    assert is_untouched(data)
    place = len(data) // 2
    assert not is_untouched(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
@pytest.mark.parametrize("dpi", [300, 150])
def test_every_picture_says_how_large_it_is_on_paper(drawing: Image.Image, suffix: str, dpi: int) -> None:
    with Image.open(io.BytesIO(made(drawing, suffix, replace(PENCIL, dpi=dpi)))) as image:
        exif = image.getexif()
        said = image.info.get("dpi") or (exif[ExifTags.Base.XResolution], exif[ExifTags.Base.YResolution])
    assert tuple(map(float, said)) == pytest.approx((dpi, dpi), abs=0.1)


@pytest.mark.parametrize("paper", [255, 230, 20])
def test_ink_alone_looks_as_before_on_its_paper_and_has_no_halo_on_another(drawing: Image.Image, paper: int) -> None:
    ink = 255 if paper < 128 else 0
    share = np.asarray(drawing, dtype=float) / 255
    sketch = Image.fromarray((share * paper + (1 - share) * ink).round().astype(np.uint8))
    alone = ink_as_alpha(sketch, paper)
    grey, alpha = (np.asarray(band, dtype=float) for band in alone.split())
    assert {*np.unique(grey)} == {ink}
    on_its_own = alpha / 255 * ink + (1 - alpha / 255) * paper
    assert np.abs(on_its_own - np.asarray(sketch, dtype=float)).max() <= 1
    # On red nothing is lighter than red, or darker where ink is white.
    on_red = alpha / 255 * ink + (1 - alpha / 255) * 76
    assert (on_red >= 75.9).all() if ink else (on_red <= 76.1).all()


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tiff"])
def test_transparent_files(drawing: Image.Image, suffix: str) -> None:
    with Image.open(io.BytesIO(made(drawing, suffix, replace(PENCIL, transparent=True, quality=100)))) as image:
        alpha = np.asarray(image.convert("RGBA"))[..., 3]
        assert image.has_transparency_data
    assert alpha[0, 0] == 0
    assert np.abs(alpha.astype(int) - (255 - np.asarray(drawing, dtype=int))).max() <= (0 if suffix != ".webp" else 3)


def test_pages_to_print(drawing: Image.Image, tmp_path: Path) -> None:
    data = made(drawing, ".pdf", replace(PENCIL, page="letter", margin=20))
    boxes = re.findall(rb"/MediaBox \[([^\]]*)\]", data)
    assert [[round(float(side)) for side in box.split()] for box in boxes] == [[0, 0, 612, 792]]
    start = data.index(b"\xff\xd8\xff")
    with Image.open(io.BytesIO(data[start:])) as page:
        ink = np.argwhere(np.asarray(page) < 128)
        size = page.size
    assert size == (round(8.5 * 300), 11 * 300)
    margins = (*ink.min(axis=0), *(np.array(size[::-1]) - ink.max(axis=0)))
    assert min(margins) > 20 / MM * 300
    sketches = []
    for number in range(3):
        sketches.append(tmp_path / f"{number}.png")
        drawing.save(sketches[-1])
    book = book_of(sketches, PENCIL)
    assert re.findall(rb"/Count (\d+)", book)[-1] == b"3"
    assert is_untouched(book)
    with pytest.raises(InputError, match="a margin of 101 mm leaves no room on a4"):
        made(drawing, ".pdf", replace(PENCIL, margin=101))


SVG = "{http://www.w3.org/2000/svg}"


def test_shapes_for_cutting(drawing: Image.Image) -> None:
    pytest.importorskip("vtracer", reason="comes with most-sketch[vector]")
    root = ET.fromstring(made(drawing, ".svg", replace(PENCIL, dpi=254)))  # noqa: S314 - our own
    assert (root.get("width"), root.get("height"), root.get("viewBox")) == ("40.00mm", "50.00mm", "0 0 400 500")
    paths = root.findall(f".//{SVG}path")
    assert 3 <= len(paths) < 40
    assert all(re.fullmatch(r"[-MLCZz\d., ]+", path.get("d", "")) for path in paths)


def strokes(drawing: Image.Image, options: Options) -> tuple[ET.Element, list[np.ndarray], Record | object]:
    pytest.importorskip("skan", reason="comes with most-sketch[vector]")
    file = sketch_file(drawing, ".svg", replace(options, strokes=True), 255, RECORD, Image.Exif())
    root = ET.fromstring(file.data)  # noqa: S314 - our own
    lines = [
        np.array([[float(number) for number in point.split(",")] for point in line.get("points", "").split()])
        for line in root.findall(f".//{SVG}polyline")
    ]
    return root, lines, file.pen


def test_strokes_for_a_plotter(drawing: Image.Image) -> None:
    root, lines, pen = strokes(drawing, replace(PENCIL, dpi=254))
    assert root.get("width") == "40.00mm"
    length = sum(np.hypot(*np.diff(line, axis=0).T).sum() for line in lines)
    assert (pen.lifts, pen.metres) == (len(lines), pytest.approx(length * 0.1 / 1000, rel=0.01))
    # The middle of the circle's line, in one stroke or few, and of the straight one.
    circle = [line for line in lines if np.abs(np.hypot(*(line - [175, 175]).T) - 74).max() < 2]
    around = sum(np.hypot(*np.diff(line, axis=0).T).sum() for line in circle)
    assert 1 <= len(circle) <= 3
    assert around == pytest.approx(2 * np.pi * 74, rel=0.05)
    straight = [line for line in lines if np.abs(line[:, 1] - (350 + (line[:, 0] - 50) * 0.1)).max() < 2]
    assert len(straight) == 1
    assert np.hypot(*(straight[0][-1] - straight[0][0])) == pytest.approx(301, abs=8)
    # The tone is hatched, and within its borders.
    hatches = [line for line in lines if line[:, 1].min() > 405]
    assert len(hatches) >= 3
    assert all((line > [255, 405]).all() and (line < [385, 485]).all() for line in hatches)


def test_a_pen_has_little_way_between_strokes(drawing: Image.Image) -> None:
    _, lines, _ = strokes(drawing, PENCIL)
    drawn = sum(np.hypot(*np.diff(line, axis=0).T).sum() for line in lines)
    between = sum(np.hypot(*(after[0] - before[-1])) for before, after in pairwise(lines))
    assert between < 0.7 * drawn


def test_paper_without_ink_is_no_stroke() -> None:
    _, lines, pen = strokes(Image.new("L", (200, 250), 255), PENCIL)
    assert (lines, pen.lifts, pen.metres) == ([], 0, 0)


def test_jpeg_xl_in_and_out(sketcher: Sketcher, drawing: Image.Image, tmp_path: Path) -> None:
    pytest.importorskip("pillow_jxl", reason="comes with most-sketch[jxl]")
    drawing.convert("RGB").save(tmp_path / "me.jxl", quality=95)
    record = written(sketcher, tmp_path / "me.jxl", PENCIL, tmp_path / "sketch.jxl")
    with Image.open(tmp_path / "sketch.jxl") as image:
        assert (image.format, image.size) == ("JXL", (200, 250))
    assert str(record.outputs[0]) == str(tmp_path / "sketch.jxl")
    (again,) = run(sketcher, plan([str(tmp_path / "me.jxl")], str(tmp_path / "sketch.jxl"))[0], PENCIL)
    assert again.status == "skipped"


@pytest.fixture
def told(tmp_path: Path) -> Path:
    """A photo that says when, where, by whom and with what it was taken."""
    exif = Image.Exif()
    exif[ExifTags.Base.DateTime], exif[ExifTags.Base.Artist] = "2024:05:06 07:08:09", "Ann Example"
    exif[ExifTags.Base.Copyright], exif[ExifTags.Base.Orientation] = "(c) Ann", 6
    exif[ExifTags.Base.ImageDescription] = "at home"
    exif[ExifTags.IFD.Exif] = {
        ExifTags.Base.DateTimeOriginal: "2024:05:06 07:08:09", ExifTags.Base.BodySerialNumber: "123",
        ExifTags.Base.LensModel: "50 mm", ExifTags.Base.ExifImageWidth: 999,
    }  # fmt: skip
    exif[ExifTags.IFD.GPSInfo] = {1: "N", 2: (47.0, 1.0, 2.0)}
    path = tmp_path / "me.jpg"
    Image.radial_gradient("L").resize((250, 200)).save(path, exif=exif)
    os.utime(path, (1_000_000_000, 1_000_000_000))
    return path


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_metadata_goes_over_if_that_is_wanted_and_never_the_place_unasked(
    sketcher: Sketcher, told: Path, suffix: str
) -> None:
    sketch = told.with_name(f"sketch{suffix}")
    for keep in ("none", "some", "all"):
        options = replace(PENCIL, keep_metadata=keep, overwrite=True)
        written(sketcher, told, options, sketch)
        with Image.open(sketch) as image:
            exif = image.getexif()
            camera, place = exif.get_ifd(ExifTags.IFD.Exif), exif.get_ifd(ExifTags.IFD.GPSInfo)
            assert image.size == (200, 250)
        kept = keep != "none"
        assert exif.get(ExifTags.Base.Copyright) == ("(c) Ann" if kept else None)
        assert camera.get(ExifTags.Base.DateTimeOriginal) == ("2024:05:06 07:08:09" if kept else None)
        assert camera.get(ExifTags.Base.LensModel) == ("50 mm" if kept else None)
        assert (exif.get(ExifTags.Base.ImageDescription) is not None) == (keep == "all")
        assert (ExifTags.Base.BodySerialNumber in camera) == (keep == "all")
        assert bool(place) == (keep == "all")
        assert exif.get(ExifTags.Base.Orientation, 1) == 1
        assert ExifTags.Base.ExifImageWidth not in camera
        assert (sketch.stat().st_mtime == 1_000_000_000) == kept
        (again,) = run(sketcher, plan([str(told)], str(sketch))[0], replace(options, overwrite=False))
        assert again.status == "skipped"

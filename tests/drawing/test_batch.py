"""Many photos: one bad one stops nothing, what is there is left, memory stays bounded, a stop leaves no rest."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import numpy as np
import pytest
from PIL import Image

from most_sketch.drawing.batch import run
from most_sketch.drawing.jobs import Job, plan
from most_sketch.drawing.options import Layout, Options
from most_sketch.drawing.records import Record
from most_sketch.drawing.sketcher import Sketcher
from most_sketch.photo.frame import EYES

PENCIL = Options(("pencil",))


@pytest.fixture
def photos(tmp_path: Path, portrait: Image.Image) -> Path:
    """A folder with two portraits, and between them by name a text that is called .jpg."""
    folder = tmp_path / "photos"
    folder.mkdir()
    portrait.save(folder / "a.jpg")
    (folder / "b.jpg").write_text("not a picture")
    portrait.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(folder / "c.png")
    return folder


def jobs_of(*inputs: Path) -> list[Job]:
    return plan([str(path) for path in inputs])[0]


def by_name(records: Iterator[Record]) -> dict[str, Record]:
    return {Path(record.name).name: record for record in records}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_bad_photo_stops_nothing(sketcher: Sketcher, photos: Path) -> None:
    records = by_name(run(sketcher, jobs_of(photos), PENCIL))
    assert {name: record.status for name, record in records.items()} == {
        "a.jpg": "drawn",
        "b.jpg": "failed",
        "c.png": "drawn",
    }
    assert records["b.jpg"].reason == f"{photos / 'b.jpg'}: not a picture that can be read"
    assert names(photos) == {"a.jpg", "b.jpg", "c.png", "a.sketch.png", "c.sketch.png"}
    expected = sketcher.sketch(Image.open(photos / "c.png"))
    assert np.array_equal(Image.open(photos / "c.sketch.png"), expected)


def test_sketches_of_one_batch_are_not_mixed_up(sketcher: Sketcher, photos: Path) -> None:
    """Several faces and styles, drawn in batches that do not end where a photo ends."""
    both = Image.new("RGB", (1024, 512))
    for place, name in enumerate(("a.jpg", "c.png")):
        both.paste(Image.open(photos / name), (512 * place, 0))
    both.save(photos / "both.png")
    options = Options(("pencil", "ink"), name_styles=True, faces=None, number_faces=True, batch_size=3)
    records = by_name(run(sketcher, jobs_of(photos), options))
    assert len(records["both.png"].outputs) == 4
    for number, crop in enumerate(sketcher.crops(both, count=None), start=1):
        for index, style in enumerate(("pencil", "ink")):
            saved = np.asarray(Image.open(photos / f"both.{number}.{style}.sketch.png"), dtype=int)
            (expected,) = sketcher.draw_crops([crop], [index])
            assert np.abs(saved - np.asarray(expected, dtype=int)).max() <= 1


def test_stopping_early_leaves_whole_sketches_only(sketcher: Sketcher, photos: Path) -> None:
    for number in range(8):
        Image.open(photos / "a.jpg").save(photos / f"n{number}.jpg")
    with closing(run(sketcher, jobs_of(photos), PENCIL)) as records:
        next(records)
    written = [path for path in photos.iterdir() if ".sketch" in path.name]
    assert len(written) < 10
    assert all(Image.open(path).convert("L").size == (200, 250) for path in written)
    assert not [name for name in names(photos) if name.endswith(".part")]
    again = by_name(run(sketcher, jobs_of(photos), PENCIL))
    assert sum(record.status == "skipped" for record in again.values()) == len(written)
    assert sum(record.status == "drawn" for record in again.values()) == 10 - len(written)


def test_only_so_many_photos_are_read_ahead(
    sketcher: Sketcher, portrait_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With 40 photos to go, the first is reported when no more than a handful have been read."""
    reads = []

    def read(path: Path) -> Image.Image:
        reads.append(path)
        return Image.open(portrait_file).convert("RGB")

    monkeypatch.setattr("most_sketch.drawing.batch.read_image", read)
    jobs = []
    for number in range(40):
        photo = tmp_path / f"{number}.jpg"
        photo.hardlink_to(portrait_file)
        jobs.append(Job(photo, tmp_path / f"{number}.sketch.png", ".png"))
    with closing(run(sketcher, jobs, Options(("pencil",), align=False, batch_size=2))) as records:
        assert next(records).status == "drawn"
    assert len(reads) <= 14


def test_a_write_that_fails_is_told(sketcher: Sketcher, photos: Path) -> None:
    (photos / "file").write_bytes(b"")
    job = Job(photos / "a.jpg", photos / "file" / "a.sketch.png", ".png")
    (record,) = run(sketcher, [job], PENCIL)
    assert record.status == "failed"
    assert "cannot be written" in record.reason


def test_an_unforeseen_fault_names_the_photo(sketcher: Sketcher, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def burst(*_: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(Sketcher, "draw_crops", burst)
    (record,) = run(sketcher, jobs_of(photos / "a.jpg"), PENCIL)
    assert record.reason == f"{photos / 'a.jpg'}: ZeroDivisionError: by zero"


def test_a_small_face_is_noticed(sketcher: Sketcher, photos: Path) -> None:
    Image.open(photos / "a.jpg").resize((256, 256)).save(photos / "small.png")
    small, large = run(sketcher, jobs_of(photos / "small.png", photos / "a.jpg"), PENCIL)
    assert "enlarged 2." in small.reason
    assert large.reason == ""


def test_a_turned_photo_is_noticed(sketcher: Sketcher, photos: Path) -> None:
    Image.open(photos / "a.jpg").transpose(Image.Transpose.ROTATE_90).save(photos / "lying.png")
    (record,) = run(sketcher, jobs_of(photos / "lying.png"), PENCIL)
    assert "turned by 90 degrees clockwise" in record.reason
    assert record.as_dict()["faces"][0]["turned"] == 90


def test_the_sketch_is_put_back_where_the_face_is(sketcher: Sketcher, photos: Path) -> None:
    (record,) = run(sketcher, jobs_of(photos / "a.jpg"), Options(("pencil",), layout="photo"))
    page = np.asarray(Image.open(record.outputs[0]), dtype=float)
    assert page.shape == (512, 512)
    left, top, right, bottom = (round(value) for value in record.faces[0].box)
    assert page[top:bottom, left:right].std() > 1
    assert (page[300:] == 255).all()
    assert (page[:, 350:] == 255).all()


def test_large_sketches_of_any_layout(sketcher: Sketcher, photos: Path) -> None:
    sizes = {"crop": (320, 400), "side-by-side": (640, 400), "photo": (512, 512)}
    for layout, size in sizes.items():
        options = Options(("pencil",), layout=layout, size=400, overwrite=True)
        (record,) = run(sketcher, jobs_of(photos / "a.jpg"), options)
        assert Image.open(record.outputs[0]).size == size
        assert record.sizes == ((320, 400),)


def test_photo_and_sketch_side_by_side(sketcher: Sketcher, photos: Path) -> None:
    (record,) = run(sketcher, jobs_of(photos / "a.jpg"), Options(("pencil",), layout="side-by-side"))
    both = Image.open(record.outputs[0])
    photo = Image.open(photos / "a.jpg")
    assert both.size == (400, 250)
    assert np.array_equal(both.crop((0, 0, 200, 250)), sketcher.crops(photo)[0].image)
    assert np.array_equal(both.crop((200, 0, 400, 250)).convert("L"), sketcher.sketch(photo))


def test_a_record_as_json(sketcher: Sketcher, photos: Path) -> None:
    (record,) = run(sketcher, jobs_of(photos / "a.jpg"), PENCIL)
    shown = json.loads(json.dumps(record.as_dict()))
    assert shown["input"] == str(photos / "a.jpg")
    assert shown["outputs"] == [str(photos / "a.sketch.png")]
    assert (shown["status"], shown["reason"]) == ("drawn", "")
    assert shown["faces"][0]["box"] == pytest.approx([180, 61, 268, 173], abs=4)
    assert shown["faces"][0]["landmarks"][0] == pytest.approx([204, 101], abs=4)
    assert shown["faces"][0]["confidence"] > 0.99
    assert shown["sizes"] == [[200, 250]]
    assert shown["seconds"] > 0
    placement = np.array(shown["faces"][0]["placement"])
    left, right = (placement @ (*eye, 1) for eye in shown["faces"][0]["landmarks"][:2])
    assert left == pytest.approx(EYES[0], abs=0.2)
    assert right == pytest.approx(EYES[1], abs=0.2)


def test_a_placement_leads_to_the_sketch_in_any_layout(sketcher: Sketcher, photos: Path) -> None:
    eyes = {}
    for layout in get_args(Layout):
        options = Options(("pencil",), layout=layout, overwrite=True)
        (record,) = run(sketcher, jobs_of(photos / "a.jpg"), options)
        face = record.as_dict()["faces"][0]
        eyes[layout] = np.array(face["placement"]) @ (*face["landmarks"][0], 1)
    assert eyes["crop"] == pytest.approx(EYES[0], abs=0.2)
    assert eyes["side-by-side"] == pytest.approx((200 + EYES[0][0], EYES[0][1]), abs=0.2)
    assert eyes["photo"] == pytest.approx(face["landmarks"][0], abs=0.2)


class Narrow(io.RawIOBase):
    """Takes a hundred bytes at a time, as an unbuffered standard output may, and no more than there is room for."""

    def __init__(self, room: int) -> None:
        self.room, self.taken = room, b""

    def writable(self) -> bool:
        return True

    def write(self, data: bytes | memoryview) -> int:  # type: ignore[override]
        part = bytes(data)[: min(100, self.room - len(self.taken))]
        self.taken += part
        return len(part)


@pytest.mark.parametrize("room", [10**6, 250])
def test_a_sketch_on_standard_output_is_whole_or_an_error(
    sketcher: Sketcher, portrait_file: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    narrow = Narrow(room)
    monkeypatch.setattr("sys.stdout", SimpleNamespace(buffer=narrow))
    (record,) = run(sketcher, [Job(None, None, ".png", portrait_file.read_bytes())], PENCIL)
    if room > 1000:
        assert record.status == "drawn"
        assert Image.open(io.BytesIO(narrow.taken)).size == (200, 250)
    else:
        assert record.status == "failed"
        assert "cut short" in record.reason

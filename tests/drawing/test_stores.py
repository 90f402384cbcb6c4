"""Photos in object stores are read and written by their addresses; S3 by a real client against a server here."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest
from conftest import Command
from own_sketches import own_sketch
from s3_server import Bucket

from most_sketch.drawing.jobs import plan
from most_sketch.drawing.stores import StoreFile, location
from most_sketch.errors import InputError

pytest.importorskip("pyarrow", reason="comes with most-sketch[ray]")


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """The address of a folder, with a space in its name, of which pyarrow takes only the percent-encoded form."""
    (tmp_path / "a store").mkdir()
    return f"file://{tmp_path}/a%20store"


def test_a_file_is_written_whole_and_read_back(folder: str, tmp_path: Path) -> None:
    file = StoreFile.at(folder) / PurePosixPath("deep/er/ü 雪.png")
    assert not file.exists()
    file.write_bytes(b"sketch")
    assert file.exists()
    assert file.read_bytes() == b"sketch"
    assert [path.name for path in (tmp_path / "a store" / "deep" / "er").iterdir()] == ["ü 雪.png"]
    assert (file.name, file.stem, file.suffix) == ("ü 雪.png", "ü 雪", ".png")
    assert str(file.with_name("b.png")) == f"file://{tmp_path}/a store/deep/er/b.png"


def test_a_write_that_fails_leaves_nothing(folder: str, tmp_path: Path) -> None:
    (tmp_path / "a store" / "taken.png").mkdir()
    with pytest.raises(InputError, match=r"taken.png: cannot be written"):
        (StoreFile.at(folder) / PurePosixPath("taken.png")).write_bytes(b"sketch")
    assert list((tmp_path / "a store").iterdir()) == [tmp_path / "a store" / "taken.png"]


def test_what_is_wrong_is_one_line(folder: str) -> None:
    with pytest.raises(InputError, match=r"gone\.jpg: no such file"):
        StoreFile.at(f"{folder}/gone.jpg").read_bytes()
    for address in ("nowhere://bucket", "s3://a bucket/photo.jpg"):
        with pytest.raises(InputError, match=f"{address}: no address of a store"):
            StoreFile.at(address)
    assert location("photos/a.jpg") == Path("photos/a.jpg")


def test_a_folder_in_a_store_becomes_jobs_as_any_folder(folder: str, tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", "deep/c.jpg", ".hidden.jpg", ".dark/d.jpg", "notes.txt"):
        path = tmp_path / "a store" / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    own_sketch(tmp_path / "a store" / "a.sketch.png")
    jobs, problems = plan([folder], f"file://{tmp_path}/out.d", ".webp", recursive=True)
    assert [problem.reason.partition(": left out")[2] for problem in problems] == [
        " what is no picture by its name (1 .txt)"
    ]
    assert [str(job.output) for job in jobs] == [
        f"file://{tmp_path}/out.d/{name}.sketch.webp" for name in ("a", "b", "deep/c")
    ]
    flat, _ = plan([folder])
    assert [str(job.output) for job in flat] == [f"file://{tmp_path}/a store/{name}.sketch.png" for name in "ab"]
    (alone,), _ = plan([f"{folder}/a.png"], f"file://{tmp_path}/mine.jpg")
    assert (str(alone.output), alone.suffix) == (f"file://{tmp_path}/mine.jpg", ".jpg")
    none, (problem,) = plan([f"{folder}/gone.jpg?"], str(tmp_path / "x.png"))
    assert (none, problem.reason) == ([], f"file://{tmp_path}/a store/gone.jpg: no such file")


def test_s3_to_s3(bucket: Bucket, convert: Command, portrait_file: Path) -> None:
    bucket.put("photos/deep/one face.jpg", portrait_file.read_bytes())
    bucket.put("photos/bad.jpg", b"not a picture")
    arguments = (bucket.address("photos"), "-r", "-o", bucket.address("sketches"))
    answer = convert(*arguments)
    assert answer.code == 1
    assert "s3://bucket/photos/bad.jpg: not a picture that can be read" in answer.err
    assert "1 drawn, 0 skipped, 1 failed" in answer.err
    assert bucket.keys("sketches/") == ["sketches/deep/one face.sketch.png"]
    assert "0 drawn, 1 skipped" in convert(*arguments).err

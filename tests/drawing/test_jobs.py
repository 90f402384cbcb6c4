"""Which photos are taken, where their sketches go, and what is refused before any work."""

from __future__ import annotations

from pathlib import Path

import pytest

from most_sketch.drawing.jobs import Job, UsageError, plan
from most_sketch.errors import InputError


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Photos, and what lies around beside photos; the working directory."""
    for name in (
        "a.jpg", "b.PNG", "notes.txt", ".hidden.jpg", "._b.PNG", "a.sketch.png",
        "below/c.jpg", "below/deep/d.webp", ".git/e.jpg",
    ):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def pairs(jobs: list[Job]) -> dict[str, str]:
    return {str(job.source): str(job.output) for job in jobs}


def planned(
    *inputs: str, output: str | None = None, suffix: str | None = None, recursive: bool = False
) -> dict[str, str]:
    jobs, problems = plan(inputs, output, suffix, recursive)
    assert all(problem.harmless for problem in problems)
    return pairs(jobs)


@pytest.mark.usefixtures("tree")
def test_sketches_go_beside_the_photo_or_under_the_output() -> None:
    assert planned("a.jpg") == {"a.jpg": "a.sketch.png"}
    assert planned("a.jpg", suffix=".webp") == {"a.jpg": "a.sketch.webp"}
    assert planned("a.jpg", output="x.TIF") == {"a.jpg": "x.TIF"}
    assert planned("a.jpg", output="below") == {"a.jpg": "below/a.sketch.png"}
    assert planned("a.jpg", output="new") == {"a.jpg": "new/a.sketch.png"}
    assert planned("a.jpg", output="new.png/") == {"a.jpg": "new.png/a.sketch.png"}
    assert planned("a.jpg", "below/c.jpg", output="v1.2/") == {
        "a.jpg": "v1.2/a.sketch.png",
        "below/c.jpg": "v1.2/c.sketch.png",
    }


@pytest.mark.usefixtures("tree")
def test_folders_globs_and_trees() -> None:
    assert planned(".") == {"a.jpg": "a.sketch.png", "b.PNG": "b.sketch.png"}
    assert planned(".", output="out", recursive=True) == {
        "a.jpg": "out/a.sketch.png",
        "b.PNG": "out/b.sketch.png",
        "below/c.jpg": "out/below/c.sketch.png",
        "below/deep/d.webp": "out/below/deep/d.sketch.png",
    }
    assert planned("**/*.jpg") == {"a.jpg": "a.sketch.png", "below/c.jpg": "below/c.sketch.png"}
    assert planned("*", recursive=True, output="out").keys() >= {"a.jpg", "b.PNG", "below/c.jpg"}


@pytest.mark.usefixtures("tree")
def test_each_photo_is_taken_once_however_it_is_named(tree: Path) -> None:
    assert planned("a.jpg", "./a.jpg", str(tree / "a.jpg"), "a.*g", ".") == {
        "a.jpg": "a.sketch.png",
        "b.PNG": "b.sketch.png",
    }


@pytest.mark.usefixtures("tree")
def test_own_sketches_are_no_photos() -> None:
    assert planned("a.jpg", "a.sketch.png") == {"a.jpg": "a.sketch.png"}
    with pytest.raises(InputError, match=r"a\.sketch\.png: .*rename it"):
        plan(["a.sketch.png"])


@pytest.mark.usefixtures("tree")
def test_a_name_with_glob_characters_is_a_name_first(tree: Path) -> None:
    (tree / "me[1].jpg").write_bytes(b"")
    assert planned("me[1].jpg", output="x.png") == {"me[1].jpg": "x.png"}


@pytest.mark.usefixtures("tree")
def test_standard_streams() -> None:
    (job,) = plan(["-"])[0]
    assert (job.source, job.output, job.suffix) == (None, None, ".png")
    (job,) = plan(["-"], "me.jpg")[0]
    assert (str(job.output), job.suffix) == ("me.jpg", ".jpg")
    assert planned("-", output="below") == {"None": "below/stdin.sketch.png"}
    (job,) = plan(["a.jpg"], "-", ".webp")[0]
    assert (job.output, job.suffix) == (None, ".webp")


@pytest.mark.usefixtures("tree")
@pytest.mark.parametrize(
    ("inputs", "output", "suffix", "reason"),
    [
        (["a.jpg", "b.PNG"], "x.png", None, "names one file"),
        (["."], "x.png", None, "names one file"),
        (["a.jpg", "b.PNG"], "-", None, "takes one sketch"),
        (["a.jpg", "-"], None, None, "takes one sketch"),
        (["a.jpg"], "x.bmp", None, "saved as"),
        (["a.jpg"], "x.png", ".jpg", "do not agree"),
        (["a.jpg"], "notes.txt", None, "saved as"),
    ],
)
def test_inputs_and_output_that_do_not_go_together(
    inputs: list[str], output: str | None, suffix: str | None, reason: str
) -> None:
    with pytest.raises(UsageError, match=reason):
        plan(inputs, output, suffix)


@pytest.mark.usefixtures("tree")
def test_photos_of_one_stem_give_their_whole_names(tree: Path) -> None:
    for name in ("a.png", "A.webp", "a.png.jpg", "caf\u00e9.jpg", "cafe\u0301.png"):
        (tree / name).write_bytes(b"")
    assert planned(".", output="out") == {
        "A.webp": "out/A.webp.sketch.png",
        "a.jpg": "out/a.jpg.sketch.png",
        "a.png": "out/a.png.sketch.png",
        "a.png.jpg": "out/a.png.jpg.sketch.png",
        "b.PNG": "out/b.sketch.png",
        "caf\u00e9.jpg": "out/caf\u00e9.jpg.sketch.png",
        "cafe\u0301.png": "out/cafe\u0301.png.sketch.png",
    }


@pytest.mark.usefixtures("tree")
def test_hidden_and_thumbnail_folders_hold_no_photos(tree: Path) -> None:
    for name in (".Trash-1000/files/x.jpg", "@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg", "below/__MACOSX/y.jpg"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes(b"")
    expected = {"a.jpg", "b.PNG", "below/c.jpg", "below/deep/d.webp"}
    assert set(planned(".", output="out", recursive=True)) == expected
    assert set(planned("**/*.jpg", output="out")) == {"a.jpg", "below/c.jpg"}
    assert set(planned("@eaDir/*/*.jpg", output="out")) == {"@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg"}


@pytest.mark.usefixtures("tree")
def test_what_is_left_out_of_a_folder_is_counted(tree: Path) -> None:
    for name in ("IMG_1.HEIC", "film.mov", "raw.nef", "other.NEF"):
        (tree / name).write_bytes(b"")
    jobs, (note,) = plan(["."], "out")
    assert "IMG_1.HEIC" in pairs(jobs)
    assert note.harmless
    assert note.reason == ".: left out what is no picture by its name (2 .nef, 1 .mov, 1 .txt)"


@pytest.mark.usefixtures("tree")
def test_two_photos_never_write_one_sketch(tree: Path) -> None:
    (tree / "below" / "a.jpg").write_bytes(b"")
    with pytest.raises(InputError, match="would both write"):
        plan(["a.jpg", "below/a.jpg"], "out")


@pytest.mark.usefixtures("tree")
@pytest.mark.parametrize("output", ["b.PNG", "./b.PNG", "link/b.PNG"])
def test_a_photo_is_never_overwritten(tree: Path, output: str) -> None:
    (tree / "link").symlink_to(tree)
    with pytest.raises(InputError, match="would replace the photo"):
        plan(["b.PNG"], output)


@pytest.mark.usefixtures("tree")
def test_a_missing_folder_for_the_output() -> None:
    for output in ("no/x.png", "no/such/", "no/folder"):
        with pytest.raises(InputError, match=r"there is no folder no.*create it first"):
            plan(["a.jpg"], output)


@pytest.mark.usefixtures("tree")
def test_inputs_without_photos_are_problems_and_stop_nothing(tree: Path) -> None:
    (tree / "empty").mkdir()
    jobs, problems = plan(["a.jpg", "missing.jpg", "*.xyz", "empty", "-photo.jpg"])
    assert pairs(jobs) == {"a.jpg": "a.sketch.png"}
    assert [problem.name for problem in problems] == ["missing.jpg", "*.xyz", "empty", "-photo.jpg"]
    assert [problem.reason.split("; ")[0] for problem in problems] == [
        "missing.jpg: no such file",
        "*.xyz: nothing matches",
        "empty: no pictures in this folder",
        "-photo.jpg: no such file",
    ]


@pytest.mark.usefixtures("tree")
def test_an_unreadable_folder_is_a_problem(ordinary_folder: Path) -> None:
    (ordinary_folder / "a.jpg").touch()
    (ordinary_folder / "below").mkdir()
    (ordinary_folder / "below" / "b.jpg").touch()
    (ordinary_folder / "below").chmod(0)
    jobs, problems = plan([str(ordinary_folder)], str(ordinary_folder / "out"), recursive=True)
    (ordinary_folder / "below").chmod(0o700)
    assert [job.source for job in jobs] == [ordinary_folder / "a.jpg"]
    assert "cannot be searched (Permission denied)" in problems[0].reason


@pytest.mark.usefixtures("tree")
def test_links_in_circles_end(tree: Path) -> None:
    (tree / "below" / "up").symlink_to(tree)
    (tree / "self.jpg").symlink_to("self.jpg")
    assert set(planned(".", output="out", recursive=True)) == {
        "a.jpg", "b.PNG", "self.jpg", "below/c.jpg", "below/deep/d.webp",
    }  # fmt: skip


def test_names_of_several_sketches_of_one_photo() -> None:
    beside = Job(Path("me.jpg"), Path("me.sketch.png"), ".png")
    assert beside.sketch_path() == Path("me.sketch.png")
    assert beside.sketch_path(face=2) == Path("me.2.sketch.png")
    assert beside.sketch_path(style="ink") == Path("me.ink.sketch.png")
    assert beside.sketch_path(2, "ink") == Path("me.2.ink.sketch.png")
    assert Job(Path("me.jpg"), Path("x.png"), ".png").sketch_path(2, "ink") == Path("x.2.ink.png")
    assert Job(Path("me.jpg"), None, ".png").sketch_path(2, "ink") is None

"""Which photos are taken, where their sketches go, and what is refused before any work."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from own_sketches import own_sketch
from PIL import Image

from most_sketch.drawing.jobs import Job, UsageError, plan
from most_sketch.drawing.options import Options
from most_sketch.errors import InputError


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Photos, and what lies around beside photos; the working directory."""
    for name in (
        "a.jpg", "b.PNG", "notes.txt", ".hidden.jpg", "._b.PNG",
        "below/c.jpg", "below/deep/d.webp", ".git/e.jpg",
    ):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    own_sketch(tmp_path / "a.sketch.png")
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
    with pytest.raises(InputError, match=r"a\.sketch\.png: is a sketch that most-sketch drew"):
        plan(["a.sketch.png"])


@pytest.mark.usefixtures("tree")
def test_a_photo_that_is_called_as_a_sketch_is_a_photo(tree: Path) -> None:
    """Its file decides, not its name; and what is left out of a list is told."""
    Image.new("L", (4, 5)).save(tree / "holiday.sketch.jpg")
    own_sketch(tree / "club.sketch.webp")
    expected = {"a.jpg": "a.sketch.png", "holiday.sketch.jpg": "holiday.sketch.sketch.png"}
    assert planned("a.jpg", "holiday.sketch.jpg") == expected
    assert planned("*.jpg") == expected
    assert planned(".").keys() == {"a.jpg", "b.PNG", "holiday.sketch.jpg"}
    (tree / "cut.sketch.jpg").write_bytes(b"")
    assert planned(".").keys() == {"a.jpg", "b.PNG", "holiday.sketch.jpg"}
    assert "cut.sketch.jpg: left out, it is called as a sketch and is no picture" in {
        problem.reason for problem in plan(["."])[1]
    }
    assert planned("cut.sketch.jpg").keys() == {"cut.sketch.jpg"}
    jobs, (problem,) = plan(["a.jpg", "club.sketch.webp"])
    assert [str(job.source) for job in jobs] == ["a.jpg"]
    assert (problem.harmless, problem.reason) == (
        True,
        "club.sketch.webp: left out, it is a sketch that most-sketch drew",
    )


@pytest.mark.usefixtures("tree")
def test_a_sketch_that_a_person_named_is_not_drawn_in_the_next_run(tree: Path) -> None:
    """Where photos and sketches share a folder, whatever `--name` calls them."""
    own_sketch(tree / "a.ink.png")
    own_sketch(tree / "portrait.png")
    assert planned(".").keys() == {"a.jpg", "b.PNG"}
    assert planned("portrait.png").keys() == {"portrait.png"}
    jobs, _ = plan(["."], name="{stem}.ink.png")
    assert pairs(jobs) == {"a.jpg": "a.ink.png", "b.PNG": "b.ink.png"}


@pytest.mark.usefixtures("tree")
def test_a_quoted_pattern_below_a_folder_with_brackets_in_its_name(tree: Path) -> None:
    (tree / "photos [2024]").mkdir()
    (tree / "photos [2024]" / "x.jpg").write_bytes(b"")
    assert planned("photos [2024]/*.jpg") == {"photos [2024]/x.jpg": "photos [2024]/x.sketch.png"}
    assert planned(f"{tree}/photos [2024]/*.jpg").keys() == {f"{tree}/photos [2024]/x.jpg"}
    assert planned("[ab].*").keys() == {"a.jpg", "b.PNG"}


@pytest.mark.usefixtures("tree")
def test_a_number_in_a_photos_name_is_not_taken_for_a_faces(tree: Path) -> None:
    for name in ("club.png", "club.1.jpg", "a.ink.jpg"):
        (tree / name).write_bytes(b"")
    jobs, _ = plan(["."], may_be_tag=lambda word: word.isdecimal() or word == "ink")
    assert pairs(jobs) == {
        "a.ink.jpg": "a.ink.sketch.png",
        "a.jpg": "a.jpg.sketch.png",
        "b.PNG": "b.sketch.png",
        "club.1.jpg": "club.1.sketch.png",
        "club.png": "club.png.sketch.png",
    }
    assert pairs(plan(["."])[0])["club.png"] == "club.sketch.png"


@pytest.mark.usefixtures("tree")
def test_a_link_as_output_is_what_it_leads_to(tree: Path) -> None:
    (tree / "one.png").symlink_to(tree / "kept.png")
    (tree / "two.png").symlink_to(tree / "kept.png")
    (tree / "photo.png").symlink_to(tree / "a.jpg")
    with pytest.raises(InputError, match="would replace the photo"):
        plan(["a.jpg"], "photo.png")
    for name in ("one.jpg", "two.jpg"):
        (tree / name).write_bytes(b"")
    with pytest.raises(InputError, match="would both write"):
        plan(["one.jpg", "two.jpg"], name="{stem}.png")


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
def test_missing_folders_are_no_obstacle() -> None:
    outputs = {"no/x.png": "no/x.png", "no/such/": "no/such/a.sketch.png", "no/folder": "no/folder/a.sketch.png"}
    for output, expected in outputs.items():
        assert planned("a.jpg", output=output) == {"a.jpg": expected}


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


def test_the_name_of_a_sketch_says_what_is_not_as_by_default() -> None:
    beside = Job(Path("me.jpg"), Path("me.sketch.png"), ".png")
    usual = Options(("pencil",), usual_style="pencil")

    def name(options: Options, face: int = 1, style: str = "pencil") -> str:
        return str(beside.sketch_path(face, style, options))

    assert name(usual) == "me.sketch.png"
    assert name(usual, style="ink") == "me.ink.sketch.png"
    assert name(replace(usual, number_faces=True), 2) == "me.2.sketch.png"
    assert name(replace(usual, name_styles=True)) == "me.pencil.sketch.png"
    assert name(replace(usual, size=1000, layout="photo", quality=5, min_confidence=0.5)) == "me.1000.photo.sketch.png"
    assert name(replace(usual, number_faces=True, size=500), 2, "ink") == "me.2.ink.500.sketch.png"
    every = replace(usual, layout="photo", faces=None, number_faces=True)
    assert name(every) == "me.photo.all-faces.sketch.png"
    assert name(replace(every, faces=3)) == "me.photo.3-faces.sketch.png"


def test_what_a_person_names_is_called_so() -> None:
    several = Options(("pencil",), usual_style="pencil", number_faces=True, name_styles=True, size=500)
    file = Job(Path("me.jpg"), Path("x.png"), ".png", naming="file")
    assert file.sketch_path(2, "ink", Options(("pencil",), usual_style="pencil", size=500)) == Path("x.png")
    assert file.sketch_path(2, "ink", several) == Path("x.2.ink.png")
    assert Job(Path("me.jpg"), None, ".png").sketch_path(2, "ink", several) is None


@pytest.mark.usefixtures("tree")
def test_names_from_a_template(tree: Path) -> None:
    (tree / "{size}.png").write_bytes(b"")
    jobs, _ = plan(["a.jpg", "below", "{size}.png"], "out", name="{stem} ({style}) {face:02}-{size}.webp")
    several = Options(("ink",), number_faces=True, size=500)
    assert [str(job.sketch_path(2, "ink", several)) for job in jobs] == [
        f"out/{stem} (ink) 02-500.webp" for stem in ("a", "c", "{size}")
    ]
    assert {job.suffix for job in jobs} == {".webp"}
    assert str(jobs[0].sketch_path(1, "ink", Options(("ink",)))) == "out/a (ink) 01-auto.webp"


@pytest.mark.usefixtures("tree")
@pytest.mark.parametrize(
    ("template", "output", "reason"),
    [
        ("{photo}.png", None, "what can be put into a name is {stem}, {style}, {face}, {size}"),
        ("{stem.png", None, "--name {stem.png: "),
        ("{stem}", None, "must end in one of .png"),
        ("below/{stem}.png", None, "-o names the folder"),
        ("{stem}.png", "x.png", "both name the sketch"),
        ("{stem}.png", "-", "standard output"),
    ],
)
def test_templates_that_make_no_names(template: str, output: str | None, reason: str) -> None:
    with pytest.raises(UsageError, match=re.escape(reason)):
        plan(["a.jpg"], output, name=template)


@pytest.mark.usefixtures("tree")
def test_a_template_that_gives_two_photos_one_name_is_refused(tree: Path) -> None:
    with pytest.raises(InputError, match=r"a\.jpg and b\.PNG would both write sketch\.png"):
        plan(["a.jpg", "b.PNG"], name="sketch.png")
    (tree / "a.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"would both write a\.ink\.png"):
        plan(["a.jpg", "a.png"], name="{stem}.ink.png")

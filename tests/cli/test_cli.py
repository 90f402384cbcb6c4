"""The command line end to end: what a person or a pipe sees, and the exit codes."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import Command
from PIL import Image

from most_sketch import Sketcher, __version__

PYTHON = (sys.executable, "-m", "most_sketch")


@pytest.fixture
def folder(tmp_path: Path, portrait: Image.Image, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with one portrait in it."""
    portrait.save(tmp_path / "me.jpg", quality=95)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_help_and_version_answer_without_torch() -> None:
    for arguments, expected in {("--version",): f"most-sketch {__version__}", ("--help",): "convert"}.items():
        program = f"""
import sys
from most_sketch.cli import main
sys.argv = ["most-sketch", *{arguments!r}]
try:
    main()
finally:
    heavy = {{"torch", "torchvision", "numpy", "PIL"}} & sys.modules.keys()
    print("heavy:", sorted(heavy))
"""
        answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert expected in answer.stdout
        assert answer.stdout.endswith("heavy: []\n")


@pytest.mark.usefixtures("folder")
def test_one_photo_to_one_sketch(convert: Command) -> None:
    answer = convert("me.jpg", "-o", "sketch.png")
    assert (answer.code, answer.out, answer.err) == (0, b"", "drawn: sketch.png\n")
    sketch = Image.open("sketch.png")
    assert (sketch.format, sketch.mode, sketch.size) == ("PNG", "L", (200, 250))
    assert sorted(os.listdir()) == ["me.jpg", "sketch.png"]  # noqa: PTH208 - names, not paths


@pytest.mark.usefixtures("folder")
def test_a_second_time_nothing_is_done(convert: Command) -> None:
    assert convert("me.jpg").err == "drawn: me.sketch.png\n"
    answer = convert("me.jpg")
    assert (answer.code, answer.err) == (0, "me.sketch.png: there already; --overwrite draws it anew\n")
    assert convert("me.jpg", "--overwrite", "--quiet").err == ""


def test_a_pipe_carries_the_image_and_nothing_else(convert: Command, portrait_file: Path) -> None:
    answer = convert("-", "-o", "-", stdin=portrait_file.read_bytes())
    assert answer.code == 0
    assert Image.open(io.BytesIO(answer.out)).size == (200, 250)
    jpeg = convert("-", "--format", "jpg", "--layout", "side-by-side", stdin=portrait_file.read_bytes())
    assert (Image.open(io.BytesIO(jpeg.out)).format, Image.open(io.BytesIO(jpeg.out)).size) == ("JPEG", (400, 250))


def test_a_folder_gives_a_sketch_per_photo_and_names_what_failed(convert: Command, folder: Path) -> None:
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (folder / "empty.jpg").write_bytes(b"")
    Image.new("RGB", (300, 300), "grey").save(folder / "wall.png")
    answer = convert(folder, "missing.jpg", "-o", "out")
    assert answer.code == 1
    failed, *reasons, summary = answer.err.splitlines()
    assert failed == "failed:"
    assert [reason.strip().removeprefix(f"{folder}/").split(":")[0] for reason in reasons] == [
        "missing.jpg",
        "broken.png",
        "empty.jpg",
        "wall.png",
    ]
    assert summary == "1 drawn, 0 skipped, 4 failed"
    assert [path.name for path in (folder / "out").iterdir()] == ["me.sketch.png"]


def test_json_is_one_line_a_photo(convert: Command, folder: Path) -> None:
    (folder / "empty.jpg").write_bytes(b"")
    answer = convert(".", "--json", "--quiet")
    lines = {line["input"]: line for line in map(json.loads, answer.out.splitlines())}
    assert {name: line["status"] for name, line in lines.items()} == {"me.jpg": "drawn", "empty.jpg": "failed"}
    assert lines["me.jpg"]["outputs"] == ["me.sketch.png"]
    assert lines["empty.jpg"]["reason"] == "empty.jpg: empty file"


@pytest.mark.usefixtures("folder")
def test_all_styles_and_all_faces_have_names_of_their_own(convert: Command) -> None:
    assert convert("me.jpg", "--style", "all").code == 0
    assert convert("me.jpg", "--style", "all", "--faces", "all", "-o", "x.png").code == 0
    assert convert("me.jpg", "--faces", "2", "--format", "tiff").code == 0
    assert {path.name for path in Path().iterdir()} == {
        "me.jpg", "me.pencil.sketch.png", "me.ink.sketch.png", "x.1.pencil.png", "x.1.ink.png", "me.1.sketch.tiff",
    }  # fmt: skip


def test_no_align_takes_the_photo_as_it_is(convert: Command, folder: Path) -> None:
    Image.new("RGB", (10, 300), "grey").save(folder / "strip.png")
    Image.new("L", (1, 1)).save(folder / "dot.png")
    assert convert("strip.png", "dot.png", "--no-align").code == 0
    assert Image.open("strip.sketch.png").size == Image.open("dot.sketch.png").size == (200, 250)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nobody.jpg"], "nobody.jpg: no such file"),
        (["n" * 300 + ".jpg"], "n" * 300 + ".jpg: no such file"),
        (["me.jpg", "-o", "n" * 300 + ".png"], "n" * 300 + ".png: cannot be written (File name too long)"),
        (["me.jpg", "-o", "me.jpg/sketch.png"], "me.jpg/sketch.png: cannot be written, for me.jpg is no folder"),
        (["me.jpg", "-o", "me.jpg"], "me.jpg: the sketch of me.jpg would replace the photo; choose another -o"),
        (["me.jpg", "--style", "chalk"], "no style 'chalk' in these weights; there is pencil, ink"),
        (["me.jpg", "--device", "abacus"], "unknown device 'abacus'; use auto, cpu, cuda or mps"),
        (["me.jpg", "--min-confidence", "1"], "me.jpg: no face found; a photo that is already cropped"),
    ],
)
def test_a_fault_is_one_line_that_says_what_to_do(convert: Command, arguments: list[str], message: str) -> None:
    answer = convert(*arguments)
    assert (answer.code, answer.out) == (1, b"")
    assert answer.err.startswith(f"most-sketch: error: {message}")
    assert answer.err.count("\n") == 1


@pytest.mark.usefixtures("folder")
def test_weights_that_are_none_are_one_line_too(command: Command) -> None:
    Path("fake.safetensors").write_bytes(b"not tensors")
    for weights in ("fake.safetensors", "nowhere"):
        answer = command("convert", "me.jpg", "--weights", weights)
        assert answer.code == 1
        assert answer.err.startswith(f"most-sketch: error: {weights}: ")
        assert answer.err.count("\n") == 1


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["me.jpg", "--unknown"],
        ["me.jpg", "--layout", "round"],
        ["me.jpg", "--framing", "wide"],
        ["me.jpg", "--finish", "gilt"],
        ["me.jpg", "--faces", "none"],
        ["me.jpg", "--faces", "0"],
        ["me.jpg", "--batch-size", "big"],
        ["me.jpg", "--size", "200"],
        ["me.jpg", "--size", "1251"],
        ["me.jpg", "--size", "large"],
        ["me.jpg", "--no-align", "--faces", "all"],
        ["me.jpg", "-o", "sketch.xyz"],
        ["me.jpg", "-o", "-", "--json"],
        ["me.jpg", "-o", "-", "--style", "all"],
        ["me.jpg", "-", "-o", "-"],
    ],
)
def test_wrong_usage_is_exit_code_2(convert: Command, arguments: list[str]) -> None:
    answer = convert(*arguments)
    assert (answer.code, answer.out) == (2, b"")
    assert "Traceback" not in answer.err
    assert [path.name for path in Path().iterdir()] == ["me.jpg"]


@pytest.mark.parametrize(
    "name",
    ["two words.jpg", 'it\'s "me".jpg', "zwei\nzeilen.jpg", "Žofie 肖像.jpg", os.fsdecode(b"\xff\xfe.jpg"), "-o.jpg"],
)
def test_names_of_all_kinds(convert: Command, folder: Path, name: str) -> None:
    (folder / "me.jpg").rename(folder / name)
    answer = convert("--", name)
    assert answer.code == 0
    assert answer.err.count("\n") == 1
    assert (folder / name).with_suffix(".sketch.png").exists()
    (folder / name).write_bytes(b"")
    answer = convert("--overwrite", "--json", "--", name)
    assert answer.code == 1
    assert json.loads(answer.out)["input"] == name
    assert answer.err.count("\n") == 1


def test_ctrl_c_leaves_whole_sketches_and_a_summary(folder: Path, tiny_weights: Path) -> None:
    for number in range(300):
        (folder / f"{number:03}.jpg").hardlink_to(folder / "me.jpg")
    call = [*PYTHON, "convert", ".", "-o", "out", "--json", "--device", "cpu", "--weights", str(tiny_weights)]
    with subprocess.Popen(
        call,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        # A shell's background jobs ignore Ctrl-C, and hand that on to what the tests start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.decode().startswith("interrupted; ")
    assert errors.count(b"\n") == 1
    written = list((folder / "out").iterdir())
    assert 1 <= len(written) < 300
    assert all(Image.open(path).convert("L").size == (200, 250) for path in written)


def test_a_reader_that_goes_away_is_no_traceback(folder: Path, tiny_weights: Path) -> None:
    (folder / "bad.jpg").write_bytes(b"")
    call = [*PYTHON, "convert", "bad.jpg", "--json", "--quiet", "--weights", str(tiny_weights)]
    with subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        errors = process.stderr.read()
    assert process.returncode == 1
    assert b"Traceback" not in errors


def test_framing_and_finish_are_chosen(portrait_file: Path, tmp_path: Path, command: Command) -> None:
    drawn = {}
    for framing, finish in (("portrait", "fade"), ("face", "fade"), ("face", "none")):
        output = tmp_path / f"{framing}.{finish}.png"
        options = ["--framing", framing, "--finish", finish, "--size", 500, "--device", "cpu"]
        assert command("convert", portrait_file, "-o", output, *options).code == 0
        with Image.open(output) as sketch:
            drawn[framing, finish] = np.asarray(sketch, dtype=float)
            assert sketch.size == (400, 500)
    lower = np.s_[460:, 40:360]
    # Her suit fills the lower end of the frame.
    assert drawn["face", "none"][lower].mean() < 215
    assert drawn["face", "fade"][-6:].mean() > 245 > drawn["face", "none"][-6:].mean()
    assert np.array_equal(drawn["face", "fade"][200:380, 100:300], drawn["face", "none"][200:380, 100:300])
    assert np.abs(drawn["portrait", "fade"] - drawn["face", "fade"]).mean() > 10


def test_the_bundled_weights_draw_a_pencil_portrait(portrait: Image.Image) -> None:
    """Mostly paper, some dark strokes, dark where the photo is dark: as a drawing of this very photo has it."""
    sketcher = Sketcher.load(device="cpu")
    drawn = sketcher.sketch(portrait, framing="face", finish="none")
    assert drawn.size == (400, 500)
    sketch = np.asarray(drawn, dtype=float)
    photo = np.asarray(sketcher.crops(portrait, framing="face")[0].image.convert("L"), dtype=float)
    assert 160 < sketch.mean() < 235
    assert (sketch > 200).mean() > 0.4
    assert 0.02 < (sketch < 100).mean() < 0.3
    # Less than in the face: the grey background of the photo is white paper.
    assert np.corrcoef(photo.ravel(), sketch.ravel())[0, 1] > 0.6
    # Not one pixel of the background, whose corners are sky and a flag.
    assert (sketch[:100, :40] == 255).all()
    face = np.s_[160:400, 100:300]
    assert np.corrcoef(photo[face].ravel(), sketch[face].ravel())[0, 1] > 0.6


@pytest.mark.usefixtures("folder")
def test_first_steps_draw_what_they_say(convert: Command) -> None:
    """A photo, then with another style, size and layout: each is drawn, and is left the second time."""
    steps = {
        (): "me.sketch.png",
        ("--style", "pencil"): "me.sketch.png",
        ("--style", "ink"): "me.ink.sketch.png",
        ("--size", "300"): "me.300.sketch.png",
        ("--layout", "photo"): "me.photo.sketch.png",
        ("--style", "ink", "--size", "300"): "me.ink.300.sketch.png",
    }
    for arguments, name in steps.items():
        there = Path(name).exists()
        answer = convert("me.jpg", *arguments)
        said = f"{name}: there already; --overwrite draws it anew\n" if there else f"drawn: {name}\n"
        assert (answer.code, answer.err) == (0, said)
    assert {path.name for path in Path().iterdir()} == {"me.jpg", *steps.values()}
    assert Image.open("me.ink.300.sketch.png").size == (240, 300)


@pytest.mark.usefixtures("folder")
def test_another_style_to_the_same_file_is_drawn_and_what_is_not_written_is_no_success(convert: Command) -> None:
    assert convert("me.jpg", "-o", "new/x.png", "--style", "ink").code == 0
    before = Path("new/x.png").read_bytes()
    answer = convert("me.jpg", "-o", "new/x.png", "--style", "pencil")
    assert (answer.code, answer.err) == (0, "drawn: new/x.png\n")
    assert Path("new/x.png").read_bytes() != before
    Path("new/x.png").write_bytes(b"mine")
    answer = convert("me.jpg", "-o", "new/x.png")
    assert answer.code == 1
    assert answer.err == (
        "most-sketch: error: new/x.png: is there already, and is not of most-sketch; replace it with --overwrite\n"
    )
    assert Path("new/x.png").read_bytes() == b"mine"


@pytest.mark.usefixtures("folder")
def test_names_by_a_template(convert: Command) -> None:
    answer = convert("me.jpg", "--style", "all", "--name", "{stem}-{style}.jpg", "-o", "out/")
    assert answer.code == 0
    assert {path.name for path in Path("out").iterdir()} == {"me-pencil.jpg", "me-ink.jpg"}
    for arguments, missing in ((("--style", "all"), "{style}"), (("--faces", "all"), "{face}")):
        answer = convert("me.jpg", *arguments, "--name", "{stem}.png")
        assert answer.code == 2
        assert f"put {missing} into it" in " ".join(answer.err.split())


@pytest.mark.parametrize("between", [b"\n", b"\r\n", b"\0"])
def test_photos_by_a_list(convert: Command, folder: Path, between: bytes) -> None:
    name = "two\nlines.jpg" if between == b"\0" else "two words.jpg"
    (folder / name).hardlink_to(folder / "me.jpg")
    content = between.join([b"me.jpg", name.encode(), b""])
    (folder / "list.txt").write_bytes(content)
    for arguments, stdin in ((("--from-file", "list.txt"), b""), (("--from-file", "-"), content)):
        answer = convert(*arguments, "-o", "out", "--json", "-q", "--overwrite", stdin=stdin)
        assert answer.code == 0
        assert [json.loads(line)["input"] for line in answer.out.splitlines()] == ["me.jpg", name]


@pytest.mark.usefixtures("folder")
def test_lists_that_name_nothing(convert: Command) -> None:
    Path("empty.txt").write_bytes(b"\n\n")
    for arguments, code, message in (
        (("--from-file", "empty.txt"), 1, "empty.txt: names no photo"),
        (("--from-file", "nowhere.txt"), 1, "nowhere.txt: cannot be read"),
        (("-", "--from-file", "-"), 2, "a photo or a list, not both"),
        ((), 2, "--from-file"),
    ):
        answer = convert(*arguments)
        assert answer.code == code
        assert message in answer.err


def test_many_sketches_in_one_pdf(convert: Command, folder: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        (folder / name).hardlink_to(folder / "me.jpg")
    answer = convert(".", "-o", "print/all.pdf", "--json")
    assert answer.code == 0
    assert {path for line in answer.out.splitlines() for path in json.loads(line)["outputs"]} == {"print/all.pdf"}
    data = (folder / "print" / "all.pdf").read_bytes()
    assert re.findall(rb"/Count (\d+)", data)[-1] == b"3"
    # It is ours, and made anew; what is not is refused.
    assert convert("a.jpg", "b.jpg", "-o", "print/all.pdf").code == 0
    (folder / "print" / "all.pdf").write_bytes(data + b"%")
    answer = convert(".", "-o", "print/all.pdf")
    assert answer.code == 1
    assert "not as most-sketch wrote it" in answer.err
    assert convert("me.jpg", "-o", "one.pdf").err == "drawn: one.pdf\n"


@pytest.mark.usefixtures("folder")
def test_metadata_is_an_option_with_and_without_a_value(convert: Command) -> None:
    photo = Image.open("me.jpg")
    exif = Image.Exif()
    exif[0x8298], exif[0x8825] = "(c) Ann", {1: "N", 2: (47.0, 1.0, 2.0)}
    photo.save("me.jpg", exif=exif)
    for arguments, kept, place in (
        (("me.jpg",), None, False),
        (("--keep-metadata", "me.jpg"), "(c) Ann", False),
        (("me.jpg", "--keep-metadata"), "(c) Ann", False),
        (("--keep-metadata", "all", "me.jpg"), "(c) Ann", True),
    ):
        assert convert(*arguments, "-o", "x.jpg").code == 0
        with Image.open("x.jpg") as sketch:
            assert sketch.getexif().get(0x8298) == kept
            assert bool(sketch.getexif().get_ifd(0x8825)) == place


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--transparent", "-o", "x.jpg"], "--transparent is for"),
        (["--transparent", "--layout", "side-by-side"], "--transparent is for"),
        (["--strokes"], "--strokes is for svg"),
        (["-o", "x.svg", "--layout", "side-by-side"], "svg holds a sketch alone"),
        (["--watch", "-o", "x.pdf", "."], "--watch goes with"),
        (["--dpi", "10"], "--dpi"),
    ],
)
def test_forms_that_do_not_go_together(convert: Command, arguments: list[str], message: str) -> None:
    answer = convert("me.jpg", *arguments)
    assert answer.code == 2
    assert message in " ".join(answer.err.split())
    assert [path.name for path in Path().iterdir()] == ["me.jpg"]


def test_a_watched_folder_is_drawn_as_it_fills(folder: Path, tiny_weights: Path) -> None:
    (folder / "in").mkdir()
    call = [*PYTHON, "convert", "in", "-o", "out", "--watch", "--json", "--device", "cpu"]
    with subprocess.Popen(
        [*call, "--weights", str(tiny_weights)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stderr.readline().startswith(b"in: no pictures in this folder")
        assert process.stderr.readline() == b"watching for photos until Ctrl-C\n"
        (folder / "in" / "a.jpg").hardlink_to(folder / "me.jpg")
        assert json.loads(process.stdout.readline())["outputs"] == ["out/a.sketch.png"]
        (folder / "in" / "b.jpg").write_bytes(b"")
        assert json.loads(process.stdout.readline())["reason"] == "in/b.jpg: empty file"
        (folder / "in" / "b.jpg").write_bytes((folder / "me.jpg").read_bytes())
        assert json.loads(process.stdout.readline())["outputs"] == ["out/b.sketch.png"]
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=60)
    assert out == b""
    assert "2 drawn, 0 skipped, 1 failed" in errors.decode()
    assert process.returncode == 1


def test_what_had_failed_is_told_when_a_run_is_ended(folder: Path, tiny_weights: Path) -> None:
    """By SIGTERM as by Ctrl-C."""
    (folder / "0.jpg").write_bytes(b"")
    for number in range(1, 200):
        (folder / f"{number:03}.jpg").hardlink_to(folder / "me.jpg")
    call = [*PYTHON, "convert", ".", "-o", "out", "--json", "--device", "cpu", "--weights", str(tiny_weights)]
    with subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder) as process:
        assert process.stdout is not None
        for _ in range(2):
            process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
    interrupted, failed, reason = errors.decode().splitlines()
    assert interrupted.startswith("interrupted; ")
    assert (failed, reason.strip()) == ("failed:", "0.jpg: empty file")

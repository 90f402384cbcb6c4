"""`most-sketch eval` from pairs on disk to tables and files, and everything that can be wrong with its input."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import typer
from drawn_pairs import write_pairs
from PIL import Image
from rich.console import Console
from test_metrics import write_backbone
from torch import Tensor

from most_sketch.checkpoints.trained import Trained
from most_sketch.checkpoints.weights import save_weights
from most_sketch.cli.eval import eval_command
from most_sketch.errors import InputError, MostSketchError, WeightsError
from most_sketch.evaluation import command as eval_module
from most_sketch.evaluation.baselines import dodge, grey
from most_sketch.evaluation.columns import DEFAULT_KEYS
from most_sketch.evaluation.metrics import Metrics, l1
from most_sketch.evaluation.published import TABLE_I, TABLE_II, half_of
from most_sketch.evaluation.results import Evaluation, PairScore
from most_sketch.evaluation.scoring import score_pairs
from most_sketch.evaluation.table import comparison_table, method_table
from most_sketch.network.config import ModelConfig
from most_sketch.network.generator import Generator
from most_sketch.pairs.pairs import Pair, find_pairs, hold_out

SIZE = (64, 80)
TINY = ModelConfig(
    styles=("pencil", "ink"),
    channels=8,
    stem_channels=4,
    encoder_blocks=1,
    slots=4,
    injection_blocks=1,
    injection_channels=4,
)

Eval = Callable[..., str]


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Two databases, of eleven and two pairs."""
    write_pairs(tmp_path / "cufs" / "first", [f"{number:02d}" for number in range(11)], SIZE)
    write_pairs(tmp_path / "cufs" / "second", ["a", "b"], SIZE)
    return tmp_path / "cufs"


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    run = tmp_path / "run"
    run.mkdir()
    save_weights(run / "weights.safetensors", Generator(TINY))
    return run


@pytest.fixture
def run_eval(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Eval:
    """Run the command in an empty folder without cache and network; returns what it wrote to standard output."""

    def refuse(*_: Any) -> None:
        raise OSError("no network in tests")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "empty-cache"))
    monkeypatch.setattr(socket, "create_connection", refuse)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    app = typer.Typer()
    app.command("eval")(eval_command)

    def run(*arguments: object) -> str:
        capsys.readouterr()
        app([str(argument) for argument in arguments], standalone_mode=False)
        return capsys.readouterr().out

    return run


def copy_truth(pairs: Path, target: Path) -> Path:
    """Predictions that are the artist's own sketches."""
    for pair in find_pairs(pairs):
        path = target / f"{pair.name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pair.sketch.read_bytes())
    return target


def test_the_artists_own_sketches_get_the_best_scores_there_are(run_eval: Eval, pairs: Path, tmp_path: Path) -> None:
    scores = json.loads(run_eval("--data", pairs, "--predictions", copy_truth(pairs, tmp_path / "truth"), "--json"))
    assert scores["overall"] == pytest.approx(
        {"fsim": 1, "ssim": 1, "lpips_squeeze": None, "lpips_alex": None, "lpips_vgg": None, "l1": 0}, abs=1e-6
    )
    assert scores["pairs"] == 13
    assert {name: part["pairs"] for name, part in scores["databases"].items()} == {"first": 11, "second": 2}


def test_averages_are_over_images_and_the_csv_has_every_one(run_eval: Eval, pairs: Path, tmp_path: Path) -> None:
    table = tmp_path / "scores.csv"
    scores = json.loads(run_eval("--data", pairs, "--predictions", "grey", "--json", "--csv", table))
    rows = list(csv.DictReader(table.open()))
    assert len(rows) == 13
    assert (rows[0]["database"], rows[0]["name"], rows[0]["width"], rows[0]["height"]) == ("first", "00", "64", "80")
    for key in ("fsim", "ssim", "l1"):
        assert scores["overall"][key] == pytest.approx(np.mean([float(row[key]) for row in rows]), abs=1e-6)
        second = [float(row[key]) for row in rows if row["database"] == "second"]
        assert scores["databases"]["second"][key] == pytest.approx(np.mean(second), abs=1e-6)


def test_the_table_shows_databases_and_marks_published_rows(run_eval: Eval, pairs: Path) -> None:
    lines = [line.strip() for line in run_eval("--data", pairs, "--predictions", "grey").splitlines()]
    title, heading, *_ = lines
    assert title == "cufs (all)"
    # Without the backbones of LPIPS its columns would be empty.
    assert heading.split() == ["FSIM", "↑", "SSIM", "↑", "L1", "↓"]
    own, _, second, divider = (
        next(place for place, line in enumerate(lines) if line.startswith(start))
        for start in ("the grey photo (13)", "first (11)", "second (2)", "published, CUFS (338)")
    )
    assert own < second < divider
    (paper,) = [line for line in lines[divider:] if line.startswith("MOST-Net (paper)")]
    assert paper.split()[2:] == ["0.7394", "0.5433"]


@pytest.mark.parametrize("width", [80, 120])
def test_six_columns_fit_a_terminal(width: int) -> None:
    keys = DEFAULT_KEYS
    score = PairScore("cuhk", "a", (200, 250), dict.fromkeys(keys, 0.5))
    evaluation = Evaluation("most-net-cufs [red]", "cufs", "all", (score, replace(score, database="ar")), {})
    for table in (method_table(evaluation), comparison_table([evaluation, evaluation])):
        console = Console(width=width, file=io.StringIO(), color_system=None)
        console.print(table)
        shown = console.file.getvalue()
        assert max(map(len, shown.splitlines())) <= width
        assert "most-net-cufs [red]" in shown
        assert shown.count("0.5000") == len(keys) * (3 if "ar (1)" in shown else 2)
        for heading in ("FSIM ↑", "LPIPS ↓", "SqueezeNet", "AlexNet", "VGG-16", "L1 ↓"):
            assert heading in shown
        assert "…" not in shown


def test_metrics_chooses_the_columns_of_table_files_and_report(run_eval: Eval, pairs: Path, tmp_path: Path) -> None:
    csv_file, report = tmp_path / "scores.csv", tmp_path / "report.html"
    run = ("--data", pairs, "--predictions", "grey", "--metrics", "scoot, SSIM")
    told = json.loads(run_eval(*run, "--json", "--csv", csv_file, "--report", report))
    assert list(told["overall"]) == ["ssim", "scoot"]
    assert 0.05 < told["overall"]["scoot"] < 1
    assert told["missing"] == {}
    first = told["scores"][0]
    assert list(first) == ["database", "name", "width", "height", "ssim", "scoot"]
    assert told["overall"]["scoot"] == pytest.approx(np.mean([score["scoot"] for score in told["scores"]]))
    assert csv_file.read_text().splitlines()[0] == "database,name,width,height,ssim,scoot"
    page = report.read_text(encoding="utf-8")
    assert "SCOOT ↑" in page
    assert "FSIM ↑" not in page
    heading = next(line for line in run_eval(*run).splitlines() if "SSIM" in line)
    assert heading.split() == ["SSIM", "↑", "SCOOT", "↑"]


def test_texture_is_of_all_sketches_together_and_of_each_database(
    run_eval: Eval, pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    backbones = tmp_path / "backbones"
    write_backbone(backbones)
    run = ("--data", pairs, "--backbones", backbones, "--metrics", "ssim,texture")
    own = json.loads(run_eval(*run, "--predictions", copy_truth(pairs, tmp_path / "truth"), "--json"))
    grey_photo = json.loads(run_eval(*run, "--predictions", "grey", "--json"))
    assert grey_photo["overall"]["texture"] > own["overall"]["texture"]
    assert grey_photo["databases"]["first"]["texture"] != grey_photo["overall"]["texture"]
    assert grey_photo["halves"]["CUFS"]["texture"] == grey_photo["overall"]["texture"]
    assert "texture" not in grey_photo["scores"][0]
    assert grey_photo["texture_among_drawings"] == own["texture_among_drawings"]
    report = tmp_path / "report.html"
    app = typer.Typer()
    app.command("eval")(eval_command)
    app([*map(str, run), "--predictions", "grey", "--report", str(report)], standalone_mode=False)
    assert "Texture ↓" in report.read_text(encoding="utf-8")
    assert "two halves of the artist's drawings are" in capsys.readouterr().err


def test_a_spreadsheet_gets_a_mark_where_it_is_asked_for(run_eval: Eval, pairs: Path, tmp_path: Path) -> None:
    (pairs / "second").rename(pairs / "zweite-Hälfte")
    plain, marked = tmp_path / "plain.csv", tmp_path / "marked.csv"
    run = ("--data", pairs, "--predictions", "grey", "--metrics", "l1")
    run_eval(*run, "--csv", plain)
    run_eval(*run, "--csv", marked, "--excel")
    assert marked.read_bytes() == b"\xef\xbb\xbf" + plain.read_bytes()
    assert list(csv.DictReader(marked.open(encoding="utf-8-sig")))[-1]["database"] == "zweite-Hälfte"


def test_saved_sketches_are_kept_unless_they_may_be_replaced(run_eval: Eval, pairs: Path, tmp_path: Path) -> None:
    run = ("--data", pairs, "--split", "validation", "--metrics", "l1", "--save", tmp_path / "kept")
    run_eval(*run, "--predictions", "grey")
    kept = {path: path.read_bytes() for path in (tmp_path / "kept").rglob("*.png")}
    assert len(kept) == 3
    (tmp_path / "kept" / "first" / "00.png").unlink()
    with pytest.raises(InputError, match=r"kept/first/10.png: is there already; replace it with --overwrite"):
        run_eval(*run, "--predictions", "dodge")
    assert not (tmp_path / "kept" / "first" / "00.png").exists()
    run_eval(*run, "--predictions", "dodge", "--overwrite")
    assert all(path.read_bytes() != before for path, before in kept.items())


def test_the_validation_split_is_the_held_out_tenth(run_eval: Eval, pairs: Path, tmp_path: Path) -> None:
    table = tmp_path / "scores.csv"
    run_eval("--data", pairs, "--predictions", "grey", "--split", "validation", "--csv", table)
    scored = [(row["database"], row["name"]) for row in csv.DictReader(table.open())]
    assert scored == [("first", "00"), ("first", "10"), ("second", "a")]


def test_without_data_it_looks_for_cufs_here(run_eval: Eval, pairs: Path) -> None:
    with pytest.raises(InputError, match=r"no folder cufs here; expected are .*cufs/cuhk/photos/f-005-01.jpg"):
        run_eval("--predictions", "grey")
    pairs.rename("cufs")
    assert json.loads(run_eval("--predictions", "grey", "--json"))["pairs"] == 13


def test_saved_sketches_score_exactly_as_the_weights_that_drew_them(
    run_eval: Eval, pairs: Path, weights: Path, tmp_path: Path
) -> None:
    sketches = tmp_path / "sketches"
    drawn = json.loads(run_eval("--data", pairs, "--weights", weights, "--save", sketches, "--json"))
    read = json.loads(run_eval("--data", pairs, "--predictions", sketches, "--json"))
    assert read["overall"] == drawn["overall"]
    assert drawn["method"] == "run"
    with Image.open(sketches / "second" / "a.png") as sketch:
        assert (sketch.mode, sketch.size) == ("L", SIZE)


def test_a_style_is_drawn_from_its_own_memory(run_eval: Eval, pairs: Path, weights: Path) -> None:
    pencil, default, ink = (
        json.loads(run_eval("--data", pairs, "--weights", weights, *style, "--json"))["overall"]
        for style in (("--style", "pencil"), (), ("--style", "ink"))
    )
    assert pencil == default
    assert pencil != ink
    with pytest.raises(InputError, match=r"--style chalk: the weights .* have pencil, ink"):
        run_eval("--data", pairs, "--weights", weights, "--style", "chalk")


def test_a_database_named_after_a_style_is_drawn_in_it(run_eval: Eval, pairs: Path, weights: Path) -> None:
    """FS2K's three styles are so scored at once, each against its own drawings."""
    (pairs / "second").rename(pairs / "ink")
    run = ("--data", pairs, "--weights", weights, "--metrics", "l1", "--json")
    mixed, ink, pencil = (
        json.loads(run_eval(*run, *style))["databases"] for style in ((), ("--style", "ink"), ("--style", "pencil"))
    )
    assert mixed["ink"] == ink["ink"] != pencil["ink"]
    assert mixed["first"] == pencil["first"] != ink["first"]


def test_fs2k_is_a_part_of_its_own_without_published_rows(run_eval: Eval, pairs: Path, tmp_path: Path) -> None:
    (pairs / "second").rename(pairs / "fs2k")
    run = ("--data", pairs, "--predictions", "grey", "--metrics", "ssim,scoot")
    told = json.loads(run_eval(*run, "--json", "--report", tmp_path / "report.html"))
    assert list(told["halves"]) == ["CUFS", "FS2K"]
    assert told["halves"]["FS2K"]["published"] == {}
    assert told["halves"]["FS2K"]["scoot"] == told["databases"]["fs2k"]["scoot"]
    assert "no published figures" in told["halves"]["FS2K"]["note"]
    table = run_eval(*run)
    assert "the grey photo, FS2K (2)" in table
    assert "published, FS2K" not in table
    assert "published, CUFS (338)" in table
    assert "Published, FS2K" not in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_compare_prints_the_runs_beside_the_published_ablation(run_eval: Eval, pairs: Path, weights: Path) -> None:
    other = weights.parent / "other.safetensors"
    torch.manual_seed(1)
    save_weights(other, Generator(TINY))
    first, second = json.loads(run_eval("--data", pairs, "--compare", weights, other, "--json"))
    assert (first["method"], second["method"]) == ("run", "other")
    assert first["overall"] == json.loads(run_eval("--data", pairs, "--weights", weights, "--json"))["overall"]
    report = weights.parent / "report.html"
    table = run_eval("--data", pairs, "--compare", weights, other, "--report", report)
    with pytest.raises(InputError, match="is there already; replace it with --overwrite"):
        run_eval("--data", pairs, "--weights", weights, "--report", report)
    page = report.read_text(encoding="utf-8")
    assert "<h1>run, other <small>seen in training: run: not known; other: not known</small></h1>" in page
    assert all(
        hashlib.sha256(file.read_bytes()).hexdigest() in page for file in (weights / "weights.safetensors", other)
    )
    row_of = {line.split()[0]: line.split() for line in table.splitlines() if line.strip()}
    for scores in (first, second):
        assert row_of[scores["method"]][1:] == [f"{scores['overall'][key]:.4f}" for key in ("fsim", "ssim", "l1")]
    assert [line.split()[-1] for line in table.splitlines() if "MR loss" in line] == ["0.5431", "0.5433"]


def test_grey_is_the_luma_of_the_photo_and_dodge_is_white_where_the_photo_is_flat() -> None:
    photo = torch.tensor([1.0, -1.0, -1.0]).view(1, 3, 1, 1).expand(1, 3, 64, 64)
    assert grey([], photo)[0, 0, 0, 0].item() == pytest.approx(2 * 0.299 - 1, abs=1e-6)
    assert dodge([], photo).min().item() == pytest.approx(1, abs=1e-5)
    edge = torch.where(torch.arange(64) < 32, -0.5, 1.0).expand(1, 3, 64, 64)
    assert dodge([], edge)[0, 0, 32, 31] < 0


def test_nearest_takes_the_sketch_of_the_most_similar_other_photo(run_eval: Eval, tmp_path: Path) -> None:
    """Person a's photo is in the gallery a second time, under another name and with another sketch."""
    root = write_pairs(tmp_path / "cufs" / "people", ["a", "b", "c", "d"], SIZE)
    (root / "photos" / "twin.png").write_bytes((root / "photos" / "a.png").read_bytes())
    Image.new("L", SIZE, 7).save(root / "sketches" / "twin.png")
    run_eval("--data", tmp_path / "cufs", "--predictions", "nearest", "--save", tmp_path / "nearest")
    with Image.open(tmp_path / "nearest" / "people" / "a.png") as sketch:
        assert sketch.getextrema() == (7, 7)
    with Image.open(tmp_path / "nearest" / "people" / "twin.png") as sketch, Image.open(root / "sketches/a.png") as a:
        assert np.array_equal(sketch, a)


def fingerprints(pairs: Path, count: int) -> frozenset[str]:
    """Of some pairs of the first database, whose pictures the second has not."""
    return Trained.on(pair.photo for pair in find_pairs(pairs)[2 : 2 + count]).photos


@pytest.mark.parametrize(
    ("count", "complete", "seen", "line"),
    [
        (5, True, True, "all: trained on 5 of these 13 pairs, whose scores say nothing about other photos."),
        (5, False, True, "all: not all is known of the training, nor whether it has seen more of these pairs."),
        (0, True, False, None),
        (0, False, None, "all: nothing is known of the training, nor whether it has seen these pairs."),
        (None, True, None, "all: nothing is known of the training, nor whether it has seen these pairs."),
    ],
)
def test_pairs_that_weights_were_trained_on_are_told_of(
    run_eval: Eval,
    pairs: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    count: int | None,
    complete: bool,
    seen: bool | None,
    line: str | None,
) -> None:
    file, report = tmp_path / "all.safetensors", tmp_path / "report.html"
    trained = None if count is None else Trained(fingerprints(pairs, count), complete)
    save_weights(file, Generator(TINY), trained=trained)
    # Under other names and in another folder they are the same pairs.
    (pairs / "first").rename(pairs / "renamed")
    told = json.loads(run_eval("--data", pairs, "--weights", file, "--json", "--report", report))
    assert (told["seen"], told["seen_pairs"]) == (seen, count if seen is not None else None)
    app = typer.Typer()
    app.command("eval")(eval_command)
    app(["--data", str(pairs), "--weights", str(file)], standalone_mode=False)
    shown = capsys.readouterr()
    (headline,) = re.findall("<h1>.*</h1>", report.read_text(encoding="utf-8"))
    heading = {True: "seen in training: 5 of 13", False: "", None: "seen in training: not known"}[seen]
    if heading:
        assert f"cufs (all), {heading}" in shown.out
        assert heading in headline
    else:
        assert "seen" not in shown.out + headline
    assert line is None or line in shown.err


def test_of_the_held_out_pairs_none_is_seen_and_each_run_of_a_comparison_has_its_own_word(
    run_eval: Eval, pairs: Path, weights: Path, tmp_path: Path
) -> None:
    file = tmp_path / "ours.safetensors"
    training, _ = hold_out(find_pairs(pairs))
    save_weights(file, Generator(TINY), trained=Trained.on(pair.photo for pair in training))
    assert not json.loads(run_eval("--data", pairs, "--weights", file, "--split", "validation", "--json"))["seen"]
    ours, other = json.loads(run_eval("--data", pairs, "--compare", file, weights, "--json"))
    assert (ours["seen"], ours["seen_pairs"], other["seen"], other["seen_pairs"]) == (True, 10, None, None)
    table = " ".join(run_eval("--data", pairs, "--compare", file, weights).split())
    assert table.count("trained on") == table.count("ours (trained on 10 of 13)") == 1


def test_nearest_looks_in_the_training_part_or_in_a_given_gallery(run_eval: Eval, pairs: Path, tmp_path: Path) -> None:
    training, validation = hold_out(find_pairs(pairs))
    run_eval("--data", pairs, "--predictions", "nearest", "--split", "validation", "--save", tmp_path / "own")
    sketches = {pair.sketch.read_bytes() for pair in training}
    grey_levels = [np.asarray(Image.open(pair.sketch)) for pair in training]
    for pair in validation:
        drawn = np.asarray(Image.open(tmp_path / "own" / f"{pair.name}.png"))
        assert any(np.array_equal(drawn, each) for each in grey_levels)
    assert len(sketches) > 1
    gallery = write_pairs(tmp_path / "gallery", ["only"], SIZE)
    run_eval("--data", pairs, "--predictions", "nearest", "--gallery", gallery, "--save", tmp_path / "given")
    with (
        Image.open(tmp_path / "given" / "first" / "05.png") as sketch,
        Image.open(gallery / "sketches/only.png") as only,
    ):
        assert np.array_equal(sketch, only)


def test_predictions_are_found_flat_by_either_name_and_with_any_ending(run_eval: Eval, tmp_path: Path) -> None:
    root = write_pairs(tmp_path / "cufs", ["f-005-01", "m-001-01"], SIZE)
    (root / "sketches" / "f-005-01.png").rename(root / "sketches" / "F2-005-01-sz1.png")
    (root / "sketches" / "m-001-01.png").rename(root / "sketches" / "M2-001-01-sz1.png")
    flat = tmp_path / "flat"
    flat.mkdir()
    Image.open(root / "sketches" / "F2-005-01-sz1.png").save(flat / "F2-005-01-sz1.bmp")
    Image.open(root / "sketches" / "M2-001-01-sz1.png").convert("RGB").save(flat / "m-001-01.png")
    assert json.loads(run_eval("--data", root, "--predictions", flat, "--json"))["overall"]["l1"] == 0


def test_a_picture_of_another_size_is_an_error_and_never_resized(run_eval: Eval, pairs: Path, tmp_path: Path) -> None:
    truth = copy_truth(pairs, tmp_path / "truth")
    Image.new("L", (128, 160)).save(truth / "first" / "03.png")
    with pytest.raises(InputError, match=r"first/03.png: 128 x 160 pixels, but the artist's sketch has 64 x 80"):
        run_eval("--data", pairs, "--predictions", truth)
    Image.new("L", (64, 81)).save(pairs / "first" / "sketches" / "03.png")
    with pytest.raises(InputError, match=r"first/03: the photo has 64 x 80 pixels and the sketch 64 x 81"):
        run_eval("--data", pairs, "--predictions", "grey")


def hole(picture: Path) -> None:
    """Put a picture of floats with one that is not a number in the place of a picture."""
    levels = np.asarray(Image.open(picture), dtype=np.float32) / 255
    levels[40, 30] = np.nan
    Image.fromarray(levels).save(picture.with_suffix(".tif"))
    picture.unlink()


def break_nothing(_pairs: Path, _truth: Path) -> None:
    return


BROKEN: dict[str, tuple[Callable[[Path, Path], object], Sequence[str], str]] = {
    "a pair without prediction": (
        lambda _, truth: (truth / "first" / "04.png").unlink(),
        (),
        r"without a prediction in .*: first/04$",
    ),
    "a prediction without pair": (
        lambda _, truth: Image.new("L", SIZE).save(truth / "stranger.png"),
        (),
        r"without a pair of the same name: .*stranger.png$",
    ),
    "two predictions of one photo": (
        lambda _, truth: Image.new("L", SIZE).save(truth / "first" / "04.bmp"),
        (),
        "04.png and 04.bmp: two sketches of one photo",
    ),
    "a corrupt prediction": (
        lambda _, truth: (truth / "first" / "04.png").write_bytes(b"\x89PNG\r\n\x1a\nrest lost"),
        (),
        r"first/04.png: ",
    ),
    "a corrupt photo": (
        lambda pairs, _: (pairs / "second" / "photos" / "b.png").write_bytes(b"nothing"),
        (),
        r"second/photos/b.png: not a picture that can be read",
    ),
    "a photo without sketch": (
        lambda pairs, _: (pairs / "second" / "sketches" / "b.png").unlink(),
        (),
        "without a partner of the same name: .*b.png",
    ),
    "an unknown split": (break_nothing, ("--split", "test"), "--split test: there are all, validation"),
    "an unknown device": (break_nothing, ("--device", "abacus"), "unknown device 'abacus'"),
    "both weights and predictions": (break_nothing, ("--weights", "most-net-cufs"), "give one"),
    "runs without --compare": (break_nothing, ("runs/a",), "runs/a: give weights with --weights"),
    "--compare without runs": (break_nothing, ("--compare",), "--compare needs the weights files"),
    "a report that is a folder": (break_nothing, ("--report", "."), "is a folder, not a file"),
    "an unknown metric": (
        break_nothing,
        ("--metrics", "ssim,scott"),
        "--metrics scott: there are .*did you mean scoot",
    ),
    "no metric": (break_nothing, ("--metrics", "ssim,"), "--metrics 'ssim,': there are fsim, ssim"),
    "a metric that cannot be had": (
        break_nothing,
        ("--metrics", "texture", "--offline"),
        "--metrics texture: needs torchvision's SqueezeNet",
    ),
    "a report without a metric of pairs": (
        break_nothing,
        ("--metrics", "texture", "--report", "report.html"),
        "add a metric of pairs to --metrics",
    ),
    "a mark without a file": (break_nothing, ("--excel",), "--excel is of the file that --csv writes"),
    "a drawing with values that are no numbers": (
        lambda pairs, _: hole(pairs / "first" / "sketches" / "04.png"),
        (),
        r"first/sketches/04.tif: holds values that are not numbers",
    ),
    "a prediction with values that are no numbers": (
        lambda _, truth: hole(truth / "first" / "04.png"),
        (),
        r"first/04.tif: holds values that are not numbers",
    ),
    "no such backbones": (break_nothing, ("--backbones", "nowhere"), "--backbones nowhere: no such folder"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_wrong_input_is_one_clear_line(run_eval: Eval, pairs: Path, tmp_path: Path, what: str) -> None:
    damage, options, message = BROKEN[what]
    truth = copy_truth(pairs, tmp_path / "truth")
    damage(pairs, truth)
    with pytest.raises(MostSketchError, match=message) as caught:
        run_eval(*options, "--data", pairs, "--predictions", truth)
    assert "\n" not in str(caught.value)


def test_empty_and_missing_folders_are_named(run_eval: Eval, pairs: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty: no pictures in it"):
        run_eval("--data", pairs, "--predictions", tmp_path / "empty")
    with pytest.raises(InputError, match=r"gray: no such folder, nor one of grey, dodge, nearest"):
        run_eval("--data", pairs, "--predictions", "gray")
    with pytest.raises(InputError, match=r"empty: no pairs found"):
        run_eval("--data", tmp_path / "empty", "--predictions", "grey")
    with pytest.raises(WeightsError, match=r"nobody: no such weights file"):
        run_eval("--data", pairs, "--weights", "nobody")


def test_flat_predictions_of_names_that_two_databases_share_are_refused(run_eval: Eval, tmp_path: Path) -> None:
    for database in ("ar", "xm2vts"):
        write_pairs(tmp_path / "cufs" / database, ["1"], SIZE)
    (tmp_path / "flat").mkdir()
    Image.new("L", SIZE).save(tmp_path / "flat" / "1.png")
    with pytest.raises(InputError, match=r"1.png: ar, xm2vts all have this name"):
        run_eval("--data", tmp_path / "cufs", "--predictions", tmp_path / "flat")


def test_pictures_too_small_for_the_metrics_are_refused(run_eval: Eval, tmp_path: Path) -> None:
    write_pairs(tmp_path / "cufs", ["a"], (40, 48))
    with pytest.raises(InputError, match="40 x 48 pixels are too few to score; 64 a side are the least"):
        run_eval("--data", tmp_path / "cufs", "--predictions", "grey")


def test_weights_that_draw_no_numbers_are_refused(run_eval: Eval, pairs: Path, tmp_path: Path) -> None:
    generator = Generator(TINY)
    with torch.no_grad():
        generator.photo_encoder.stem.weight.fill_(3e38)
    save_weights(tmp_path / "broken.safetensors", generator)
    with pytest.raises(WeightsError, match=r"broken\.safetensors: drew values that are not numbers"):
        run_eval("--data", pairs, "--weights", tmp_path / "broken.safetensors")


def test_pairs_are_read_as_they_are_scored_and_batches_hold_one_size(tmp_path: Path) -> None:
    """The last pair is damaged; everything before it is scored first, so the set is never in memory at once."""
    write_pairs(tmp_path / "big", ["a", "b", "c"], (72, 80))
    write_pairs(tmp_path / "small", ["a", "b", "c"], SIZE)
    (tmp_path / "small" / "photos" / "c.png").write_bytes(b"nothing")
    batches: list[tuple[int, ...]] = []

    def method(_pairs: Sequence[Pair], photos: Tensor) -> Tensor:
        batches.append(tuple(photos.shape))
        return grey([], photos)

    scored = score_pairs(find_pairs(tmp_path), method, Metrics({"l1": l1}, {}), torch.device("cpu"), 2)
    names = [next(scored).pair.name for _ in range(3)]
    assert names == ["big/a", "big/b", "big/c"]
    assert batches == [(2, 3, 80, 72), (1, 3, 80, 72)]
    with pytest.raises(InputError, match="not a picture"):
        list(scored)


def test_published_figures_are_those_of_the_paper() -> None:
    best = {row.method: row.by_key for row in TABLE_I["CUFS"]}["MOST-Net (paper)"]
    assert best == {
        "fsim": 0.7394,
        "ssim": 0.5433,
        "lpips_squeeze": 0.1207,
        "lpips_alex": 0.1837,
        "lpips_vgg": 0.3006,
    }
    assert [row.by_key["ssim"] for row in TABLE_II] == [0.4983, 0.5431, 0.5433]


@pytest.mark.parametrize(
    ("database", "data", "above", "half"),
    [
        ("ar", "cufs", "pairs", "CUFS"),
        ("", "CUFSF", "pairs", "CUFSF"),
        ("train", "cufsf", "pairs", "CUFSF"),
        ("", "train", "photos-of-FERET", "CUFSF"),
        # The nearest folder that says it counts.
        ("cuhk", "cufsf-and-cufs", "", "CUFS"),
        ("cuhk/feret", "cufs", "", "CUFSF"),
        ("", "cufsf", "cufs", "CUFSF"),
        ("style1", "fs2k", "", "FS2K"),
        ("outline/style1", "train", "FS2K", "FS2K"),
        ("style1", "pairs", "", "CUFS"),
    ],
)
def test_folders_say_which_half_of_table_1_pairs_are_of(database: str, data: str, above: str, half: str) -> None:
    assert half_of(database, data, above) == half


def test_by_default_each_half_is_drawn_with_the_weights_that_were_trained_for_it(
    run_eval: Eval, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (pairs / "second").rename(pairs / "cufsf")
    # The second half's two pairs come before the first's eleven, so a batch holds both.
    trained = {"CUFS": fingerprints(pairs, 3), "CUFSF": frozenset[str]()}
    for number, half in enumerate(trained):
        torch.manual_seed(number)
        save_weights(tmp_path / f"{half}.safetensors", Generator(TINY), trained=Trained(trained[half]))
    weights = {half: str(tmp_path / f"{half}.safetensors") for half in trained}
    monkeypatch.setattr(eval_module, "BENCHMARK_WEIGHTS", weights)

    together = json.loads(run_eval("--data", pairs, "--json", "--report", tmp_path / "report.html"))
    alone = {half: json.loads(run_eval("--data", pairs, "--weights", weights[half], "--json")) for half in trained}
    assert together["method"] in ("CUFS and CUFSF", "CUFSF and CUFS")
    for half, told in together["halves"].items():
        assert told == alone[half]["halves"][half]
        assert told["method"] == half
    assert alone["CUFS"]["halves"]["CUFSF"]["ssim"] != alone["CUFSF"]["halves"]["CUFSF"]["ssim"]
    assert (together["seen"], together["seen_pairs"]) == (True, 3)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert all(hashlib.sha256(Path(file).read_bytes()).hexdigest()[:12] in page for file in weights.values())
    table = run_eval("--data", pairs)
    assert "CUFS, CUFS (11)" in table
    assert "CUFSF, CUFSF (2)" in table


def test_cufsf_has_its_own_published_rows_and_cufs_still_its(run_eval: Eval, pairs: Path) -> None:
    (pairs / "second").rename(pairs / "cufsf")
    run = ("--data", pairs, "--predictions", "grey")
    told = json.loads(run_eval(*run, "--json"))
    assert list(told["halves"]) == ["CUFS", "CUFSF"]
    for half, database, count, best in (("CUFS", "first", 11, 0.7394), ("CUFSF", "cufsf", 2, 0.7167)):
        ours = told["halves"][half]
        assert ours["pairs"] == count
        assert ours["ssim"] == told["databases"][database]["ssim"]
        assert ours["published"]["MOST-Net (paper)"]["fsim"] == best
        assert f"test pairs of {half} at 200 x 250" in ours["note"]
    lines = [line.strip() for line in run_eval(*run).splitlines()]
    order = [
        next(place for place, line in enumerate(lines) if line.startswith(start))
        for start in ("the grey photo, CUFS (11)", "published, CUFS (338)", "the grey photo, CUFSF (2)")
    ]
    order.append(lines.index("published, CUFSF (944)"))
    assert order == sorted(order)
    first, second = (line.split()[2:] for line in lines if line.startswith("MOST-Net (paper)"))
    assert (first, second) == (["0.7394", "0.5433"], ["0.7167", "0.4363"])


def test_the_folder_above_the_pairs_may_say_which_half_they_are_of(run_eval: Eval, tmp_path: Path) -> None:
    write_pairs(tmp_path / "cufsf" / "train", ["a"], SIZE)
    assert "published, CUFSF (944)" in run_eval("--data", tmp_path / "cufsf" / "train", "--predictions", "grey")


def test_a_comparison_on_cufsf_stands_over_its_rows_of_table_1(run_eval: Eval, tmp_path: Path, weights: Path) -> None:
    write_pairs(tmp_path / "cufsf", ["a", "b"], SIZE)
    table = run_eval("--data", tmp_path / "cufsf", "--compare", weights, weights)
    assert "MR loss" not in table
    (line,) = [line for line in table.splitlines() if line.startswith("Pix2Pix (2017)")]
    assert line.split()[2:] == ["0.7284", "0.4204"]


def test_the_command_needs_no_torch_until_it_runs() -> None:
    check = "import sys, most_sketch.cli.eval; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0

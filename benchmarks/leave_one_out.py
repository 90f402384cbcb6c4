"""How near do a few pairs bring weights to a style that they were not trained on?

    python benchmarks/leave_one_out.py WEIGHTS PAIRS --out FOLDER --trained WEIGHTS:STYLE
        [--other WEIGHTS[:STYLE] ...] [--counts 5 10 20 50] [--minutes 8] [--pix2pix N ...] [--reduce 2] [--limit N]
        [--perceptual vgg19|FILE|none] [--backbones DIR]

WEIGHTS (a run or a file) never saw the style of PAIRS, a paired set in the frame. `most-sketch teach` shows them the
first N pairs of a shuffled training part, for each N. The held-out pairs are scored beside (a) the nearest style that
the weights have, by LPIPS, (b) weights that were trained on all of it, and (c) Pix2Pix, trained from nothing on the
first N pairs of `--pix2pix` for the same minutes. What is printed is a table in Markdown; the share of the way from (a)
to (b) is that in LPIPS. FOLDER keeps the table, a sheet and the styles: one that is there
already is not taught again. Of a set that was enlarged, --reduce makes photos and drawings smaller before they are
drawn and scored. `--limit` scores so many pairs, spread over those held out.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import torch
from PIL import Image
from torch import Tensor

from most_sketch.checkpoints.find import find_weights
from most_sketch.checkpoints.styles import read_styles_of, with_styles
from most_sketch.checkpoints.weights import load_weights
from most_sketch.drawing.contact_sheets import captioned, contact_sheet
from most_sketch.evaluation.baselines import Method
from most_sketch.evaluation.columns import COLUMNS
from most_sketch.evaluation.metrics import Metrics, load_metrics
from most_sketch.evaluation.scoring import score_pairs
from most_sketch.network.build import AnyGenerator, draw
from most_sketch.pairs.pairs import Pair, find_pairs, hold_out, read_pair
from most_sketch.photo.images import encode_image, read_image, write_bytes

RANKED_BY = "lpips_squeeze"
MEASURED = tuple(column for column in COLUMNS if column.key in ("fsim", "ssim", RANKED_BY))
NAME = "taught"
SHOWN = 6
"""Pairs on the sheet."""


@dataclass(frozen=True)
class Row:
    """One way to draw the held-out pairs: means of its scores, and its drawings of the pairs on the sheet."""

    title: str
    scores: dict[str, float]
    drawings: list[Image.Image]
    taught: dict[str, float] | None = None
    """Seconds and peak resident KiB of teaching."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights")
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--trained", metavar="WEIGHTS:STYLE", required=True)
    parser.add_argument("--other", metavar="WEIGHTS[:STYLE]", nargs="+", default=[])
    parser.add_argument("--counts", type=int, nargs="+", default=[5, 10, 20, 50])
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--pix2pix", type=int, nargs="+", default=[])
    parser.add_argument("--reduce", type=int, default=1)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--perceptual", default="auto")
    parser.add_argument("--backbones", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    training, held_out = hold_out(find_pairs(options.pairs))
    random.Random(options.seed).shuffle(training)
    if max([*options.counts, *options.pix2pix]) > len(training):
        parser.error(f"--counts: {options.pairs} has {len(training)} pairs to teach with")
    found = load_metrics(options.backbones, torch.device("cpu"), offline=True)
    if RANKED_BY in found.missing:
        parser.error(found.missing[RANKED_BY])
    metrics = Metrics({column.key: found.available[column.key] for column in MEASURED}, {})

    weights = load_weights(options.weights)
    file = find_weights(options.weights)
    with tempfile.TemporaryDirectory() as folder:
        compared = reduced(spread(held_out, options.limit or len(held_out)), options.reduce, Path(folder))
        known = [
            score(f"{style} (it has it)", method(weights, place), compared, metrics)
            for place, style in enumerate(weights.config.styles)
        ]
        nearest = min(known, key=lambda row: row.scores[RANKED_BY])
        trained = score(f"{options.trained} (all pairs)", method(*named(options.trained)), compared, metrics)
        others = [score(other, method(*named(other)), compared, metrics) for other in options.other]
        rows = [nearest]
        for count in options.counts:
            style = options.out / f"{NAME}-{count}.safetensors"
            cost = teach(options.weights, training[:count], style, options)
            extended = with_styles(weights, read_styles_of(file, options.weights, [style]))
            row = score(f"{count} pairs", method(extended, len(weights.config.styles)), compared, metrics)
            rows.append(Row(row.title, row.scores, row.drawings, cost))
        for count in options.pix2pix:
            run = options.out / f"pix2pix-{count}"
            train_pix2pix(run, training[:count], options.minutes, options.reduce)
            rows.append(score(f"Pix2Pix, {count} pairs", method(load_weights(run), 0), compared, metrics))
        rows += [*others, trained]
        write_bytes(options.out / "sheet.png", encode_image(sheet(compared, rows), ".png"))
    text = table([*(row for row in known if row is not nearest), *rows], nearest, trained, len(compared))
    write_bytes(options.out / "table.md", text.encode())
    sys.stdout.write(text)


def named(given: str) -> tuple[AnyGenerator, int]:
    """Weights and the place of a style, given as WEIGHTS:STYLE, or as WEIGHTS for their first."""
    path, _, style = given.rpartition(":")
    generator = load_weights(path or style)
    return generator, generator.config.style_index(style if path else None)


def method(generator: AnyGenerator, style: int) -> Method:
    """The method that draws in one style of a network."""

    @torch.inference_mode()
    def draw_with(_pairs: Sequence[Pair], photos: Tensor) -> Tensor:
        return draw(generator, photos, torch.full((len(photos),), style))

    return draw_with


def spread(pairs: Sequence[Pair], count: int) -> list[Pair]:
    count = min(count, len(pairs))
    return [pairs[place * len(pairs) // count] for place in range(count)]


def reduced(pairs: Sequence[Pair], factor: int, folder: Path) -> list[Pair]:
    """The pairs at the size at which they are scored."""
    if factor == 1:
        return list(pairs)
    for pair in pairs:
        for kind, picture in zip(("photos", "sketches"), read_pair(pair), strict=True):
            path = folder / pair.database / kind / f"{pair.photo.stem}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture.reduce(factor).save(path)
    return find_pairs(folder)


def score(title: str, method: Method, pairs: Sequence[Pair], metrics: Metrics) -> Row:
    """Draw and score pairs by the protocol of `most-sketch eval`; a line of it on standard error."""
    scored = list(score_pairs(pairs, method, metrics, torch.device("cpu"), 1))
    means = {column.key: fmean(each.score.values[column.key] for each in scored) for column in MEASURED}
    sys.stderr.write(f"{title}: {', '.join(f'{key} {value:.4f}' for key, value in means.items())}\n")
    return Row(title, means, [each.sketch for each in spread(scored, SHOWN)])


def teach(weights: str, pairs: Sequence[Pair], style: Path, options: argparse.Namespace) -> dict[str, float]:
    """Teach the weights a style by the command, in a process of its own; seconds and peak resident KiB that it took."""
    kept = style.with_suffix(".json")
    if style.is_file() and kept.is_file():
        cost: dict[str, float] = json.loads(kept.read_text())
        return cost
    style.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        copy_pairs(pairs, Path(folder))
        arguments = ["teach", folder, "--name", NAME, "-o", str(style), "--weights", weights]
        for option in ("minutes", "reduce", "perceptual"):
            arguments += [f"--{option}", str(getattr(options, option))]
        sheet = str(style.with_suffix(".png"))
        start = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "most_sketch", *arguments, "--sheet", sheet, "--overwrite", "--device", "cpu"]
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"teach ended with {process.returncode}")
    cost = {"seconds": time.monotonic() - start, "peak": usage.ru_maxrss}
    kept.write_text(json.dumps(cost))
    return cost


def copy_pairs(pairs: Sequence[Pair], folder: Path) -> None:
    for pair in pairs:
        for kind, path in (("photos", pair.photo), ("sketches", pair.sketch)):
            place = folder / pair.database / kind / f"{pair.photo.stem}{path.suffix}"
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, place)


def train_pix2pix(run: Path, pairs: Sequence[Pair], minutes: float, reduce: int) -> None:
    """Train Pix2Pix on the pairs, at the size at which it is scored, and stop it after some minutes."""
    if (run / "weights.safetensors").is_file():
        return
    with tempfile.TemporaryDirectory() as folder:
        if reduce == 1:
            copy_pairs(pairs, Path(folder))
        else:
            reduced(pairs, reduce, Path(folder))
        arguments = ["--model", "pix2pix", "--data", folder, "--out", str(run), "--perceptual", "none"]
        arguments += ["--steps", "1000000", "--batch-size", "2", "--device", "cpu"]
        settings = ["--set", "hold_out=0", "--set", "decay_from=1"]
        process = subprocess.Popen([sys.executable, "-m", "most_sketch", "train", *arguments, *settings])
        try:
            status = process.wait(60 * minutes)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
            status = process.wait()
    if status not in (0, 130):
        sys.exit(f"train ended with {status}")


def table(rows: Sequence[Row], nearest: Row, trained: Row, count: int) -> str:
    """The rows as a table in Markdown."""
    scores = [column.heading for column in MEASURED]
    headings = [f"{count} held-out pairs", *scores, "of the way", "minutes", "peak GiB"]
    lines = [headings, ["---"] * len(headings)]
    way = nearest.scores[RANKED_BY] - trained.scores[RANKED_BY]
    for row in rows:
        share = f"{(nearest.scores[RANKED_BY] - row.scores[RANKED_BY]) / way:.0%}" if way > 0 else "n/a"
        cost = ["", ""]
        if row.taught is not None:
            cost = [f"{row.taught['seconds'] / 60:.1f}", f"{row.taught['peak'] / (1 << 20):.2f}"]
        lines.append([row.title, *(f"{row.scores[column.key]:.4f}" for column in MEASURED), share, *cost])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def sheet(pairs: Sequence[Pair], rows: Sequence[Row]) -> Image.Image:
    """Photo, every row's drawing, the artist's: some of the pairs from top to bottom."""
    shown = spread(pairs, SHOWN)
    columns = {"photo": [read_image(pair.photo) for pair in shown]}
    columns |= {row.title: row.drawings for row in rows}
    columns["the artist"] = [read_image(pair.sketch).convert("L") for pair in shown]
    return captioned({title: contact_sheet([[each] for each in column], 1) for title, column in columns.items()})


if __name__ == "__main__":
    main()

"""What cleaning takes of drawings: each is laid on a larger white page and prepared, and the ink around its landmarks
is counted before and after.

    python benchmarks/scans.py fs2k/train --record counts.jsonl --sheet worst.png

Landmarks are those in `sketch_points/`, else those that MTCNN finds in the drawing alone, else in its photo, where both
are of one size. Prints how many pairs were left out, listed, put elsewhere than where their landmarks are, and how many
lost more than a tenth of the ink at an eye or the mouth; ink are the pixels that are darker than paper and its
grain. What was counted stays in the record, and a later call goes on from there. The sheet shows those that lost most:
page, drawing.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from PIL import Image, ImageDraw

from most_sketch.errors import InputError
from most_sketch.pairs.landmarks import MOUTH_OF, Points, eyes_of, read_points
from most_sketch.pairs.pairs import Pair, find_pairs, read_pictures
from most_sketch.pairs.paper import Mask
from most_sketch.pairs.prepare import in_the_frame
from most_sketch.pairs.reading import Preparation, Reader
from most_sketch.photo.faces import MIN_CONFIDENCE, FaceFinder
from most_sketch.photo.frame import EYES, Placement, apply, extend_with_nothing, extend_with_paper, to_frame
from most_sketch.photo.mtcnn_networks import load_cascade

LARGER = 1.6
"""The page's sides, in those of the drawing."""
REACH = 9.0
"""Frame pixels around a feature in which its ink is counted."""
BARE = 0.8
"""The level of what is around strokes: this quantile of the grey levels there."""
INK, STILL_INK = 24.0, 12.0
"""Ink is darker than what is around it by more than the first, or it may be grain of the paper; that is made white and
strokes with it by as much, so that they are still there where they are darker by the second."""
LOST = 0.9
"""A feature that keeps less than this share of its ink has lost strokes."""
MISPLACED = 20.0
"""Frame pixels by which a drawing's eyes may lie beside their places."""
WORST = 20
NO_LANDMARKS = "no landmarks of"

Pictures = tuple[Image.Image, ...]


@dataclass(frozen=True)
class Row:
    """What became of one pair."""

    name: str
    kept: float = 1.0
    """The least share of its ink that a feature kept."""
    whole: float = 1.0
    """The share of all ink in the frame that the drawing kept, where it is one without a caption of its own."""
    misplaced: bool = False
    listed: bool = False
    problem: str = ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", type=Path, nargs="+", metavar="SET")
    parser.add_argument("--ink", type=float, default=1.0, help="strength of the ink, of 1")
    parser.add_argument("--record", type=Path, help="one line of JSON for each pair; pairs in it are not counted again")
    parser.add_argument("--count", type=int, help="how many pairs to count now, at most")
    parser.add_argument("--sheet", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    finder = FaceFinder(load_cascade(torch.device("cpu")))
    pairs = {pair.name: pair for folder in options.sets for pair in find_pairs(folder)}
    rows = [row for row in recorded(options.record) if row.name in pairs]
    left = [pairs[name] for name in pairs.keys() - {row.name for row in rows}]
    with TemporaryDirectory() as folder:
        for pair in sorted(left, key=lambda pair: pair.name)[: options.count]:
            row, _ = measure(pair, finder, options.ink, Path(folder))
            rows.append(row)
            if options.record:
                with options.record.open("a") as file:
                    file.write(json.dumps(asdict(row)) + "\n")
        worst = sorted((row for row in rows if not row.problem), key=lambda row: row.kept)[:WORST]
        sys.stdout.writelines(f"{line}\n" for line in told(rows, worst))
        if options.sheet:
            pictures = [measure(pairs[row.name], finder, options.ink, Path(folder))[1] for row in worst]
            sheet(worst, pictures).save(options.sheet)


def recorded(path: Path | None) -> list[Row]:
    """What was counted before."""
    if path is None or not path.exists():
        return []
    return [Row(**json.loads(line)) for line in path.read_text().splitlines()]


def told(rows: list[Row], worst: list[Row]) -> Iterable[str]:
    """The lines that sum up."""
    without = [row for row in rows if row.problem.startswith(NO_LANDMARKS)]
    left_out = [row for row in rows if row.problem and row not in without]
    lost = [row for row in rows if not row.problem and row.kept < LOST]
    misplaced = [row for row in rows if row.misplaced]
    listed = [row for row in rows if row.listed]
    yield (
        f"{len(rows) - len(without)} drawings ({len(without)} more have no landmarks): {len(left_out)} left out, "
        f"{len(listed)} listed, {len(misplaced)} misplaced, {len(lost)} lost strokes"
    )
    yield from (f"  {row.problem}" for row in without + left_out)
    yield from (f"  listed: {row.name}" for row in listed)
    yield from (f"  misplaced: {row.name}" for row in misplaced)
    yield from (f"  {row.name} kept {row.kept:.3f} at a feature, {row.whole:.3f} in all" for row in worst)


def measure(pair: Pair, finder: FaceFinder, strength: float, folder: Path) -> tuple[Row, Pictures]:
    """Lay a pair's drawing on a page, prepare it, and count its ink; what page and drawing are in the frame then."""
    photo, drawing = read_pictures(pair)
    points = landmarks_of(pair, photo, drawing, finder)
    if points is None:
        return Row(pair.name, problem=f"{NO_LANDMARKS} {pair.name}"), ()
    page, placed = on_a_page(drawing, strength, points)
    path = folder / "page.png"
    page.save(path)
    laid = replace(pair, sketch=path, mask=None, sketch_points=None)
    if pair.sketch_points is not None:
        file = folder / "page.pts"
        lines = "".join(f"{x:.2f} {y:.2f}\n" for x, y in placed)
        file.write_text(f"version: 1\nn_points: {len(placed)}\n{{\n{lines}}}\n")
        laid = replace(laid, sketch_points=file)
    reader = Reader(finder, Preparation())
    try:
        framed = in_the_frame(laid, reader)
        where: Placement = reader.open(laid).placed.sketch
    except InputError as error:
        return Row(pair.name, problem=str(error)), ()
    before = to_frame(page, where, extend_with_paper)
    features = apply(where, features_of(placed))
    near = [around(before, place) for place in features]
    shares = [kept(before, framed.sketch, each, strength) for each in near]
    left, top = corner(drawing)
    there = Image.new("L", page.size)
    there.paste(255, (left, top, left + drawing.width, top + drawing.height))
    own = np.asarray(to_frame(there, where, extend_with_nothing)) == 255
    whole = kept(before, framed.sketch, own, strength)
    aside = np.abs(features[:2] - np.array(EYES)).max() > MISPLACED
    row = Row(pair.name, min(shares), whole, bool(aside), bool(framed.outcome.kept_paper))
    return row, (before, framed.sketch)


def landmarks_of(pair: Pair, photo: Image.Image, drawing: Image.Image, finder: FaceFinder) -> Points | None:
    """Where the face is in a drawing, if that is known."""
    if pair.sketch_points is not None:
        return read_points(pair.sketch_points)
    faces = finder.find(drawing.convert("RGB"), MIN_CONFIDENCE)
    if not faces and photo.size == drawing.size:
        faces = finder.find(photo, MIN_CONFIDENCE)
    return np.array(faces[0].landmarks) if faces else None


def corner(drawing: Image.Image) -> tuple[int, int]:
    """Where the upper left corner of a drawing is on its page."""
    return round(0.3 * drawing.width), round(0.4 * drawing.height)


def on_a_page(drawing: Image.Image, strength: float, points: Points) -> tuple[Image.Image, Points]:
    """A drawing on a larger white page with a caption, its ink paler, and its landmarks there."""
    paler = drawing.point([round(255 - (255 - level) * strength) for level in range(256)])
    page = Image.new("L", (round(LARGER * drawing.width), round(LARGER * drawing.height)), 255)
    left, top = corner(drawing)
    page.paste(paler, (left, top))
    ImageDraw.Draw(page).text((left, top // 4), "a caption, 1969", 40)
    return page, points + np.array([left, top])


def features_of(points: Points) -> Points:
    """The eyes and the mouth among landmarks, (3, 2)."""
    return np.array([*eyes_of(points), points[list(MOUTH_OF[len(points)])].mean(axis=0)])


def around(drawing: Image.Image, place: Points) -> Mask:
    """What is near a place of a drawing in the frame, (H, W)."""
    rows, columns = np.ogrid[: drawing.height, : drawing.width]
    near: Mask = np.hypot(columns + 0.5 - place[0], rows + 0.5 - place[1]) < REACH
    return near


def kept(before: Image.Image, after: Image.Image, near: Mask, strength: float) -> float:
    """The share of the ink there that is still ink."""
    inked = ink(before, near, INK * strength)
    still = inked & ink(after, near, STILL_INK * strength)
    return float(still.sum() / inked.sum()) if inked.any() else 1.0


def ink(drawing: Image.Image, near: Mask, least: float) -> Mask:
    """Where it is darker by more than the least than what is around."""
    grey = np.asarray(drawing, dtype=np.float32)
    inked: Mask = near & (grey < np.quantile(grey[near], BARE) - least)
    return inked


def sheet(rows: list[Row], pictures: list[Pictures]) -> Image.Image:
    """Pairs of page and drawing, four to a row."""
    picture = Image.new("L", (4 * 410, -(-len(rows) // 4) * 266), 128)
    pen = ImageDraw.Draw(picture)
    for place, (row, shown) in enumerate(zip(rows, pictures, strict=True)):
        left, top = place % 4 * 410, place // 4 * 266
        for number, each in enumerate(shown):
            picture.paste(each, (left + 200 * number, top))
        pen.text((left + 2, top + 252), f"{row.name} {row.kept:.2f} {row.whole:.2f}", 255)
    return picture


if __name__ == "__main__":
    main()

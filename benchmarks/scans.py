"""What cleaning takes of drawings: each is laid on a larger white page and prepared, and the ink around its landmarks
is counted before and after.

    python benchmarks/scans.py fs2k/train --ink 0.25 --sheet worst.png

Drawings that match their photos pixel by pixel have the landmarks of those, found by MTCNN; others need
`sketch_points/`. Prints how many pairs were left out, listed, put elsewhere than where their landmarks are, and how
many lost more than a tenth of the ink at an eye or the mouth. The sheet shows those that lost most: page, drawing.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from PIL import Image, ImageDraw

from most_sketch.errors import InputError
from most_sketch.pairs.landmarks import MOUTH_OF, Points, eyes_of, read_points
from most_sketch.pairs.pairs import Pair, find_pairs, read_pictures
from most_sketch.pairs.prepare import in_the_frame
from most_sketch.pairs.reading import Preparation, Reader
from most_sketch.photo.faces import FaceFinder
from most_sketch.photo.frame import EYES, Placement, apply, extend_with_paper, to_frame
from most_sketch.photo.mtcnn_networks import load_cascade

LARGER = 1.6
"""The page's sides, in those of the drawing."""
REACH = 9.0
"""Frame pixels around a feature in which its ink is counted."""
BARE = 0.8
"""The level of what is around strokes: this quantile of the grey levels there."""
LOST = 0.9
"""A feature that keeps less than this share of its ink has lost strokes."""
MISPLACED = 20.0
"""Frame pixels by which a drawing's eyes may lie beside their places."""
WORST = 20


@dataclass(frozen=True)
class Row:
    """What became of one pair."""

    name: str
    kept: float = 1.0
    """The least share of its ink that a feature kept."""
    misplaced: bool = False
    listed: bool = False
    problem: str = ""
    pictures: tuple[Image.Image, ...] = ()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", type=Path)
    parser.add_argument("--ink", type=float, default=1.0, help="strength of the ink, of 1")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int)
    parser.add_argument("--sheet", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    finder = FaceFinder(load_cascade(torch.device("cpu")))
    pairs = find_pairs(options.set)[options.first :][: options.count]
    with TemporaryDirectory() as folder:
        rows = [measure(pair, finder, options.ink, Path(folder)) for pair in pairs]
    without = [row for row in rows if row.problem.startswith("no landmarks")]
    rows = [row for row in rows if row not in without]
    left_out = [row for row in rows if row.problem]
    lost = [row for row in rows if not row.problem and row.kept < LOST]
    misplaced = [row.name for row in rows if row.misplaced]
    listed = [row.name for row in rows if row.listed]
    sys.stdout.write(
        f"{len(rows)} drawings ({len(without)} more have no landmarks): {len(left_out)} left out, "
        f"{len(listed)} listed, {len(misplaced)} misplaced, {len(lost)} lost strokes\n"
    )
    for row in left_out:
        sys.stdout.write(f"  {row.problem}\n")
    for name in listed:
        sys.stdout.write(f"  listed: {name}\n")
    for name in misplaced:
        sys.stdout.write(f"  misplaced: {name}\n")
    worst = sorted((row for row in rows if not row.problem), key=lambda row: row.kept)[:WORST]
    for row in worst[:5]:
        sys.stdout.write(f"  {row.name} kept {row.kept:.3f}\n")
    if options.sheet:
        sheet(worst).save(options.sheet)


def measure(pair: Pair, finder: FaceFinder, strength: float, folder: Path) -> Row:
    """Lay a pair's drawing on a page, prepare it, and count the ink of its features."""
    photo, drawing = read_pictures(pair)
    if pair.sketch_points is not None:
        points: Points = read_points(pair.sketch_points)
    else:
        faces = finder.find(photo, 0.9)
        if not faces or photo.size != drawing.size:
            return Row(pair.name, problem=f"no landmarks of {pair.name}")
        points = np.array(faces[0].landmarks)
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
        return Row(pair.name, problem=str(error))
    before = to_frame(page, where, extend_with_paper)
    features = apply(where, features_of(placed))
    shares = [ink(framed.sketch, place) / ink(before, place) for place in features if ink(before, place) > 0]
    aside = np.abs(features[:2] - np.array(EYES)).max() > MISPLACED
    return Row(
        pair.name, min(shares, default=1.0), bool(aside), bool(framed.outcome.kept_paper), "", (before, framed.sketch)
    )


def on_a_page(drawing: Image.Image, strength: float, points: Points) -> tuple[Image.Image, Points]:
    """A drawing on a larger white page with a caption, its ink paler, and its landmarks there."""
    paler = drawing.point([round(255 - (255 - level) * strength) for level in range(256)])
    page = Image.new("L", (round(LARGER * drawing.width), round(LARGER * drawing.height)), 255)
    left, top = round(0.3 * drawing.width), round(0.4 * drawing.height)
    page.paste(paler, (left, top))
    ImageDraw.Draw(page).text((left, top // 4), "a caption, 1969", 40)
    return page, points + np.array([left, top])


def features_of(points: Points) -> Points:
    """The eyes and the mouth among landmarks, (3, 2)."""
    return np.array([*eyes_of(points), points[list(MOUTH_OF[len(points)])].mean(axis=0)])


def ink(drawing: Image.Image, place: Points) -> float:
    """The ink around a place of a drawing in the frame: by how much strokes are darker than what is around them."""
    rows, columns = np.ogrid[: drawing.height, : drawing.width]
    near = np.hypot(columns + 0.5 - place[0], rows + 0.5 - place[1]) < REACH
    grey = np.asarray(drawing, dtype=np.float32)[near]
    return float(np.maximum(np.quantile(grey, BARE) - grey, 0).sum()) if grey.size else 0.0


def sheet(rows: list[Row]) -> Image.Image:
    """Pairs of page and drawing, four to a row."""
    picture = Image.new("L", (4 * 410, -(-len(rows) // 4) * 266), 128)
    pen = ImageDraw.Draw(picture)
    for place, row in enumerate(rows):
        left, top = place % 4 * 410, place // 4 * 266
        for number, each in enumerate(row.pictures):
            picture.paste(each, (left + 200 * number, top))
        pen.text((left + 2, top + 252), f"{row.name} {row.kept:.2f}", 255)
    return picture


if __name__ == "__main__":
    main()

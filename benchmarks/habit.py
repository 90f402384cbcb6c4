"""How far drawings lie from their photos, what photos tell of it, and what sketches would score that lay there.

    python benchmarks/habit.py SET [--frame cufsf] [--prepared PAIRS] [--weights NAME] [--backbones DIR]

SET has photo_points/ and sketch_points/ (`docs/training.md`). For the held-out tenth of each database: the distance of
the drawing's points (rms, frame pixels) from where the photo alone, the mean of the other pairs, and the habit that was
learnt from them (`pairs/habit.py`) tell them; then the scores of sketches as they are drawn, bent from the mean to what
the habit tells, and to the drawing's own points, which nobody can know. The weights must have been trained on drawings
that had the mean in them. Where SET is not in the frame, PAIRS are its pairs as `prepare --keep-paper` made them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

import numpy as np
import torch

from most_sketch.drawing.sketcher import Sketcher
from most_sketch.evaluation.metrics import Metrics, load_metrics
from most_sketch.pairs.bend import bend, field_between
from most_sketch.pairs.landmarks import Points
from most_sketch.pairs.pairs import Pair, find_pairs, hold_out, read_pair, read_pictures
from most_sketch.pairs.prepare import Placed, Preparation, landmark_offsets_in, offset_model_of, place
from most_sketch.photo.faces import FaceFinder
from most_sketch.photo.images import to_levels
from most_sketch.photo.mtcnn_networks import load_cascade

Row = dict[str, float]
CASES = ("as drawn", "as the habit tells", "as the artist's")


def rms(displacements: Sequence[Points]) -> float:
    """Of the lengths of displacements, each (n, 2)."""
    return float(np.sqrt(np.square(np.stack(displacements)).sum(axis=-1).mean()))


def scores(placed: Placed, told: Points, mean: Points, pair: Pair, sketcher: Sketcher, metrics: Metrics) -> list[Row]:
    """Of the sketch of a pair in the frame, one row for each of the `CASES`."""
    photo, drawing = read_pair(pair)
    sketch = sketcher.sketch(photo, align=False)
    drawn, truth = placed.photo_points + mean, to_levels([drawing])
    moved = (bend(sketch, field_between(goal, drawn)) for goal in (placed.photo_points + told, placed.sketch_points))
    return [metrics.measure(to_levels([picture]), truth)[0] for picture in (sketch, *moved)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", type=Path)
    parser.add_argument("--frame", default="cufs")
    parser.add_argument("--prepared", type=Path)
    parser.add_argument("--weights", default="most-net-cufs")
    parser.add_argument("--backbones", type=Path)
    options = parser.parse_args()

    how, cpu = Preparation(frame=options.frame, fit=True), torch.device("cpu")
    finder = FaceFinder(load_cascade(cpu))
    metrics, sketcher = load_metrics(options.backbones, cpu), Sketcher.load(options.weights, "cpu")
    pairs = find_pairs(options.set)
    truths = {pair.name: pair for pair in find_pairs(options.prepared or options.set)}
    rows: dict[str, list[list[Row]]] = {}
    for database in dict.fromkeys(pair.database for pair in pairs):
        members = [pair for pair in pairs if pair.database == database]
        displaced = landmark_offsets_in(members, finder, how)
        if displaced is None:
            parser.error(f"{database}: drawings that match their photos, or have other points, have no habit")
        habit = offset_model_of(members, displaced)
        hidden = hold_out(members)[1]
        held_out = [place(pair, *read_pictures(pair), finder, how) for pair in hidden]
        told = [habit.of(each.photo_points) for each in held_out]
        moved = [each.displacement for each in held_out]
        by_habit = [own - by for own, by in zip(moved, told, strict=True)]
        distances = {"photo": rms(moved), "mean": rms([own - habit.mean for own in moved]), "habit": rms(by_habit)}
        sys.stdout.write(f"{database}: " + ", ".join(f"{by} {far:.2f}" for by, far in distances.items()) + "\n")
        rows[database] = [
            scores(each, here, habit.mean, truths[pair.name], sketcher, metrics)
            for each, here, pair in zip(held_out, told, hidden, strict=True)
        ]
    rows["all"] = [row for each in rows.values() for row in each]
    sys.stdout.write(f"\n{'':32}" + "".join(f"{metric:>15}" for metric in metrics.available) + "\n")
    for database, each in rows.items():
        for index, case in enumerate(CASES):
            figures = (f"{fmean(row[index][metric] for row in each):15.4f}" for metric in metrics.available)
            sys.stdout.write(f"{database + ', ' + case:32}" + "".join(figures) + "\n")


if __name__ == "__main__":
    main()

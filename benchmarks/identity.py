"""Is the person still recognised? Of photos that no artist has drawn, where `most-sketch eval --identity` needs pairs.

    python benchmarks/identity.py PHOTOS SKETCHES [SKETCHES ...]

All folders hold pictures of the same names and places, as `most-sketch convert --layout crop` makes them. Printed for
each folder of sketches: the mean distance between a sketch and its own photo (dlib calls two photos one person below
0.6), and how often the own photo is the nearest of all (rank 1).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from most_sketch.evaluation.identity import rates
from most_sketch.evaluation.recogniser import DlibRecogniser
from most_sketch.photo.images import read_image


def main() -> None:
    """Compare each folder of sketches with the photos."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("sketches", type=Path, nargs="+")
    options = parser.parse_args()
    recogniser = DlibRecogniser(torch.device("cpu"))
    paths = sorted(path for path in options.photos.iterdir() if path.is_file())
    photos = [read_image(path) for path in paths]
    boxes = [recogniser.locate(photo) or sys.exit("a photo without a face") for photo in photos]
    gallery = torch.stack(list(map(recogniser.embed, photos, boxes)))
    for folder in options.sketches:
        drawn = [read_image(_named(folder, path.stem)) for path in paths]
        sketches = torch.stack(list(map(recogniser.embed, drawn, boxes)))
        distance = (sketches - gallery).norm(dim=1).mean().item()
        rank_1 = rates(sketches, gallery).rank_1
        sys.stdout.write(f"{folder}: {len(paths)} faces, distance {distance:.4f}, rank 1 {rank_1:.3f}\n")


def _named(folder: Path, name: str) -> Path:
    """The picture of this name, whatever its ending; `.sketch` may be part of it."""
    found = [path for path in folder.iterdir() if path.stem in (name, f"{name}.sketch")]
    if len(found) != 1:
        sys.exit(f"{folder}: {len(found)} pictures named {name}")
    return found[0]


if __name__ == "__main__":
    main()

"""How does the time to find faces grow with the photo, and are faces still found?

    python benchmarks/detection.py [--rounds 7]
    python benchmarks/detection.py --photos DIR [--every 3] [--save FILE] [--compare FILE]

Prints the ratio of a photo of 12 megapixels to one of 1, decoding apart (target: at most 2). With --photos, in how many
photos below DIR a face is found; --save writes where the eyes are, --compare says how far from there they are now.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import statistics
import sys
import time
from pathlib import Path

import torch
from PIL import Image
from some_photos import photos_below
from timing import medians

from most_sketch.checkpoints.packaged import examples_folder
from most_sketch.photo.faces import FaceFinder
from most_sketch.photo.images import decode_image, read_image
from most_sketch.photo.mtcnn_networks import load_cascade

TARGET = 2.0
SIZES = {"1 megapixel": (1155, 866), "12 megapixels": (4000, 3000)}


def photo(size: tuple[int, int]) -> Image.Image:
    """A landscape photo of this size: the example portrait on a background of what is around it."""
    portrait = read_image(examples_folder() / "astronaut.jpg")
    landscape = portrait.resize((683, 512)).resize(size, Image.Resampling.BICUBIC)
    large = portrait.resize((size[1], size[1]), Image.Resampling.BICUBIC)
    landscape.paste(large, ((size[0] - size[1]) // 2, 0))
    return landscape


def growth(finder: FaceFinder, rounds: int) -> float:
    pictures = {name: photo(size) for name, size in SIZES.items()}
    files = {}
    for name, picture in pictures.items():
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=90)
        files[name] = buffer.getvalue()
    found = medians({name: lambda it=picture: finder.find(it) for name, picture in pictures.items()}, rounds)
    decoded = medians({name: lambda it=file: decode_image(io.BytesIO(it), "") for name, file in files.items()}, rounds)
    for name in SIZES:
        sys.stdout.write(f"{name}: found in {found[name]:.3f} s, decoded in {decoded[name]:.3f} s\n")
    small, large = found.values()
    return large / small


def survey(finder: FaceFinder, folder: Path, every: int) -> dict[str, list[tuple[float, float]]]:
    """The eyes of the largest face of each photo; empty where there is none."""
    eyes = {}
    start = time.perf_counter()
    for path in photos_below(folder)[::every]:
        faces = finder.find(read_image(path))
        eyes[str(path.relative_to(folder))] = list(faces[0].eyes) if faces else []
    seconds = time.perf_counter() - start
    count = sum(map(bool, eyes.values()))
    sys.stdout.write(
        f"{count} of {len(eyes)} photos have a face ({100 * count / len(eyes):.2f} %), "
        f"{len(eyes) / seconds:.1f} photos/s with decoding\n"
    )
    return eyes


def compare(before: dict[str, list[tuple[float, float]]], after: dict[str, list[tuple[float, float]]]) -> None:
    both = [name for name in after if after[name] and before.get(name)]
    # As a share of the distance between the eyes, as landmarks are scored.
    off = [max(map(math.dist, before[name], after[name])) / math.dist(*map(tuple, before[name])) for name in both]
    lost = [name for name in after if before.get(name) and not after[name]]
    gained = [name for name in after if after[name] and before.get(name) == []]
    sys.stdout.write(
        f"{len(lost)} faces lost, {len(gained)} gained; the worse eye of {len(both)} faces moved by "
        f"{100 * statistics.median(off):.2f} % of the distance between the eyes (median), "
        f"{100 * max(off):.1f} % (most), more than 10 % in {sum(value > 0.1 for value in off)} photos\n"
    )
    for name in lost:
        sys.stdout.write(f"lost: {name}\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--save", type=Path)
    parser.add_argument("--compare", type=Path)
    options = parser.parse_args()
    finder = FaceFinder(load_cascade(torch.device("cpu")))
    if options.photos:
        eyes = survey(finder, options.photos, options.every)
        if options.save:
            options.save.write_text(json.dumps(eyes), encoding="utf-8")
        if options.compare:
            compare(json.loads(options.compare.read_text(encoding="utf-8")), eyes)
        return 0
    ratio = growth(finder, options.rounds)
    sys.stdout.write(f"12 megapixels take {ratio:.2f} times as long as 1 (at most {TARGET})\n")
    return 0 if ratio <= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())

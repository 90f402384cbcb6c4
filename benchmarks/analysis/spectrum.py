"""Which strokes are missing: the energy of drawn sketches beside the artist's, by how fine it is.

    python benchmarks/analysis/spectrum.py PAIRS [--weights NAME ...] [--against OTHER] [--trained]

A row for each database and each of the weights: the energy of their sketches as a share of that of the artist's, in
bands of a twentieth of a wave per pixel, from shading (0 to .05) to single pixels (.45 to .5). The held-out tenth is
drawn, or with `--trained` the others. `--against OTHER` compares the drawings of OTHER, the same pairs as another
`prepare` made them, and those as training turns, zooms and bends them, instead of what weights draw.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from most_sketch.drawing.sketcher import Sketcher
from most_sketch.pairs.pairs import Pair, find_pairs, hold_out, read_pair
from most_sketch.photo.images import to_image, to_tensor
from most_sketch.training.augmentation import augment
from most_sketch.training.config import TrainConfig

BANDS = np.arange(0, 0.5, 0.05)
MOVES = TrainConfig(flip=False, shift=0, tone=0, rotate=3, zoom=0.08, elastic=2)


def energy(sketch: Image.Image) -> NDArray[np.floating]:
    """Of the waves of a sketch (mode L), in each of the `BANDS`."""
    grey = np.asarray(sketch, dtype=float)
    window = np.outer(*map(np.hanning, grey.shape))
    power = np.abs(np.fft.fft2((grey - grey.mean()) * window)) ** 2
    down, across = map(np.fft.fftfreq, grey.shape)
    waves = np.hypot(down[:, None], across[None])
    return np.array([power[(waves >= band) & (waves < band + 0.05)].sum() for band in BANDS])


def drawn_by(weights: str) -> Callable[[Pair], Image.Image]:
    """What draws the photo of a pair."""
    sketcher = Sketcher.load(weights, "cpu")
    return lambda pair: sketcher.sketch(read_pair(pair)[0], align=False)


def moved(pair: Pair, rng: torch.Generator) -> Image.Image:
    """The drawing of a pair as a training step may see it."""
    photo, sketch = map(to_tensor, read_pair(pair))
    return to_image(augment(photo, sketch, torch.ones_like(sketch), MOVES, rng)[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--weights", nargs="+", default=["most-net-cufs"])
    parser.add_argument("--against", type=Path)
    parser.add_argument("--trained", action="store_true")
    options = parser.parse_args()

    pairs = hold_out(find_pairs(options.pairs))[not options.trained]
    if options.against:
        others = {(pair.database, pair.name): pair for pair in find_pairs(options.against)}
        rng = torch.Generator().manual_seed(0)
        methods: dict[str, Callable[[Pair], Image.Image]] = {
            "there": lambda pair: read_pair(others[pair.database, pair.name])[1],
            "there, moved": lambda pair: moved(others[pair.database, pair.name], rng),
        }
    else:
        methods = {name: drawn_by(name) for name in options.weights}
    sys.stdout.write(f"{'':30}" + "".join(f"{band:>6.2f}" for band in BANDS) + "\n")
    for database in dict.fromkeys(pair.database for pair in pairs):
        mine = [pair for pair in pairs if pair.database == database]
        wanted = sum(energy(read_pair(pair)[1]) for pair in mine)
        for name, method in methods.items():
            shares = sum(energy(method(pair)) for pair in mine) / wanted
            sys.stdout.write(f"{f'{database}, {name}':30}" + "".join(f"{share:6.2f}" for share in shares) + "\n")


if __name__ == "__main__":
    main()

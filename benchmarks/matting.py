"""How well do weights tell the person from the background? Intersection over union with the masks of held-out pairs.

    python benchmarks/matting.py PAIRS [--weights most-net]

PAIRS have masks, as `examples/person_masks.py` makes them. A place of the matte counts as person from one half on.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from statistics import fmean

import torch
import torch.nn.functional as F

from most_sketch.checkpoints.weights import load_weights
from most_sketch.network.generator import Generator, pad_to_stride
from most_sketch.pairs.mattes import load_matte
from most_sketch.pairs.pairs import find_pairs, hold_out, load_pair


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--weights", default="most-net")
    options = parser.parse_args()

    generator = load_weights(options.weights)
    if not isinstance(generator, Generator) or generator.matte is None:
        parser.error(f"{options.weights}: no matte")
    stride = generator.config.feature_stride
    _, held_out = hold_out(find_pairs(options.pairs))
    scores: dict[str, list[float]] = {}
    with torch.inference_mode():
        for pair in held_out:
            if pair.mask is None:
                parser.error(f"{pair.name}: no mask")
            photo, _ = load_pair(pair)
            features, _ = generator.photo_encoder(pad_to_stride(photo[None], stride))
            ours = generator.matte(features) > 0
            theirs = F.avg_pool2d(pad_to_stride(load_matte(pair, photo)[None], stride), stride) > 0.5
            overlap = (ours & theirs).sum() / (ours | theirs).sum()
            scores.setdefault(pair.database, []).append(overlap.item())
    for database, values in scores.items():
        sys.stdout.write(f"{database:12} {len(values):4} photos  {fmean(values):.3f}  (least {min(values):.2f})\n")


if __name__ == "__main__":
    main()

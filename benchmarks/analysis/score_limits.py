"""What moves the scores: held-out sketches themselves, blurred or shifted, and drawn ones with noise, less contrast or
smooth paper.

    python benchmarks/analysis/score_limits.py PAIRS [--weights most-net] [--backbones DIR]

PAIRS are those of CUFS or in its frame; the held-out tenth of them is scored, which the weights must not have seen.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch
from torchvision.transforms.v2 import functional as TF

from most_sketch.drawing.sketcher import Sketcher
from most_sketch.evaluation.metrics import load_metrics
from most_sketch.pairs.pairs import find_pairs, hold_out, read_pair
from most_sketch.pairs.paper import smooth_paper
from most_sketch.photo.images import to_levels

FINE_LESS = 0.1
"""Share that is taken off what is finer than some 4 pixels."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--weights", default="most-net")
    parser.add_argument("--backbones", type=Path)
    options = parser.parse_args()

    metrics = load_metrics(options.backbones, torch.device("cpu"))
    sketcher = Sketcher.load(options.weights, "cpu")
    rng = torch.Generator().manual_seed(0)
    scores: dict[str, list[dict[str, float]]] = {}
    for pair in hold_out(find_pairs(options.pairs))[1]:
        photo, drawn = read_pair(pair)
        ours = sketcher.sketch(photo, align=False)
        truth, sketch, smooth = (to_levels([picture]) for picture in (drawn, ours, smooth_paper(ours, 1.0)))
        pictures = {
            "the sketch that the weights draw": sketch,
            "  with noise of 2 grey levels": sketch + 2 * torch.randn(sketch.shape, generator=rng),
            "  with noise of 4 grey levels": sketch + 4 * torch.randn(sketch.shape, generator=rng),
            "  with less fine contrast": sketch + FINE_LESS * (TF.gaussian_blur(sketch, [17, 17], [1.5, 1.5]) - sketch),
            "  its paper smoothed": smooth,
            "the artist's, shifted by a pixel": truth.roll(1, -1),
            "  blurred by 0.5 pixels": TF.gaussian_blur(truth, [5, 5], [0.5, 0.5]),
            "  blurred by 0.8 pixels": TF.gaussian_blur(truth, [7, 7], [0.8, 0.8]),
            "  blurred by 1.2 pixels": TF.gaussian_blur(truth, [9, 9], [1.2, 1.2]),
        }
        for name, picture in pictures.items():
            scores.setdefault(name, []).extend(metrics.measure(picture.clamp(0, 255).round(), truth))
    sys.stdout.write(f"{'':34}" + "".join(f"{metric:>15}" for metric in metrics.available) + "\n")
    for name, rows in scores.items():
        means = [sum(row[metric] for row in rows) / len(rows) for metric in metrics.available]
        sys.stdout.write(f"{name:34}" + "".join(f"{mean:15.4f}" for mean in means) + "\n")


if __name__ == "__main__":
    main()

"""Where sketches differ from the artist's: LPIPS by part of the picture, and pairs trained on beside held-out ones.

    python benchmarks/analysis/score_regions.py PAIRS [--weights NAME ...] [--backbones DIR] [--bent BENT] [--map FILE]

PAIRS are those of CUFS or in its frame, and their held-out tenth is drawn. A row for each database and each of the
weights: the mean of LPIPS-SqueezeNet's map in each part, and its share of the whole. `--map FILE` saves the mean maps
side by side, white from .3 on. `--bent BENT`, the pairs as `prepare --fit` made them for training, shows the scores of
held-out pairs there beside those of as many trained on: how much is learnt by heart.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

import torch
import torch.nn.functional as F
from lpips import LPIPS
from torch import Tensor

from most_sketch.drawing.sketcher import Sketcher
from most_sketch.evaluation.backbones import BACKBONES, load_lpips
from most_sketch.evaluation.metrics import Metrics, as_rgb, load_metrics
from most_sketch.pairs.pairs import Pair, find_pairs, hold_out, read_pair
from most_sketch.photo.images import to_image, to_levels

SQUEEZE = next(backbone for backbone in BACKBONES if backbone.net == "squeeze")
DARK, LIGHT = 110, 215
"""Grey levels of the artist's drawing, smoothed over 9 pixels, that end what is dark and begin what is light."""


def draw(sketcher: Sketcher, pair: Pair) -> tuple[Tensor, Tensor]:
    """The sketch drawn and the artist's, each (1, 1, H, W) in 0..255."""
    photo, drawing = read_pair(pair)
    return to_levels([sketcher.sketch(photo, align=False)]), to_levels([drawing])


def parts(truth: Tensor) -> dict[str, Tensor]:
    """Masks (H, W) of parts of the picture, by their names."""
    tone = F.avg_pool2d(truth, 9, 1, 4, count_include_pad=False)[0, 0]
    height, width = tone.shape
    down, across = torch.linspace(0, 1, height)[:, None], torch.linspace(0, 1, width)[None]
    return {
        "dark": tone < DARK,
        "middle": (tone >= DARK) & (tone < LIGHT),
        "light": tone >= LIGHT,
        "face": ((down - 0.56).abs() < 0.28) & ((across - 0.5).abs() < 0.23),
        "top": (down < 0.24).expand(height, width),
        "bottom": (down > 0.84).expand(height, width),
        "all": torch.ones(height, width, dtype=torch.bool),
    }


def show_parts(weights: str, sketcher: Sketcher, pairs: Sequence[Pair], network: LPIPS) -> list[Tensor]:
    """Write the rows of these weights; the mean map (H, W) of each database."""
    means = []
    for database in dict.fromkeys(pair.database for pair in pairs):
        sums: dict[str, Tensor] = {}
        maps = []
        for pair in (pair for pair in pairs if pair.database == database):
            sketch, truth = draw(sketcher, pair)
            with torch.no_grad():
                maps.append(network(as_rgb(sketch), as_rgb(truth))[0, 0])
            for name, mask in parts(truth).items():
                sums[name] = sums.get(name, torch.zeros(2)) + torch.stack([maps[-1][mask].sum(), mask.sum()])
        whole = sums["all"][0]
        figures = (f"{total / count:.3f} {total / whole:4.0%}" for total, count in sums.values())
        sys.stdout.write(f"{f'{database}, {weights}':42}" + "".join(f"{figure:>13}" for figure in figures) + "\n")
        means.append(torch.stack(maps).mean(dim=0))
    return means


def show_scores(name: str, sketcher: Sketcher, pairs: Sequence[Pair], metrics: Metrics) -> None:
    """Write the mean scores of these pairs."""
    rows = [row for pair in pairs for row in metrics.measure(*draw(sketcher, pair))]
    figures = (f"{fmean(row[metric] for row in rows):15.4f}" for metric in metrics.available)
    sys.stdout.write(f"{name:42}" + "".join(figures) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--weights", nargs="+", default=["most-net-cufs"])
    parser.add_argument("--backbones", type=Path)
    parser.add_argument("--bent", type=Path)
    parser.add_argument("--map", type=Path)
    options = parser.parse_args()

    held_out = hold_out(find_pairs(options.pairs))[1]
    names = parts(torch.zeros(1, 1, 10, 10))
    sys.stdout.write(f"{'LPIPS-SqueezeNet, share of all':42}" + "".join(f"{name:>13}" for name in names) + "\n")
    sketchers = {weights: Sketcher.load(weights, "cpu") for weights in options.weights}
    network = load_lpips(SQUEEZE, options.backbones, offline=False)
    network.spatial = True
    maps = [mean for name, sketcher in sketchers.items() for mean in show_parts(name, sketcher, held_out, network)]
    if options.map:
        to_image(torch.cat(maps, dim=1)[None].clamp(max=0.3) / 0.15 - 1).save(options.map)
    if options.bent:
        trained, held_out = hold_out(find_pairs(options.bent))
        some = [trained[place * len(trained) // len(held_out)] for place in range(len(held_out))]
        metrics = load_metrics(options.backbones, torch.device("cpu"))
        sys.stdout.write(f"{'on bent drawings':42}" + "".join(f"{metric:>15}" for metric in metrics.available) + "\n")
        for weights, sketcher in sketchers.items():
            show_scores(f"trained on, {weights}", sketcher, some, metrics)
            show_scores(f"held out, {weights}", sketcher, held_out, metrics)


if __name__ == "__main__":
    main()

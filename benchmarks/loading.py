"""Samples a second that one core makes, with the augmentation of the recipes: what feeds a GPU.

    python benchmarks/loading.py PAIRS [--set rotate=3 ...] [--backgrounds DIR] [--samples 60] [--workers 1]

Without --set the settings are those that `recipes/most-net-cufs.sh` calls moderate. The last line is
how many samples a second `--workers` processes bring to the training process together.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch

from most_sketch.pairs.pairs import find_pairs
from most_sketch.training.augmentation import Backgrounds
from most_sketch.training.config import PRESETS, override
from most_sketch.training.loop import loader
from most_sketch.training.samples import PairSet, StyleSampler
from most_sketch.training.trainer import Execution

RECIPE = {
    "rotate": 3,
    "zoom": 0.08,
    "elastic": 2,
    "noise": 0.35,
    "blur": 0.25,
    "jpeg": 0.25,
    "shadow": 0.25,
    "tone": 0.3,
}
WARM_UP = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--backgrounds", type=Path)
    parser.add_argument("--samples", type=int, default=60)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()

    values = {name: json.loads(value) for name, _, value in (item.partition("=") for item in options.set)} or RECIPE
    _, config = override(*PRESETS["ours"], values)
    config = replace(config, batch_size=1, steps=options.samples + WARM_UP)
    backgrounds = Backgrounds(options.backgrounds) if options.backgrounds else None
    data = PairSet([find_pairs(options.pairs)[:64]], config, backgrounds)
    for workers in (0, options.workers):
        sampler = StyleSampler([len(data.places[0])], config)
        start = 0.0
        for number, _ in enumerate(loader(data, sampler, Execution(torch.device("cpu"), workers=workers)), start=1):
            if number == WARM_UP:
                start = time.perf_counter()
        rate = options.samples / (time.perf_counter() - start)
        height, width = data.size
        who = f"{workers} processes" if workers else "one core"
        sys.stdout.write(f"{width} x {height}, {who}: {rate:.1f} samples/s, {1000 / rate:.1f} ms a sample\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

"""Seconds per training step: the plain eager float32 loop against what can make it faster on this machine.

    python benchmarks/training.py PAIRS [--perceptual FILE|none] [--steps 50] [--batch-size 1] [--compile]

Every variant does the same steps from the same start, so the losses can be compared: by how much the total differs
from the plain loop's, as a share of it, mean and maximum over the steps. The last line is what loading a batch takes.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from unittest import mock

import torch
from torch.utils.data import DataLoader

from most_sketch.pairs.pairs import find_pairs
from most_sketch.training.config import PRESETS
from most_sketch.training.loop import CALIBRATION_SKETCHES
from most_sketch.training.perceptual import load_backbone
from most_sketch.training.samples import PairSet, StyleSampler
from most_sketch.training.trainer import Execution, Trainer

WARM_UP = 2


@dataclass(frozen=True)
class Variant:
    name: str
    channels_last: bool
    precision: torch.dtype = torch.float32
    compile: bool = False


VARIANTS = (
    Variant("plain", channels_last=False),
    Variant("channels_last", channels_last=True),
    Variant("bfloat16, channels_last", channels_last=True, precision=torch.bfloat16),
)
COMPILED = (
    Variant("compiled, channels_last", channels_last=True, compile=True),
    Variant("compiled, bfloat16, channels_last", channels_last=True, precision=torch.bfloat16, compile=True),
)


@contextmanager
def memory_format(channels_last: bool) -> Iterator[None]:
    """Training asks for channels_last by name; where it must not get it, the name means what torch does by itself."""
    with mock.patch.object(torch, "channels_last", torch.channels_last if channels_last else torch.contiguous_format):
        yield


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--perceptual", default="vgg19")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--batch-size", type=int, default=1)
    parser.add_argument("--compile", action="store_true", help="compiled variants too: minutes each")
    options = parser.parse_args()
    if options.steps <= WARM_UP:
        parser.error(f"--steps: the first {WARM_UP} do not count; take more")

    model, preset = PRESETS["ours"]
    config = replace(preset, steps=options.steps, batch_size=options.batch_size, decay_from=1.0)
    data = PairSet([find_pairs(options.pairs)[:64]], config)
    batches, loading = [], []
    start = time.perf_counter()
    for batch in DataLoader(data, batch_sampler=StyleSampler([len(data.pictures[0])], config)):
        loading.append(time.perf_counter() - start)
        batches.append(batch)
        start = time.perf_counter()

    plain_seconds, plain_losses = 0.0, torch.ones(options.steps)
    for variant in (*VARIANTS, *(COMPILED if options.compile else ())):
        with memory_format(variant.channels_last):
            backbone = load_backbone(options.perceptual)
            execution = Execution(torch.device("cpu"), variant.precision, variant.compile)
            trainer = Trainer(model, config, backbone, execution)
            if backbone:
                backbone.calibrate(data.sketches(CALIBRATION_SKETCHES))
            seconds, totals = [], []
            for batch in batches:
                start = time.perf_counter()
                totals.append(trainer.train_step(*batch)["total"])
                seconds.append(time.perf_counter() - start)
        losses, median = torch.tensor(totals), statistics.median(seconds[WARM_UP:])
        if variant is VARIANTS[0]:
            plain_seconds, plain_losses = median, losses
        apart = ((losses - plain_losses) / plain_losses).abs()
        sys.stdout.write(
            f"{variant.name:34} {median:6.3f} s a step, {plain_seconds / median:5.2f} times as fast as plain; "
            f"losses differ by {apart.mean():.4f} (at most {apart.max():.4f}); first step {seconds[0]:.0f} s\n"
        )
        sys.stdout.flush()
    sys.stdout.write(f"loading a batch: {statistics.median(loading) * 1000:.1f} ms\n")


if __name__ == "__main__":
    main()

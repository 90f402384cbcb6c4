"""How close does the network come to what this processor's convolutions can do?

    python benchmarks/drawing.py [--rounds 15] [--weights NAME] [--precision fp32]

Prints the operations of one sketch, the rate at which they are done, and the best rate of a single convolution of
the same kind on this machine (target: at least half of that).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

import torch
import torch.nn.functional as F
from timing import medians
from torch.utils.flop_counter import FlopCounterMode

from most_sketch.checkpoints.find import DEFAULT_WEIGHTS
from most_sketch.checkpoints.packaged import examples_folder
from most_sketch.drawing.sketcher import Sketcher
from most_sketch.photo.images import read_image

TARGET = 0.5
SHAPES = ((128, 50, 63), (64, 100, 126), (256, 64, 64), (512, 32, 32))
"""Channels, height and width of the 3x3 convolutions of which the fastest is the peak; two are the network's own."""


def convolution(channels: int, height: int, width: int, dtype: torch.dtype) -> tuple[Callable[[], object], float]:
    """A 3x3 convolution that keeps the shape, and its operations."""
    features = torch.randn(1, channels, height, width, dtype=dtype).to(memory_format=torch.channels_last)
    kernel = torch.randn(channels, channels, 3, 3, dtype=dtype).to(memory_format=torch.channels_last)
    # Some in a row: a single one is over in a millisecond.
    return lambda: [F.conv2d(features, kernel, padding=1) for _ in range(10)], 10 * 2 * 9 * channels**2 * height * width


def peak(dtype: torch.dtype, rounds: int) -> float:
    """Operations a second of the fastest convolution."""
    made = {f"{shape}": convolution(*shape, dtype) for shape in SHAPES}
    with torch.inference_mode():
        seconds = medians({name: run for name, (run, _) in made.items()}, rounds)
    return max(operations / seconds[name] for name, (_, operations) in made.items())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--weights", default=DEFAULT_WEIGHTS)
    parser.add_argument("--precision", default="auto")
    options = parser.parse_args()
    sketcher = Sketcher.load(options.weights, "cpu", options.precision)
    (crop,) = sketcher.crops(read_image(examples_folder() / "astronaut.jpg"), framing="face")
    with FlopCounterMode(display=False) as counter:
        sketcher.draw([crop.drawn], [0])
    operations = counter.get_total_flops()
    best = peak(sketcher.engine.dtype, options.rounds)
    seconds = medians({"draw": lambda: sketcher.draw([crop.drawn], [0])}, options.rounds)["draw"]
    share = operations / seconds / best
    sys.stdout.write(
        f"{options.weights}, {str(sketcher.engine.dtype).removeprefix('torch.')}, {torch.get_num_threads()} threads: "
        f"{operations / 1e9:.1f} GFLOP a sketch, {seconds:.3f} s, {operations / seconds / 1e12:.3f} TFLOP/s; "
        f"convolutions reach {best / 1e12:.3f} TFLOP/s: share {share:.2f} (at least {TARGET})\n"
    )
    return 0 if share >= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())

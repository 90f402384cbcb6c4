"""How long does `most-sketch` take to start, against what cannot be avoided?

    python benchmarks/start.py [--rounds 7] [--weights NAME]

Prints the ratio of `most-sketch --help` to importing typer and rich (target: at most 2.5), and of converting one photo
from cold to importing torch and torchvision and one warm detection and drawing (target: at most 1.5).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from timing import medians, process

from most_sketch.checkpoints.packaged import examples_folder
from most_sketch.checkpoints.weights import DEFAULT_WEIGHTS
from most_sketch.drawing.sketcher import Sketcher
from most_sketch.photo.images import read_image

HELP_TARGET, CONVERT_TARGET = 2.5, 1.5


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--weights", default=DEFAULT_WEIGHTS)
    options = parser.parse_args()
    photo = examples_folder() / "astronaut.jpg"
    command = [sys.executable, "-m", "most_sketch"]
    with tempfile.TemporaryDirectory() as folder:
        sketch = Path(folder) / "sketch.png"
        convert = [*command, "convert", str(photo), "-o", str(sketch), "--device", "cpu", "--weights", options.weights]
        seconds = medians(
            {
                "help": process(*command, "--help"),
                "typer": process(sys.executable, "-c", "import typer, rich"),
                "convert": process(*convert, "--overwrite"),
                "torch": process(sys.executable, "-c", "import torch, torchvision"),
            },
            options.rounds,
        )
    sketcher, picture = Sketcher.load(options.weights, "cpu"), read_image(photo)
    (crop,) = sketcher.crops(picture)
    warm = medians(
        {"detect": lambda: sketcher.crops(picture), "draw": lambda: sketcher.draw([crop.image], [0])}, options.rounds
    )
    help_ratio = seconds["help"] / seconds["typer"]
    convert_ratio = seconds["convert"] / (seconds["torch"] + warm["detect"] + warm["draw"])
    sys.stdout.write(
        f"--help {seconds['help']:.3f} s, import typer, rich {seconds['typer']:.3f} s: "
        f"{help_ratio:.2f} times (at most {HELP_TARGET})\n"
        f"convert {seconds['convert']:.2f} s, import torch, torchvision {seconds['torch']:.2f} s, warm detection "
        f"{warm['detect']:.3f} s, warm drawing {warm['draw']:.3f} s: "
        f"{convert_ratio:.2f} times (at most {CONVERT_TARGET})\n"
    )
    return 0 if help_ratio <= HELP_TARGET and convert_ratio <= CONVERT_TARGET else 1


if __name__ == "__main__":
    sys.exit(main())

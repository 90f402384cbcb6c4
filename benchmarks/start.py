"""How long does `most-sketch` take to start, against what cannot be avoided?

    python benchmarks/start.py [--rounds 7] [--weights NAME] [--engine onnx]

Prints the ratio of `most-sketch --help` to importing typer and rich (target: at most 2.5), of converting one photo from
cold to importing torch (target: at most 1.35), and the time to skip a folder of 10,000 photos that are all drawn
already (target: at most 2 s). With --engine onnx, also of converting that photo with ONNX Runtime (target: at most 1 s
and 500 MiB); the weights are exported first if they never were.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from PIL import Image
from timing import medians, peak_memory, process

from most_sketch.checkpoints.find import DEFAULT_WEIGHTS
from most_sketch.checkpoints.packaged import examples_folder
from most_sketch.drawing.jobs import Job
from most_sketch.drawing.options import ModelSpec, Options
from most_sketch.drawing.sources import mark_of
from most_sketch.photo.images import encode_image
from most_sketch.photo.provenance import record_text

HELP_TARGET, CONVERT_TARGET, SKIP_TARGET = 2.5, 1.35, 2.0
ONNX_TARGET, MEMORY_TARGET = 1.0, 500
PHOTOS = 10_000


def make_finished(folder: Path, weights: str) -> None:
    """Photos, which are not opened, and sketches that say to be of them and of the default settings."""
    spec = ModelSpec(weights)
    config = spec.config()
    options = Options(config.styles[:1], usual_style=config.styles[0], sources=spec.sources(config))
    sketch = Image.new("L", (40, 50), 200)
    for number in range(PHOTOS):
        photo = folder / f"{number:05}.jpg"
        photo.touch()
        job = Job(photo, photo.with_suffix(".sketch.png"), ".png")
        settings = options.settings_texts[config.styles[0]].decode()
        content = encode_image(sketch, ".png", record=record_text("0" * 64, mark_of(job), settings))
        photo.with_suffix(".sketch.png").write_bytes(content)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--weights", default=DEFAULT_WEIGHTS)
    parser.add_argument("--engine", choices=("torch", "onnx"), default="torch")
    options = parser.parse_args()
    photo = examples_folder() / "astronaut.jpg"
    command = [sys.executable, "-m", "most_sketch"]
    with tempfile.TemporaryDirectory() as folder:
        sketch, finished = Path(folder) / "sketch.png", Path(folder) / "finished"
        finished.mkdir()
        make_finished(finished, options.weights)
        convert = [*command, "convert", str(photo), "-o", str(sketch), "--device", "cpu", "--weights", options.weights]
        convert += ["--overwrite", "--engine"]
        runs = {
            "help": process(*command, "--help"),
            "typer": process(sys.executable, "-c", "import typer, rich"),
            "convert": process(*convert, "torch"),
            "torch": process(sys.executable, "-c", "import torch"),
            "skip": process(*command, "convert", str(finished), "--weights", options.weights),
        }
        if options.engine == "onnx":
            process(*command, "export", "--weights", options.weights)()
            runs["onnx"] = process(*convert, "onnx")
        seconds = medians(runs, options.rounds)
        memory = {engine: peak_memory(*convert, engine) for engine in dict.fromkeys(("torch", options.engine))}
    help_ratio = seconds["help"] / seconds["typer"]
    convert_ratio = seconds["convert"] / seconds["torch"]
    sys.stdout.write(
        f"--help {seconds['help']:.3f} s, import typer, rich {seconds['typer']:.3f} s: "
        f"{help_ratio:.2f} times (at most {HELP_TARGET})\n"
        f"convert {seconds['convert']:.2f} s, import torch {seconds['torch']:.2f} s: "
        f"{convert_ratio:.2f} times (at most {CONVERT_TARGET})\n"
        f"{PHOTOS} photos skipped in {seconds['skip']:.2f} s (at most {SKIP_TARGET} s)\n"
    )
    met = help_ratio <= HELP_TARGET and convert_ratio <= CONVERT_TARGET and seconds["skip"] <= SKIP_TARGET
    if options.engine == "onnx":
        sys.stdout.write(
            f"convert --engine onnx {seconds['onnx']:.2f} s (at most {ONNX_TARGET} s): "
            f"{seconds['onnx'] / seconds['torch']:.2f} times import torch, "
            f"{seconds['convert'] / seconds['onnx']:.2f} times as fast as with torch\n"
            f"peak memory {memory['onnx']:.0f} MiB (at most {MEMORY_TARGET}), with torch {memory['torch']:.0f} MiB\n"
        )
        met = met and seconds["onnx"] <= ONNX_TARGET and memory["onnx"] <= MEMORY_TARGET
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())

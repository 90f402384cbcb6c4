"""What `convert --ray` costs against plain `convert` on the same photos of this machine.

    python benchmarks/ray_overhead.py [--few 40] [--many 400] [--weights NAME]

Each is timed on two folders: the difference gives the time a photo takes, the rest is the start. Plain `convert` has
all cores to itself, Ray one worker with one thread for each core.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mixed_folder import Portraits

WAYS = {"plain": [], "ray": ["--ray", "local", "--ray-workers", str(os.cpu_count())]}


def convert(source: Path, output: Path, arguments: list[str]) -> float:
    """Seconds from the command's start to its end."""
    command = [sys.executable, "-m", "most_sketch", "convert", str(source), "-o", f"{output}/", "--device", "cpu", "-q"]
    start = time.monotonic()
    # Ray's workers are nicer than other processes by default: on a busy machine that would be measured instead.
    subprocess.run([*command, *arguments], check=True, env=os.environ | {"RAY_worker_niceness": "0"})
    return time.monotonic() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--few", type=int, default=40)
    parser.add_argument("--many", type=int, default=400)
    parser.add_argument("--weights")
    options = parser.parse_args()
    weights = ["--weights", options.weights] if options.weights else []
    with tempfile.TemporaryDirectory() as name:
        folder, portraits = Path(name), Portraits(seed=0)
        for count in (options.few, options.many):
            (folder / str(count)).mkdir()
            for number in range(count):
                portraits().save(folder / str(count) / f"{number:05d}.jpg")
        rates = {}
        for way, arguments in WAYS.items():
            few, many = (
                convert(folder / str(count), folder / f"{count}-{way}", [*weights, *arguments])
                for count in (options.few, options.many)
            )
            seconds = (many - few) / (options.many - options.few)
            rates[way] = 1 / seconds
            sys.stdout.write(
                f"{way:5}  {options.few} photos {few:6.1f} s, {options.many} photos {many:6.1f} s: "
                f"start {few - options.few * seconds:5.1f} s, {rates[way]:5.2f} photos/s\n"
            )
        sys.stdout.write(f"Ray draws {rates['ray'] / rates['plain']:.2f} times the photos that plain convert draws\n")


if __name__ == "__main__":
    main()

"""Are the processor's cores busy while a folder is drawn, and does memory stay flat?

    python benchmarks/folder.py --photos DIR [--count 60] [--rounds 3] [--weights NAME]

Prints photos a second from file to file against what detection and drawing one after the other, alone, allow on the
same photos (target: at least 0.85 of that), the share of the cores' time in use, and the peak memory of a folder of so
many photos against a quarter of them (target: at most 1.2 times).
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from some_photos import photos_below
from timing import medians

from most_sketch.checkpoints.find import DEFAULT_WEIGHTS
from most_sketch.drawing.batch import run
from most_sketch.drawing.jobs import Job
from most_sketch.drawing.options import Options
from most_sketch.drawing.sketcher import Sketcher
from most_sketch.photo.images import read_image

TARGET, MEMORY_TARGET = 0.85, 1.2


def convert(sketcher: Sketcher, photos: Sequence[Path], folder: str) -> None:
    jobs = [Job(photo, Path(folder) / f"{number}.png", ".png") for number, photo in enumerate(photos)]
    failed = [
        record.reason
        for record in run(sketcher, jobs, Options(sketcher.styles[:1], overwrite=True))
        if record.status != "drawn"
    ]
    if failed:
        raise SystemExit("\n".join(failed))


def peak(photos: Sequence[Path], weights: str) -> int:
    """Largest resident memory of converting them in a process of their own, in KiB."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as sink:
        arguments = ["convert", *map(str, photos), "-o", f"{folder}/", "--device", "cpu", "--weights", weights]
        process = subprocess.Popen([sys.executable, "-m", "most_sketch", *arguments], stdout=sink, stderr=sink)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        return usage.ru_maxrss


def usable(sketcher: Sketcher, folder: Path, count: int) -> list[Path]:
    """Photos with a face, of names that differ: their sketches go to one folder."""
    found: dict[str, Path] = {}
    for path in photos_below(folder):
        if path.stem not in found and sketcher._finder.find(read_image(path)):
            found[path.stem] = path
        if len(found) == count:
            break
    return list(found.values())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--weights", default=DEFAULT_WEIGHTS)
    options = parser.parse_args()
    sketcher = Sketcher.load(options.weights, "cpu")
    photos = usable(sketcher, options.photos, options.count)
    pictures = [read_image(path) for path in photos]
    crops = [sketcher.crops(picture)[0] for picture in pictures]
    busy: list[float] = []

    def everything() -> None:
        before, start = resource.getrusage(resource.RUSAGE_SELF), os.times().elapsed
        with tempfile.TemporaryDirectory() as folder:
            convert(sketcher, photos, folder)
        after, elapsed = resource.getrusage(resource.RUSAGE_SELF), os.times().elapsed - start
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        busy.append(used / elapsed / (os.cpu_count() or 1))

    seconds = medians(
        {
            "detection": lambda: [sketcher.crops(picture) for picture in pictures],
            "drawing": lambda: [sketcher.draw_crops([crop], [0]) for crop in crops],
            "everything": everything,
        },
        options.rounds,
    )
    rates = {name: len(photos) / taken for name, taken in seconds.items()}
    allowed = len(photos) / (seconds["detection"] + seconds["drawing"])
    ratio = rates["everything"] / allowed
    sys.stdout.write(
        f"{len(photos)} photos: detection {rates['detection']:.2f}/s, drawing {rates['drawing']:.2f}/s, one after the "
        f"other {allowed:.2f}/s; from file to file {rates['everything']:.2f}/s: {ratio:.2f} (at least {TARGET}); "
        f"cores in use {100 * max(busy):.0f} %\n"
    )
    small, large = peak(photos[: len(photos) // 4], options.weights), peak(photos, options.weights)
    sys.stdout.write(
        f"peak memory of {len(photos) // 4} photos {small / 1024:.0f} MiB, of {len(photos)} {large / 1024:.0f} MiB: "
        f"{large / small:.2f} times (at most {MEMORY_TARGET})\n"
    )
    return 0 if ratio >= TARGET and large / small <= MEMORY_TARGET else 1


if __name__ == "__main__":
    sys.exit(main())

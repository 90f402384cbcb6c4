"""Convert folders of good and bad files as a careless world would: is every failure named, does memory stay flat,
and is a run that was killed three times complete after the fourth start?

    python benchmarks/endurance.py [--small 200] [--large 2000] [--weights NAME]

Prints one line for each question; exit code 1 if any answer is no.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from mixed_folder import Fate, make

TARGET = 1.2
"""Largest ratio of the large folder's peak memory to the small one's."""
KILLS = 3


@dataclass(frozen=True)
class Ended:
    """How a conversion ended."""

    code: int
    records: list[dict[str, object]]
    errors: str
    peak: int
    """Largest resident memory, in KiB."""
    seconds: float


def command(source: Path, output: Path, weights: list[str]) -> list[str]:
    arguments = ["convert", str(source), "-r", "-o", str(output), "--json", "--device", "cpu", *weights]
    return [sys.executable, "-m", "most_sketch", *arguments]


def convert(source: Path, output: Path, weights: list[str]) -> Ended:
    """Run to the end."""
    start = time.monotonic()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(command(source, output, weights), stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        records = [json.loads(line) for line in out]
        errors = err.read().decode(errors="surrogateescape")
        return Ended(process.returncode, records, errors, usage.ru_maxrss, time.monotonic() - start)


def kill_midway(source: Path, output: Path, weights: list[str], after: int) -> None:
    """Start, and kill without warning a moment after so many sketches are there."""
    process = subprocess.Popen(command(source, output, weights), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and len(sketches(output)) < after:
        time.sleep(0.05)
    time.sleep(random.uniform(0, 0.5))
    process.kill()
    process.wait()


def sketches(folder: Path) -> dict[str, bytes]:
    """The files below a folder, hidden ones too."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def wrong(ended: Ended, fates: dict[str, Fate]) -> list[str]:
    """What did not become what it must, and what was not named."""
    status = {str(record["input"]): str(record["status"]) for record in ended.records}
    faults = [f"{name}: nothing is said of it" for name in fates.keys() - status.keys()]
    faults += [f"{name}: is not of the folder" for name in status.keys() - fates.keys()]
    faults += [
        f"{name}: {status[name]}, not {fate}"
        for name, fate in fates.items()
        if name in status and fate != "either" and status[name] != fate
    ]
    failed = [record for record in ended.records if record["status"] == "failed"]
    faults += [f"{record['input']}: no reason" for record in failed if not record["reason"]]
    if "Traceback" in ended.errors:
        faults.append("a traceback")
    if len(ended.records) != len(fates):
        faults.append(f"{len(ended.records)} records of {len(fates)} files")
    return faults


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", type=int, default=200)
    parser.add_argument("--large", type=int, default=2000)
    parser.add_argument("--weights")
    options = parser.parse_args()
    weights = ["--weights", options.weights] if options.weights else []
    answers: list[bool] = []

    def say(good: bool, text: str) -> None:
        answers.append(good)
        sys.stdout.write(f"{'yes' if good else 'NO '}  {text}\n")
        sys.stdout.flush()

    with tempfile.TemporaryDirectory() as name_of_folder:
        folder = Path(name_of_folder)
        ends = {}
        for name, count in (("small", options.small), ("large", options.large)):
            fates = make(folder / name, count)
            ends[name] = ended = convert(folder / name, folder / f"{name}-sketches", weights)
            faults = wrong(ended, fates)
            counts = Counter(str(record["status"]) for record in ended.records)
            say(
                not faults and ended.code == 1,
                f"{count} files: {counts['drawn']} drawn, {counts['failed']} failed and named, exit code {ended.code}, "
                f"{ended.seconds:.0f} s, peak {ended.peak / 1024:.0f} MiB {'; '.join(faults[:5])}",
            )
        ratio = ends["large"].peak / ends["small"].peak
        say(ratio <= TARGET, f"peak memory of {options.large} files is {ratio:.2f} times that of {options.small}")

        wanted, output = sketches(folder / "large-sketches"), folder / "killed-sketches"
        for share in sorted(random.uniform(0.05, 0.9) for _ in range(KILLS)):
            kill_midway(folder / "large", output, weights, round(share * len(wanted)))
            sys.stdout.write(f"     killed at {len(sketches(output))} of {len(wanted)} files\n")
        for path in output.rglob(".*.part"):
            os.utime(path, (0, 0))  # as the next run would find it another day
        last = convert(folder / "large", output, weights)
        skipped = sum(record["status"] == "skipped" for record in last.records)
        same = sketches(output) == wanted
        say(
            same and last.code == 1, f"after {KILLS} kills the next run skipped {skipped} and the sketches are the same"
        )
    return 0 if all(answers) else 1


if __name__ == "__main__":
    sys.exit(main())

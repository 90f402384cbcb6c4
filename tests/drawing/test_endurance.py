"""A folder of good and bad files, a killed run, a full disk: the short form of benchmarks/endurance.py and fuzz.py."""

from __future__ import annotations

import os
import random
import resource
import subprocess
import sys
import time
from collections import Counter
from itertools import islice
from pathlib import Path

import endurance
import fuzz
import pytest
from conftest import EXAMPLES
from mixed_folder import KINDS, SPECIAL, make

from most_sketch.photo.images import ABANDONED_SECONDS, PART_PREFIX, PART_SUFFIX, sweep


def test_every_file_meets_its_fate_and_a_killed_run_is_completed(tmp_path: Path, tiny_weights: Path) -> None:
    weights = ["--weights", str(tiny_weights)]
    fates = make(tmp_path / "photos", len(KINDS) + len(SPECIAL))
    endurance.kill_midway(tmp_path / "photos", tmp_path / "sketches", weights, after=5)
    begun = len(endurance.sketches(tmp_path / "sketches"))
    assert begun >= 5
    ended = endurance.convert(tmp_path / "photos", tmp_path / "sketches", weights)
    assert ended.code == 1
    statuses = Counter(record["status"] for record in ended.records)
    assert statuses["skipped"] >= begun - 1  # one may have been a part
    told = [record if record["status"] != "skipped" else record | {"status": "drawn"} for record in ended.records]
    assert endurance.wrong(endurance.Ended(1, told, ended.errors, 0, 0), fates) == []
    for record in ended.records:
        if record["status"] == "failed":
            assert str(record["reason"]).count("\n") == str(record["input"]).count("\n")


def test_what_a_killed_run_had_begun_to_write_is_removed_later(tmp_path: Path) -> None:
    old, new = (tmp_path / f"{PART_PREFIX}{n}{PART_SUFFIX}" for n in (1, 2))
    mine = tmp_path / ".part"
    for path in (old, new, mine):
        path.touch()
    for path in (old, mine):
        os.utime(path, (0, time.time() - ABANDONED_SECONDS - 10))
    sweep(tmp_path)
    assert set(tmp_path.iterdir()) == {new, mine}
    sweep(tmp_path / "nowhere")


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path, tiny_weights: Path) -> None:
    """A limit on the size of files, which stands in for it, and a disk that is really full where there is one."""
    arguments = ["convert", str(EXAMPLES), "-o", f"{tmp_path}/", "--weights", str(tiny_weights), "--device", "cpu"]
    ended = subprocess.run(
        [sys.executable, "-m", "most_sketch", *arguments],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000)),
    )
    assert ended.returncode == 1
    for name in ("astronaut", "grace_hopper"):
        assert f"{tmp_path}/{name}.sketch.png: cannot be written (File too large)" in ended.stderr
    assert "0 drawn, 0 skipped, 2 failed" in ended.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("source", "read", "count"), [(fuzz.pictures, fuzz.read_picture, 500), (fuzz.weights, fuzz.read_weights, 200)]
)
def test_damaged_files_are_read_or_refused(source: fuzz.Source, read: fuzz.Reader, count: int) -> None:
    counts, troubles = fuzz.feed(islice(source(random.Random(7)), count), read, float("inf"))
    assert troubles == []
    assert counts["refused in one line"] > count / 4
    assert counts["read"] > 0
    assert counts.total() == count


def test_the_fuzzer_sees_what_is_neither() -> None:
    def broken(_: bytes) -> None:
        raise ZeroDivisionError

    counts, troubles = fuzz.feed(iter([b"a"]), broken, float("inf"))
    assert counts == {"trouble": 1}
    assert "ZeroDivisionError" in troubles[0]

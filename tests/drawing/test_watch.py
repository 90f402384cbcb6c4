"""A folder that fills: each photo once, as soon as it has stopped growing."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from most_sketch.drawing.jobs import Job
from most_sketch.drawing.watch import watched


def test_a_photo_is_given_once_it_is_the_same_at_two_looks(tmp_path: Path) -> None:
    looks = 0

    def plan() -> list[Job]:
        """What a slow copy does between looks."""
        nonlocal looks
        looks += 1
        if looks <= 4:
            (tmp_path / "slow.jpg").write_bytes(b"x" * looks)
        if looks == 2:
            (tmp_path / "quick.jpg").write_bytes(b"whole")
        if looks == 8:
            (tmp_path / "quick.jpg").write_bytes(b"another photo")
        if looks == 12:
            (tmp_path / "quick.jpg").unlink()
        gone = Job(tmp_path / "gone.jpg", None, ".png")
        return [gone, *(Job(path, None, ".png") for path in sorted(tmp_path.iterdir()))]

    given = [(looks, [Path(job.name).name for job in jobs]) for jobs in islice(watched(plan, lambda: None), 3)]
    assert given == [(3, ["quick.jpg"]), (5, ["slow.jpg"]), (9, ["quick.jpg"])]

"""A folder that fills: its photos, each once it has stopped growing. No torch at import."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from most_sketch.drawing.jobs import Job
from most_sketch.drawing.sources import mark_of
from most_sketch.errors import InputError


def watched(plan: Callable[[], Sequence[Job]], wait: Callable[[], None]) -> Iterator[list[Job]]:
    """For ever the jobs whose photos are as they were at the last look, each state of a photo once.

    `plan` looks anew at what there is; `wait` is called between two looks. Between two answers may be much time, in
    which nothing is looked at.
    """
    before = dict[str, str]()
    given = dict[str, str]()
    while True:
        now = dict[str, str]()
        ready = []
        for job in plan():
            try:
                now[job.name] = mark_of(job).seen
            except InputError:  # it was moved away since
                continue
            if now[job.name] == before.get(job.name) != given.get(job.name):
                given[job.name] = now[job.name]
                ready.append(job)
        before = now
        if ready:
            yield ready
        wait()

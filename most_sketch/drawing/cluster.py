"""Draw photos on a Ray cluster: the same batch, in as many workers as there are, and lost ones are replaced."""

from __future__ import annotations

import io
import os
import pickle
import signal
import threading
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from most_sketch.checkpoints.find import DEFAULT_WEIGHTS
from most_sketch.drawing.batch import draw_all, explain
from most_sketch.drawing.jobs import Job
from most_sketch.drawing.options import ModelSpec, Options
from most_sketch.drawing.ray_connection import LOCAL, connected
from most_sketch.drawing.records import Record, sweeping
from most_sketch.errors import first_line
from most_sketch.photo.canvas import checked_framing
from most_sketch.photo.finish import checked_finish
from most_sketch.photo.images import decode_image, encode_image

TASK_PHOTOS = 32
"""Photos that a worker is handed at once: enough for its reading ahead to pay, few enough to be lost with it."""
MAX_TASKS = 20_000
"""Above this, tasks get longer instead of more: Ray's scheduler keeps each one in memory."""


@dataclass(frozen=True)
class Cluster:
    """Where to draw, and by how many."""

    address: str = LOCAL
    """`local` starts Ray on this machine, `auto` finds the one running here, else host and port of a cluster's head."""
    min_workers: int = 1
    max_workers: int | None = None
    """None: one for each GPU, else one for each CPU, that the cluster has when the work begins."""
    retries: int = 2
    """How often photos whose worker died go to another before they are tried one by one, and so each of those."""


class DrawSketches:
    """Draws photos in a Ray Data pipeline of one's own; give the class itself to `Dataset.map_batches`.

    A batch has the column `bytes`, each the content of a picture file, and may have `path`, what to call the
    photo in messages: what `ray.data.read_binary_files(..., include_paths=True)` gives. It keeps all its
    columns but `bytes` and gains `sketch`, the PNG file of a grey sketch of the largest face, empty where there is
    none, and `reason`, why there is none, empty where there is one. `size`, `framing` and `finish` are as in
    `Sketcher.sketch`.

    Raises `WeightsError` or `InputError` when made with what cannot be loaded, never for a photo.
    """

    def __init__(
        self,
        weights: str | Path = DEFAULT_WEIGHTS,
        style: str | None = None,
        device: str = "auto",
        precision: str = "auto",
        align: bool = True,
        size: int | None = None,
        framing: str = "portrait",
        finish: str = "fade",
    ) -> None:
        self._sketcher = ModelSpec(weights, device, precision).load()
        self._style = self._sketcher.styles[self._sketcher.style_index(style)]
        self._how: dict[str, Any] = {
            "align": align,
            "size": size,
            "framing": checked_framing(framing),
            "finish": checked_finish(finish),
        }

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        contents = batch["bytes"]
        names = batch.get("path", [f"photo {number}" for number in range(1, len(contents) + 1)])
        drawn = [self._draw(content, str(name)) for content, name in zip(contents, names, strict=True)]
        kept = {column: values for column, values in batch.items() if column != "bytes"}
        return kept | {"sketch": [sketch for sketch, _ in drawn], "reason": [reason for _, reason in drawn]}

    def _draw(self, content: bytes, name: str) -> tuple[bytes, str]:
        try:
            photo = decode_image(io.BytesIO(content), name)
            sketch = self._sketcher.sketch(photo, self._style, **self._how)
            return encode_image(sketch, ".png"), ""
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one photo must not stop the others
            return b"", explain(name, error)


def run_on_ray(
    jobs: Sequence[Job], options: Options, network: ModelSpec, cluster: Cluster
) -> Generator[Record, None, None]:
    """As `batch.run`, by Ray's workers; records come in the order in which photos are done.

    Photos are read and sketches written by the workers, so paths must mean the same on every node; no photo
    may be in `jobs` twice. Photos whose worker died are drawn by another; a photo that kills each of them fails.
    Where Ray is connected already, that connection is taken. Raises `InputError` without Ray or a cluster, and
    what `Sketcher.load` raises in a worker.
    """
    if not jobs:
        return
    with interruptible() as check, connected(cluster.address) as ray:
        left = {job.name: job for job in sweeping(jobs)}
        for record in _draw_together(ray, jobs, _Worker(options, network), cluster):
            check()
            del left[record.name]
            yield record
        # Photos whose worker died, and those that were waiting at its side.
        check()
        for record in _draw_alone(ray, left.values(), _Worker(options, replace(network, device="cpu")), cluster):
            check()
            yield record


@contextmanager
def interruptible() -> Iterator[Callable[[], None]]:
    """Ctrl-C that cannot be lost: what is yielded raises `KeyboardInterrupt` if there was one that somebody caught.

    Python raises it wherever the program is, and within Ray that may be where exceptions are ignored, or become others.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    interrupted = threading.Event()
    before = signal.getsignal(signal.SIGINT)

    def note(number: int, frame: Any) -> None:
        interrupted.set()
        if callable(before):
            before(number, frame)

    def check() -> None:
        if interrupted.is_set():
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, note)
    try:
        yield check
    except Exception as error:
        if interrupted.is_set():
            raise KeyboardInterrupt from error
        raise
    finally:
        signal.signal(signal.SIGINT, before)


@dataclass(frozen=True)
class _Worker:
    """What a worker is made of."""

    options: Options
    network: ModelSpec
    folder: str = field(default_factory=os.getcwd)
    """Where the driver is, to which paths are relative."""


class _DrawJobs:
    """What a worker does: draws jobs, pickled lists of them, and answers with pickled records."""

    def __init__(self, worker: _Worker) -> None:
        with suppress(OSError):  # on a node without that folder, only absolute paths can be meant
            os.chdir(worker.folder)
        warnings.filterwarnings("ignore", module="PIL")
        self._options = worker.options
        self._sketcher = worker.network.load()

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        jobs = [job for jobs in batch["jobs"] for job in pickle.loads(jobs)]  # noqa: S301 - our own driver's
        return {"record": [pickle.dumps(record) for record in self.draw(jobs)]}

    def draw(self, jobs: Iterable[Job]) -> list[Record]:
        return list(draw_all(self._sketcher, jobs, self._options))


def _draw_together(ray: Any, jobs: Sequence[Job], worker: _Worker, cluster: Cluster) -> Iterator[Record]:
    """By a pool of workers. Of tasks that Ray gave up, their workers having died, there are no records."""
    gpus = _uses_gpus(ray, worker.network.device)
    most = cluster.max_workers or max(1, int(ray.cluster_resources().get("GPU" if gpus else "CPU", 1)))
    size = _photos_per_task(len(jobs), most)
    rows = [{"jobs": pickle.dumps(jobs[start : start + size])} for start in range(0, len(jobs), size)]
    least = min(cluster.min_workers, most, len(rows))
    with warnings.catch_warnings():
        # There is no other way yet to say `max_task_retries`, and without it one photo can try for ever.
        warnings.filterwarnings("ignore", "`ray_remote_args` is deprecated", DeprecationWarning)
        drawn = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
            _DrawJobs,
            fn_constructor_args=(worker,),
            batch_size=None,
            compute=ray.data.ActorPoolStrategy(min_size=least, max_size=most),
            num_cpus=0 if gpus else 1,
            num_gpus=1 if gpus else 0,
            max_restarts=-1,
            max_task_retries=cluster.retries,
        )
    drawn.context.enable_progress_bars = False
    drawn.context.max_errored_blocks = -1  # what is in them is tried again, or fails
    for batch in drawn.iter_batches(batch_size=None, prefetch_batches=0):
        for record in batch["record"]:
            yield pickle.loads(record)  # noqa: S301 - our own worker's


def _draw_alone(ray: Any, jobs: Iterable[Job], worker: _Worker, cluster: Cluster) -> Iterator[Record]:
    """One photo after the other, each in a task of its own: what kills its worker is found out."""
    # Without a claim to a CPU: it was seen that Ray Data does not give back that of a worker which died last.
    draw = ray.remote(num_cpus=0, max_retries=cluster.retries)(_draw_one)
    crash = (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError, ray.exceptions.NodeDiedError)
    for job in jobs:
        try:
            yield ray.get(draw.remote(job, worker))
        except crash as error:
            yield Record(job.name, "failed", f"{job.name}: kills each worker that draws it ({first_line(error)})")


def _draw_one(job: Job, worker: _Worker) -> Record:
    (record,) = _cached_worker(worker).draw([job])
    return record


_cached_worker = lru_cache(maxsize=1)(_DrawJobs)
"""A process that draws one photo after the other loads the network once."""


def _uses_gpus(ray: Any, device: str) -> bool:
    return device.startswith("cuda") or (device == "auto" and bool(ray.cluster_resources().get("GPU")))


def _photos_per_task(photos: int, workers: int) -> int:
    """Few enough that at the end no worker waits long for another."""
    return max(1, min(TASK_PHOTOS, photos // (4 * workers)), photos // MAX_TASKS)

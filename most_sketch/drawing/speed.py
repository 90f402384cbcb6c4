"""How fast this machine draws: the figures of `most-sketch bench`."""

from __future__ import annotations

import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from most_sketch.checkpoints.packaged import examples_folder
from most_sketch.drawing.batch import run
from most_sketch.drawing.jobs import Job
from most_sketch.drawing.options import Options
from most_sketch.drawing.sketcher import Sketcher
from most_sketch.drawing.torch_engine import TorchEngine
from most_sketch.errors import MostSketchError
from most_sketch.photo.images import read_image

BATCH_SIZES = (1, 4, 16)
ROUNDS = 3
PHOTOS = 12
"""That are converted to learn photos a second, the example portraits in turn."""
STEPS = 1 + len(BATCH_SIZES) + 1
"""Of a measurement: detection, drawing in each number at once, from file to file."""


@dataclass(frozen=True)
class Speed:
    """Seconds are medians, of one photo or sketch, after one run that does not count."""

    device: str
    precision: str
    detection: float
    """To find the face in an example portrait and bring it into the frame."""
    drawing: dict[int, float]
    """Of one sketch, by how many are drawn at once."""
    photos_per_second: float
    """From file to file."""
    memory: float | None
    """Peak of the process so far, on CUDA of what is allocated there, in MiB. None where it cannot be known."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def measure(engine: TorchEngine, tell: Callable[[str], None]) -> Speed:
    """Find, draw and convert the example portraits. Calls `tell` with what is done now."""
    sketcher = Sketcher(engine)
    steps = (f"measuring {step} of {STEPS}" for step in range(1, STEPS + 1))
    tell(next(steps))
    paths = sorted(examples_folder().glob("*.jpg"))
    photos = [read_image(path) for path in paths]
    images = [sketcher.crops(photo, framing="face")[0].drawn for photo in photos]
    detection = seconds(lambda: [sketcher.crops(photo) for photo in photos], engine.device) / len(photos)
    drawing = {}
    for size in BATCH_SIZES:
        tell(next(steps))
        batch = [images[number % len(images)] for number in range(size)]
        drawing[size] = seconds(partial(sketcher.draw, batch, [0] * size, size), engine.device)
    tell(next(steps))
    with tempfile.TemporaryDirectory() as folder:
        jobs = [Job(paths[number % len(paths)], Path(folder) / f"{number}.png", ".png") for number in range(PHOTOS)]
        start = time.perf_counter()
        _convert(sketcher, jobs)
        rate = PHOTOS / (time.perf_counter() - start)
    return Speed(
        device=_device_name(engine.device),
        precision=str(engine.dtype).removeprefix("torch."),
        detection=detection,
        drawing={size: taken / size for size, taken in drawing.items()},
        photos_per_second=rate,
        memory=_peak_memory(engine.device),
    )


def seconds(work: Callable[[], object], device: torch.device, rounds: int = ROUNDS) -> float:
    """The median of several runs, after one that does not count; on CUDA by the device's own clock."""
    work()
    return statistics.median(
        _timed_on_cuda(work, device) if device.type == "cuda" else _timed(work) for _ in range(rounds)
    )


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _timed_on_cuda(work: Callable[[], object], device: torch.device) -> float:
    with torch.cuda.device(device):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
        start.record()
        work()
        end.record()
        end.synchronize()
        milliseconds: float = start.elapsed_time(end)
        return milliseconds / 1000


def _convert(sketcher: Sketcher, jobs: list[Job]) -> None:
    with closing(run(sketcher, jobs, Options(sketcher.styles[:1]))) as records:
        for record in records:
            if record.status == "failed":
                raise MostSketchError(record.reason)


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    if device.type == "mps":
        return f"MPS, {platform.machine()}"
    return f"CPU, {platform.machine()} {torch.backends.cpu.get_cpu_capability()}, {torch.get_num_threads()} threads"


def _peak_memory(device: torch.device) -> float | None:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    if sys.platform == "win32":
        return None
    import resource

    # KiB on Linux, bytes on a Mac.
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit

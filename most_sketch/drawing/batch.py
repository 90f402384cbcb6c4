"""Draw many photos: reading and saving go on while the network draws; one bad photo never stops the rest."""

from __future__ import annotations

import io
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Literal, TypeVar

from PIL import Image

from most_sketch.drawing.jobs import Job
from most_sketch.drawing.sketcher import Crop, Sketcher
from most_sketch.drawing.stores import Location, exists, write
from most_sketch.errors import InputError, MostSketchError
from most_sketch.photo.faces import MIN_CONFIDENCE, Face, face_notice
from most_sketch.photo.frame import on_paper, side_by_side
from most_sketch.photo.images import decode_image, encode_image, read_image, sweep

READERS = 2
WRITERS = 2

Layout = Literal["crop", "photo", "side-by-side"]
"""The sketch alone; in its place in the photo, on white paper; the photo in the frame with the sketch to its right."""


@dataclass(frozen=True)
class Options:
    """How photos are drawn and saved."""

    styles: tuple[str, ...]
    """Each photo is drawn in all of them."""
    name_styles: bool = False
    """Put the style into the sketch's name."""
    align: bool = True
    faces: int | None = 1
    """How many of the largest faces; None is all."""
    number_faces: bool = False
    """Put the face's number, from left to right, into the sketch's name."""
    min_confidence: float = MIN_CONFIDENCE
    size: int | None = None
    """Height of a sketch in pixels; None is what suits the photo."""
    layout: Layout = "crop"
    quality: int = 90
    overwrite: bool = False
    batch_size: int | None = None
    """None: what suits the device."""


@dataclass(frozen=True)
class Record:
    """What became of one photo."""

    name: str
    status: Literal["drawn", "skipped", "failed"]
    reason: str = ""
    """Why it failed, or what was noticed."""
    outputs: tuple[Location, ...] = ()
    faces: tuple[Face, ...] = ()
    sizes: tuple[tuple[int, int], ...] = ()
    """Width and height of each face's sketch."""
    seconds: float = 0.0
    """Work on this photo, not waiting."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON. Boxes are left, top, right, bottom; landmarks eyes, nose, corners of the mouth; photo pixels.

        `turned` is by how many degrees clockwise the photo was turned to have the face upright.
        """
        faces = [
            {
                "box": [round(value, 1) for value in face.box],
                "landmarks": [[round(x, 1), round(y, 1)] for x, y in face.landmarks],
                "confidence": round(face.confidence, 4),
                "turned": face.turned,
            }
            for face in self.faces
        ]
        outputs = [str(path) for path in self.outputs]
        shown = {"input": self.name, "outputs": outputs, "status": self.status, "reason": self.reason}
        return shown | {"faces": faces, "sizes": list(map(list, self.sizes)), "seconds": round(self.seconds, 3)}


@dataclass(frozen=True)
class _Prepared:
    """A photo that is ready to be drawn."""

    job: Job
    photo_size: tuple[int, int]
    crops: list[Crop]
    styles: tuple[str, ...]
    seconds: float

    @property
    def drawings(self) -> list[tuple[Crop, str]]:
        return [(crop, style) for style in self.styles for crop in self.crops]


def run(sketcher: Sketcher, jobs: Iterable[Job], options: Options) -> Generator[Record, None, None]:
    """Draw and save; yields what became of each photo. Closing the generator stops early, leaving no partial file.

    Memory is bounded by the batch size: only so many photos are read ahead, and so many sketches wait to be saved.
    """
    return draw_all(sketcher, sweeping(jobs), options)


def sweeping(jobs: Iterable[Job]) -> Iterator[Job]:
    """The jobs; before the first one of each folder that is written to, what a killed run left there is removed."""
    swept: set[Path] = set()
    for job in jobs:
        if isinstance(job.output, Path) and job.output.parent not in swept:
            sweep(job.output.parent)
            swept.add(job.output.parent)
        yield job


def draw_all(sketcher: Sketcher, jobs: Iterable[Job], options: Options) -> Generator[Record, None, None]:
    """As `run`, but what a killed run left behind stays there."""
    batch_size = options.batch_size or sketcher.batch_size
    readers, writers = ThreadPoolExecutor(READERS), ThreadPoolExecutor(WRITERS)
    saving: deque[Future[Record]] = deque()
    waiting: list[_Prepared] = []

    def draw() -> Iterator[Record]:
        records, futures = _draw(sketcher, waiting, writers, options)
        waiting.clear()
        saving.extend(futures)
        yield from records
        while len(saving) > 2 * batch_size or (saving and saving[0].done()):
            yield saving.popleft().result()

    try:
        prepare = partial(_prepare, sketcher, options)
        for prepared in _map_ahead(readers, prepare, jobs, batch_size + READERS):
            if isinstance(prepared, Record):
                yield prepared
                continue
            waiting.append(prepared)
            if sum(len(photo.drawings) for photo in waiting) >= batch_size:
                yield from draw()
        yield from draw()
        while saving:
            yield saving.popleft().result()
    finally:
        readers.shutdown(cancel_futures=True)
        writers.shutdown(cancel_futures=True)


def _prepare(sketcher: Sketcher, options: Options, job: Job) -> _Prepared | Record:
    """Read a photo and find its faces, unless its sketches are there already."""
    start = time.perf_counter()
    try:
        styles = tuple(style for style in options.styles if options.overwrite or not _is_there(job, style, options))
        if not styles:
            outputs = (_path(job, 1, style, options) for style in options.styles)
            return Record(job.name, "skipped", outputs=tuple(path for path in outputs if path))
        photo = _read(job)
        if options.align:
            try:
                crops = sketcher.crops(photo, options.faces, options.min_confidence, options.size)
            except MostSketchError as error:
                raise type(error)(f"{job.name}: {error}") from error
        else:
            crops = [sketcher.fit(photo, options.size)]
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one photo must not stop the others
        return _failed(job, error, time.perf_counter() - start)
    return _Prepared(job, photo.size, crops, styles, time.perf_counter() - start)


def _read(job: Job) -> Image.Image:
    if isinstance(job.source, Path):
        return read_image(job.source)
    content = job.source.read_bytes() if job.source else job.content
    return decode_image(io.BytesIO(content), job.name)


def _draw(
    sketcher: Sketcher, photos: list[_Prepared], writers: ThreadPoolExecutor, options: Options
) -> tuple[list[Record], list[Future[Record]]]:
    """Draw photos together; returns the records of failures, and what is being saved."""
    if not photos:
        return [], []
    start = time.perf_counter()
    drawings = [drawing for photo in photos for drawing in photo.drawings]
    try:
        styles = [sketcher.style_index(style) for _, style in drawings]
        sketches = iter(sketcher.draw([crop.image for crop, _ in drawings], styles))
    except Exception as error:  # noqa: BLE001 - such as too little memory, which the next batch may not need
        return [_failed(photo.job, error, photo.seconds) for photo in photos], []
    share = (time.perf_counter() - start) / len(drawings)
    futures = []
    for photo in photos:
        own = list(islice(sketches, len(photo.drawings)))
        timed = replace(photo, seconds=photo.seconds + share * len(own))
        futures.append(writers.submit(_save, timed, own, options))
    return [], futures


def _save(photo: _Prepared, sketches: list[Image.Image], options: Options) -> Record:
    """Lay out and write the sketches of one photo, which are in the order of `photo.drawings`."""
    start = time.perf_counter()
    outputs: list[Location] = []
    try:
        # The first face last: its sketch is there only if all are, so that an interrupted photo is done again.
        for number, style, picture in reversed(list(_lay_out(photo, sketches, options))):
            data = encode_image(picture, photo.job.suffix, options.quality)
            path = _path(photo.job, number, style, options)
            if path is None:
                _write_to_stdout(data)
            else:
                write(path, data)
                outputs.insert(0, path)
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - as in _prepare
        return _failed(photo.job, error, photo.seconds)
    faces = tuple(crop.face for crop in photo.crops if crop.face)
    seconds = photo.seconds + time.perf_counter() - start
    sizes = tuple(crop.image.size for crop in photo.crops)
    notice = face_notice(photo.job.name, faces)
    return Record(photo.job.name, "drawn", notice, tuple(outputs), faces, sizes, seconds)


def _write_to_stdout(data: bytes) -> None:
    """All of it: with PYTHONUNBUFFERED one write may take a part only, and say so."""
    left = memoryview(data)
    while left:
        written = sys.stdout.buffer.write(left)
        if not written:
            raise InputError("standard output: takes no more; the sketch is cut short")
        left = left[written:]
    sys.stdout.buffer.flush()


def _lay_out(photo: _Prepared, sketches: list[Image.Image], options: Options) -> Iterator[tuple[int, str, Image.Image]]:
    """The pictures to save, with the face's number and the style of each."""
    for place, style in enumerate(photo.styles):
        own = sketches[place * len(photo.crops) : (place + 1) * len(photo.crops)]
        if options.layout == "photo":
            placements = [crop.placement for crop in photo.crops]
            yield 1, style, on_paper(photo.photo_size, own, placements)
            continue
        for number, (crop, sketch) in enumerate(zip(photo.crops, own, strict=True), start=1):
            yield number, style, sketch if options.layout == "crop" else side_by_side(crop.image, sketch)


def _path(job: Job, number: int, style: str, options: Options) -> Location | None:
    numbered = options.number_faces and options.layout != "photo"
    return job.sketch_path(number if numbered else None, style if options.name_styles else None)


def _is_there(job: Job, style: str, options: Options) -> bool:
    path = _path(job, 1, style, options)
    return path is not None and exists(path)


def _failed(job: Job, error: Exception, seconds: float) -> Record:
    return Record(job.name, "failed", explain(job.name, error), seconds=seconds)


def explain(name: str, error: Exception) -> str:
    """Why the photo of this name failed."""
    return str(error) if isinstance(error, MostSketchError) else f"{name}: {type(error).__name__}: {error}"


Item = TypeVar("Item")
Result = TypeVar("Result")


def _map_ahead(
    pool: ThreadPoolExecutor, function: Callable[[Item], Result], items: Iterable[Item], ahead: int
) -> Iterator[Result]:
    """Results in order, with at most `ahead` of them under way or waiting to be taken."""
    source = iter(items)
    pending = deque(pool.submit(function, item) for item in islice(source, ahead))
    while pending:
        result = pending.popleft().result()
        pending.extend(pool.submit(function, item) for item in islice(source, 1))
        yield result

"""Draw many photos: reading and saving go on while the network draws; one bad photo never stops the rest."""

from __future__ import annotations

import io
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from most_sketch.drawing.crop import Crop
from most_sketch.drawing.files import sketch_file
from most_sketch.drawing.jobs import Job
from most_sketch.drawing.options import Layout, Options
from most_sketch.drawing.records import Pen, Record, left_of, refuse, sketch_path, skipped, sweeping
from most_sketch.drawing.sketcher import Sketcher
from most_sketch.drawing.sources import checksum_of, mark_of
from most_sketch.drawing.stores import Location, write
from most_sketch.errors import InputError, MostSketchError, first_line, known_fault
from most_sketch.photo.faces import face_notice
from most_sketch.photo.frame import Placement, on_paper, scale_shift, side_by_side
from most_sketch.photo.images import decode_image, read_image
from most_sketch.photo.metadata import kept_exif
from most_sketch.photo.provenance import PhotoMark, record_text

READERS = 2
WRITERS = 2


@dataclass(frozen=True)
class _Prepared:
    """A photo that is ready to be drawn."""

    job: Job
    mark: PhotoMark
    checksum: str
    exif: Image.Exif
    photo_size: tuple[int, int]
    crops: list[Crop]
    styles: tuple[str, ...]
    papers: tuple[int, ...]
    """Of each style, as `Sketcher.papers` has them."""
    seconds: float

    @property
    def drawings(self) -> list[tuple[Crop, str]]:
        return [(crop, style) for style in self.styles for crop in self.crops]


def run(sketcher: Sketcher, jobs: Iterable[Job], options: Options) -> Generator[Record, None, None]:
    """Draw and save; yields what became of each photo. Closing the generator stops early, leaving no partial file.

    Memory is bounded by the batch size: only so many photos are read ahead, and so many sketches wait to be saved.
    """
    return draw_all(sketcher, sweeping(jobs), options)


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
        left = left_of(job, options)
        if left.refusal:
            raise InputError(left.refusal)
        styles = left.styles
        if not styles:
            return skipped(job, options)
        papers = tuple(sketcher.papers[sketcher.style_index(style)] for style in styles)
        photo = _read(job)
        mark, checksum = mark_of(job), checksum_of(job)
        exif = kept_exif(_content(job), options.keep_metadata)
        if options.align:
            try:
                crops = sketcher.crops(photo, options.faces, options.min_confidence, options.size, options.framing)
            except MostSketchError as error:
                raise type(error)(f"{job.name}: {error}") from error
        else:
            crops = [sketcher.fit(photo, options.size)]
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one photo must not stop the others
        return _failed(job, error, time.perf_counter() - start)
    return _Prepared(job, mark, checksum, exif, photo.size, crops, styles, papers, time.perf_counter() - start)


def _read(job: Job) -> Image.Image:
    content = _content(job)
    return read_image(content) if isinstance(content, Path) else decode_image(io.BytesIO(content), job.name)


def _content(job: Job) -> Path | bytes:
    """Where a photo is, or what."""
    if isinstance(job.source, Path):
        return job.source
    return job.source.read_bytes() if job.source else job.content


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
        sketches = iter(sketcher.draw_crops([crop for crop, _ in drawings], styles, options.finish))
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
    pens: list[Pen] = []
    try:
        # The first face last: its sketch is there only if all are, so that an interrupted photo is done again.
        for number, style, picture in reversed(list(_lay_out(photo, sketches, options))):
            path = sketch_path(photo.job, number, style, options)
            if path is not None and not options.overwrite:
                refuse(path, photo.job)
            paper = photo.papers[photo.styles.index(style)]
            record = record_text(photo.checksum, photo.mark, options.settings_texts[style].decode())
            try:
                made = sketch_file(picture, photo.job.suffix, options, paper, record, photo.exif)
            except InputError as error:
                raise InputError(f"{path or photo.job.name}: {error}") from error
            if path is None:
                _write_to_stdout(made.data)
                continue
            write(path, made.data)
            _keep_time(path, photo.job, options)
            outputs.insert(0, path)
            pens[:0] = [made.pen] if made.pen else []
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - as in _prepare
        return _failed(photo.job, error, photo.seconds)
    faces = tuple(crop.face for crop in photo.crops if crop.face)
    seconds = photo.seconds + time.perf_counter() - start
    sizes = tuple(crop.size for crop in photo.crops)
    placements = tuple(map(partial(_placement, layout=options.layout), photo.crops))
    notice = face_notice(photo.job.name, faces)
    return Record(photo.job.name, "drawn", notice, tuple(outputs), faces, sizes, placements, seconds, tuple(pens))


def _keep_time(path: Location, job: Job, options: Options) -> None:
    """Give a sketch the time of its photo's file, if it keeps what its photo says."""
    if options.keep_metadata != "none" and isinstance(path, Path) and isinstance(job.source, Path):
        times = job.source.stat()
        with suppress(OSError):  # such as where the file is not ours
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


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
    for place, (style, paper) in enumerate(zip(photo.styles, photo.papers, strict=True)):
        own = sketches[place * len(photo.crops) : (place + 1) * len(photo.crops)]
        if options.layout == "photo":
            placements = [crop.placement for crop in photo.crops]
            yield 1, style, on_paper(photo.photo_size, own, placements, paper)
            continue
        for number, (crop, sketch) in enumerate(zip(photo.crops, own, strict=True), start=1):
            yield number, style, sketch if options.layout == "crop" else side_by_side(crop.image, sketch)


def _placement(crop: Crop, layout: Layout) -> Placement:
    """From the photo's pixels to those of the picture that is saved, where the sketch is in it."""
    if layout == "photo":
        return np.eye(3)
    return crop.placement if layout == "crop" else scale_shift(1, 1, crop.size[0]) @ crop.placement


def _failed(job: Job, error: Exception, seconds: float) -> Record:
    return Record(job.name, "failed", explain(job.name, error), seconds=seconds)


def explain(name: str, error: Exception) -> str:
    """Why the photo of this name failed."""
    if isinstance(error, MostSketchError):
        return str(error)
    return f"{name}: {known_fault(error) or f'{type(error).__name__}: {first_line(error)}'}"


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

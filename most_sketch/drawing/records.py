"""What became of each photo, and what is there already: told without a network. No torch at import."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from most_sketch.drawing.jobs import Job
from most_sketch.drawing.options import Options
from most_sketch.drawing.sources import checksum_of, mark_of
from most_sketch.drawing.stores import Location, StoreFile, exists, is_as_written, read_ends, read_record
from most_sketch.errors import InputError
from most_sketch.photo.faces import Face
from most_sketch.photo.frame import Placement
from most_sketch.photo.images import sweep
from most_sketch.photo.provenance import seen_text


@dataclass(frozen=True)
class Pen:
    """What a plotter's pen does for a sketch."""

    lifts: int
    metres: float
    """That are drawn, without the ways between."""


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
    placements: tuple[Placement, ...] = ()
    """From the photo's pixels to the sketch's, of each face."""
    seconds: float = 0.0
    """Work on this photo, not waiting."""
    pens: tuple[Pen, ...] = ()
    """Of each output that is strokes what a pen does."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON. Boxes are left, top, right, bottom; landmarks eyes, nose, corners of the mouth; photo pixels.

        `turned` is by how many degrees clockwise the photo was turned to have the face upright. `placement` is the
        matrix, 2 x 3, that takes a point (x, y, 1) of the photo to where it is in the sketch; (0, 0) is the first
        pixel's corner.
        """
        faces = [
            {
                "box": [round(value, 1) for value in face.box],
                "landmarks": [[round(x, 1), round(y, 1)] for x, y in face.landmarks],
                "confidence": round(face.confidence, 4),
                "turned": face.turned,
                "placement": placement[:2].round(6).tolist(),
            }
            for face, placement in zip(self.faces, self.placements, strict=False)
        ]
        outputs = [str(path) for path in self.outputs]
        shown: dict[str, Any] = {"input": self.name, "outputs": outputs, "status": self.status, "reason": self.reason}
        shown |= {"faces": faces, "sizes": list(map(list, self.sizes)), "seconds": round(self.seconds, 3)}
        pens = [{"lifts": pen.lifts, "metres": round(pen.metres, 3)} for pen in self.pens]
        return shown | ({"pens": pens} if pens else {})


def sketch_path(job: Job, number: int, style: str, options: Options) -> Location | None:
    """Where the sketch of a face, counted from 1, goes; None to standard output."""
    return job.sketch_path(number, style, options)


@dataclass(frozen=True)
class Left:
    """What is left to do of a photo."""

    styles: tuple[str, ...] = ()
    """In which it is still to be drawn."""
    refusal: str = ""
    """Why one of its sketches may not be written."""


def left_of(job: Job, options: Options) -> Left:
    """What of a photo's sketches is missing, or is of another state of the photo or of other settings."""
    if options.overwrite or job.output is None:
        return Left(options.styles)
    seen: bytes | None = None
    missing = []
    try:
        for style in options.styles:
            path = sketch_path(job, 1, style, options)
            ends = None if path is None else read_ends(path)
            if path is None or ends is None:
                missing.append(style)
                continue
            seen = seen or seen_text(mark_of(job)).encode()
            if seen in ends and options.settings_texts[style] in ends:
                continue
            record = read_record(path)
            if record is None or not _is_same(record, job, style, options):
                refuse(path, job)
                missing.append(style)
    except InputError as error:
        return Left(refusal=str(error))
    return Left(tuple(missing))


def _is_same(record: Mapping[str, Any], job: Job, style: str, options: Options) -> bool:
    """Is a sketch of this very photo and drawn with these settings, although not all looks the same at once?"""
    wanted = json.loads(json.dumps(options.settings(style)))
    # An option that there was not yet when it was drawn was as it is by default.
    usual = json.loads(json.dumps(Options().settings(style)))
    return bool(usual | record["settings"] == wanted and record.get("photo") == checksum_of(job))


def refuse(path: Location, job: Job) -> None:
    """Raise `InputError` if a sketch of this photo may not be written here without being told to.

    It may replace what we drew of this photo, or of one that went by its name, as long as nobody changed that.
    """
    if not exists(path) or (isinstance(path, Path) and not (path.is_file() or path.is_dir())):
        return  # Devices and FIFOs are written to.
    record = read_record(path)
    if isinstance(path, Path) and path.is_dir():
        raise InputError(f"{path}: is a folder, not a file")
    if record is None:
        raise InputError(f"{path}: is there already, and is not of most-sketch; replace it with --overwrite")
    if record.get("name") != mark_of(job).name and record.get("photo") != checksum_of(job):
        raise InputError(f"{path}: is the sketch of another photo than {job.name}; replace it with --overwrite")
    if not is_as_written(path):
        raise InputError(f"{path}: was changed since most-sketch drew it; replace it with --overwrite")


def skipped(job: Job, options: Options) -> Record:
    """The record of a photo of which all sketches are there."""
    outputs = (sketch_path(job, 1, style, options) for style in options.styles)
    return Record(job.name, "skipped", outputs=tuple(path for path in outputs if path))


def all_skipped(jobs: Sequence[Job], options: Options) -> Iterator[Record] | None:
    """The records of photos that are drawn already, or may not be; None if anything is left to draw.

    Stores are not asked: that takes long, and is done by all readers or workers at once.
    """
    records = []
    for job in jobs:
        if not isinstance(job.output, Path) or isinstance(job.source, StoreFile):
            return None
        left = left_of(job, options)
        if left.styles:
            return None
        records.append(Record(job.name, "failed", left.refusal) if left.refusal else skipped(job, options))
    return (record for _, record in zip(sweeping(jobs), records, strict=True))


def sweeping(jobs: Iterable[Job]) -> Iterator[Job]:
    """The jobs; before the first one of each folder that is written to, what a killed run left there is removed."""
    swept: set[Path] = set()
    for job in jobs:
        if isinstance(job.output, Path) and job.output.parent not in swept:
            sweep(job.output.parent)
            swept.add(job.output.parent)
        yield job

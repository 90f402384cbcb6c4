"""What became of each photo, and what is there already: told without a network. No torch at import."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from most_sketch.drawing.jobs import Job
from most_sketch.drawing.options import Options
from most_sketch.drawing.stores import Location, exists
from most_sketch.photo.faces import Face
from most_sketch.photo.images import sweep


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


def sketch_path(job: Job, number: int, style: str, options: Options) -> Location | None:
    """Where the sketch of a face, counted from 1, goes; None to standard output."""
    numbered = options.number_faces and options.layout != "photo"
    return job.sketch_path(number if numbered else None, style if options.name_styles else None)


def missing_styles(job: Job, options: Options) -> tuple[str, ...]:
    """The styles in which a photo is still to be drawn."""
    return tuple(style for style in options.styles if options.overwrite or not _is_there(job, style, options))


def _is_there(job: Job, style: str, options: Options) -> bool:
    path = sketch_path(job, 1, style, options)
    return path is not None and exists(path)


def skipped(job: Job, options: Options) -> Record:
    """The record of a photo of which all sketches are there."""
    outputs = (sketch_path(job, 1, style, options) for style in options.styles)
    return Record(job.name, "skipped", outputs=tuple(path for path in outputs if path))


def all_skipped(jobs: Sequence[Job], options: Options) -> Iterator[Record] | None:
    """The records of photos of which all sketches are there; None if anything is left to draw.

    Stores are not asked: that takes long, and is done by all readers or workers at once.
    """
    if any(not isinstance(job.output, Path) or missing_styles(job, options) for job in jobs):
        return None
    return (skipped(job, options) for job in sweeping(jobs))


def sweeping(jobs: Iterable[Job]) -> Iterator[Job]:
    """The jobs; before the first one of each folder that is written to, what a killed run left there is removed."""
    swept: set[Path] = set()
    for job in jobs:
        if isinstance(job.output, Path) and job.output.parent not in swept:
            sweep(job.output.parent)
            swept.add(job.output.parent)
        yield job

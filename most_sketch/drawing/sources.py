"""By what the photo of a job is known again: what is quick to see of it, and its checksum. No torch at import."""

from __future__ import annotations

import hashlib
from pathlib import Path

from most_sketch.drawing.jobs import Job
from most_sketch.errors import InputError
from most_sketch.photo.provenance import PhotoMark, short_hash


def mark_of(job: Job) -> PhotoMark:
    """What is quick to see of a photo. Raises `InputError` for one that is not there."""
    if job.source is None:
        return PhotoMark(short_hash(""), short_hash(checksum_of(job)))
    if not isinstance(job.source, Path):
        return PhotoMark.of(job.source.name, *job.source.stat())
    try:
        seen = job.source.stat()
    except OSError as error:
        raise InputError(f"{job.source}: cannot be read ({error.strerror or error})") from error
    except ValueError as error:  # a null character in the name
        raise InputError(f"{str(job.source)!r}: not the name of a file ({error})") from error
    return PhotoMark.of(job.source.name, seen.st_size, seen.st_mtime_ns)


def checksum_of(job: Job) -> str:
    """Of a photo's file, in hexadecimal. Raises `InputError` for one that cannot be read."""
    if not isinstance(job.source, Path):
        return hashlib.sha256(job.content if job.source is None else job.source.read_bytes()).hexdigest()
    digest = hashlib.sha256()
    try:
        if not job.source.is_file():
            raise InputError(f"{job.source}: not a regular file")
        with job.source.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise InputError(f"{job.source}: cannot be read ({error.strerror or error})") from error
    return digest.hexdigest()

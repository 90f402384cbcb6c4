"""From what a person names, photos, folders and globs, to jobs: each photo and where its sketch goes."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from most_sketch.errors import InputError
from most_sketch.images import IMAGE_SUFFIXES, WRITE_FORMATS

STREAM = "-"
"""Names standard input among the inputs, standard output as the output."""

OWN_OUTPUT = re.compile(r"\.sketch\.(png|jpe?g|webp|tiff?)$", re.IGNORECASE)


class UsageError(InputError):
    """Inputs and output that do not go together, whatever is in the files."""


@dataclass(frozen=True)
class Job:
    """One photo and the path of its sketch."""

    source: Path | None
    """None: the photo is `content`, from standard input."""
    output: Path | None
    """None: to standard output. See `sketch_path` for photos of which there are several sketches."""
    suffix: str
    """The format of the sketch, a key of `WRITE_FORMATS`."""
    content: bytes = b""

    @property
    def name(self) -> str:
        """What to call the photo."""
        return "standard input" if self.source is None else str(self.source)

    def sketch_path(self, face: int | None = None, style: str | None = None) -> Path | None:
        """`photo.sketch.png`, or `photo.2.pencil.sketch.png` for the second face in the style pencil."""
        if self.output is None:
            return None
        tags = "".join(f".{tag}" for tag in (face, style) if tag is not None)
        own = OWN_OUTPUT.search(self.output.name)
        ending = own[0] if own else self.output.suffix
        return self.output.with_name(self.output.name.removesuffix(ending) + tags + ending)


@dataclass(frozen=True)
class Problem:
    """An input that gives no job."""

    name: str
    reason: str


def plan(
    inputs: Sequence[str], output: str | None = None, suffix: str | None = None, recursive: bool = False
) -> tuple[list[Job], list[Problem]]:
    """The jobs for these inputs, in order, each photo once, and the inputs that gave none.

    A sketch goes beside its photo as `photo.sketch.png`; to `output` if that is a file; under `output` if it is
    a folder, with the tree of a folder that was searched by `recursive`. `-` is standard input and output.
    Sketches by name are never taken as photos. Raises `UsageError`, and `InputError` if two photos would write
    one sketch, a sketch would replace a photo, or the output's folder does not exist.
    """
    problems: list[Problem] = []
    found = list(_once(_expand(inputs, recursive, problems)))
    if not found and not problems:
        raise InputError(
            f"{inputs[0]}: the name is that of a sketch made by most-sketch; rename it to use it as a photo"
        )
    alone = len(inputs) == 1 and (inputs[0] == STREAM or not (_is_folder(Path(inputs[0])) or _is_glob(inputs[0])))
    jobs = list(_with_outputs(found, output, suffix, alone))
    if len(jobs) > 1 and any(job.output is None for job in jobs):
        raise UsageError(f"standard output takes one sketch, and there are {len(jobs)} photos; name a folder with -o")
    _refuse_collisions(jobs)
    return jobs, problems


Found = tuple[Path | None, Path]
"""A photo (None: standard input), and its path as seen from the output folder."""


def _expand(inputs: Iterable[str], recursive: bool, problems: list[Problem]) -> Iterator[Found]:
    """The photos that each input stands for; adds the inputs that stand for none to `problems`."""
    for item in inputs:
        path = Path(item)
        if item == STREAM:
            yield None, Path("stdin")
        elif _is_folder(path):
            yield from _search(path, recursive, problems)
        elif os.path.lexists(path):
            if not OWN_OUTPUT.search(path.name):
                yield path, Path(path.name)
        elif _is_glob(item):
            # Not Path.glob: it refuses absolute patterns.
            matches = sorted(glob.glob(item, recursive=True))  # noqa: PTH207
            if not matches:
                problems.append(Problem(item, f"{item}: nothing matches"))
            for match in map(Path, matches):
                if _is_folder(match):
                    if recursive:
                        yield from _search(match, recursive, problems)
                elif not OWN_OUTPUT.search(match.name):
                    yield match, Path(match.name)
        else:
            problems.append(Problem(item, f"{item}: no such file"))


def _search(folder: Path, recursive: bool, problems: list[Problem]) -> Iterator[Found]:
    """The pictures in a folder, by their names. Links to folders are not followed: they may lead in circles."""
    empty = True

    def unreadable(error: OSError) -> None:
        problems.append(Problem(str(error.filename), f"{error.filename}: cannot be searched ({error.strerror})"))

    before = len(problems)
    for root, folders, names in os.walk(folder, onerror=unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith(".")) if recursive else []
        for name in sorted(names):
            if Path(name).suffix.lower() in IMAGE_SUFFIXES and not name.startswith("."):
                empty = False
                if not OWN_OUTPUT.search(name):
                    path = Path(root, name)
                    yield path, path.relative_to(folder)
    if empty and len(problems) == before:
        hint = "" if recursive else "; --recursive looks into the folders below too"
        problems.append(Problem(str(folder), f"{folder}: no pictures in this folder{hint}"))


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # such as a name that is too long, which reading will tell
        return False


def _is_glob(item: str) -> bool:
    return glob.has_magic(item) and not os.path.lexists(item)


def _once(found: Iterable[Found]) -> Iterator[Found]:
    seen: set[Path | None] = set()
    for source, relative in found:
        place = source and _place(source)
        if place not in seen:
            seen.add(place)
            yield source, relative


def _place(path: Path) -> Path:
    """The directory entry that a path names: writing to equal places replaces the same file."""
    return Path(os.path.realpath(path.parent), path.name)


def _with_outputs(found: Iterable[Found], output: str | None, suffix: str | None, alone: bool) -> Iterator[Job]:
    """The jobs for photos; `alone` if the only input names one photo, so that `output` may be a file."""
    streamed = output == STREAM
    one_file = output is not None and not streamed and _is_file_name(output, suffix, alone)
    ending = f".sketch{suffix or '.png'}"
    for source, relative in found:
        if streamed or (output is None and source is None):
            yield Job(source, None, suffix or ".png")
        elif output is None:
            place = source or relative
            yield Job(source, place.with_name(place.stem + ending), suffix or ".png")
        elif one_file:
            yield Job(source, Path(output), Path(output).suffix.lower())
        else:
            yield Job(source, Path(output) / relative.with_name(relative.stem + ending), suffix or ".png")


def _is_file_name(output: str, suffix: str | None, alone: bool) -> bool:
    """Does `-o` name the sketch itself, not a folder?

    Raises `UsageError` for a name that fits neither, and `InputError` if the folder that it lies in is missing.
    """
    target = Path(output)
    if not _is_folder(target) and not _is_folder(target.parent):
        raise InputError(f"{output}: there is no folder {target.parent}; create it first")
    if _is_folder(target) or output.endswith(("/", os.sep)) or not target.suffix:
        if os.path.lexists(target) and not _is_folder(target):
            raise UsageError(f"-o {output} is a file that is no picture; name a folder, or a picture to write")
        return False
    if target.suffix.lower() not in WRITE_FORMATS:
        raise UsageError(
            f"-o {output}: sketches are saved as {', '.join(WRITE_FORMATS)}; a new folder whose name has a dot "
            "must end in /"
        )
    if not alone:
        raise UsageError(f"-o {output} names one file; name a folder for the sketches of several photos")
    if suffix and WRITE_FORMATS[target.suffix.lower()] != WRITE_FORMATS[suffix]:
        raise UsageError(f"-o {output} and --format {suffix[1:]} do not agree; leave one out")
    return True


def _refuse_collisions(jobs: Sequence[Job]) -> None:
    photos = {_place(job.source): job for job in jobs if job.source is not None}
    writers: dict[Path, Job] = {}
    for job in jobs:
        if job.output is None:
            continue
        place = _place(job.output)
        if place in photos:
            raise InputError(f"{job.output}: the sketch of {job.name} would replace the photo; choose another -o")
        if place in writers:
            raise InputError(
                f"{writers[place].name} and {job.name} would both write {job.output}; rename one, or convert them apart"
            )
        writers[place] = job

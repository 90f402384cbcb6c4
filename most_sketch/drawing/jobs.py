"""From what a person names, photos, folders, globs and stores, to jobs: each photo and where its sketch goes."""

from __future__ import annotations

import glob
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path, PurePath

from most_sketch.drawing.stores import ADDRESS, Location, StoreFile, location
from most_sketch.errors import InputError
from most_sketch.photo.folders import is_clutter
from most_sketch.photo.images import IMAGE_SUFFIXES, WRITE_FORMATS

STREAM = "-"
"""Names standard input among the inputs, standard output as the output."""

OWN_OUTPUT = re.compile(r"\.sketch\.(png|jpe?g|webp|tiff?)$", re.IGNORECASE)


class UsageError(InputError):
    """Inputs and output that do not go together, whatever is in the files."""


@dataclass(frozen=True)
class Job:
    """One photo and where its sketch goes."""

    source: Location | None
    """None: the photo is `content`, from standard input."""
    output: Location | None
    """None: to standard output. See `sketch_path` for photos of which there are several sketches."""
    suffix: str
    """The format of the sketch, a key of `WRITE_FORMATS`."""
    content: bytes = b""

    @property
    def name(self) -> str:
        """What to call the photo."""
        return "standard input" if self.source is None else str(self.source)

    def sketch_path(self, face: int | None = None, style: str | None = None) -> Location | None:
        """`photo.sketch.png`, or `photo.2.pencil.sketch.png` for the second face in the style pencil."""
        if self.output is None:
            return None
        tags = "".join(f".{tag}" for tag in (face, style) if tag is not None)
        own = OWN_OUTPUT.search(self.output.name)
        ending = own[0] if own else self.output.suffix
        return self.output.with_name(self.output.name.removesuffix(ending) + tags + ending)


@dataclass(frozen=True)
class Problem:
    """An input that gives no job, or not as many as might be expected."""

    name: str
    reason: str
    harmless: bool = False
    """Only to be told: files that were left out of a folder."""


def plan(
    inputs: Sequence[str], output: str | None = None, suffix: str | None = None, recursive: bool = False
) -> tuple[list[Job], list[Problem]]:
    """The jobs for these inputs, in order, each photo once, and the inputs that gave none.

    A sketch goes beside its photo as `photo.sketch.png`; to `output` if that is a file; under `output` if it is
    a folder, with the tree of a folder that was searched by `recursive`. `-` is standard input and output.
    Addresses of stores may stand for files and folders. Sketches by name are never taken as photos, nor are
    files in folders that are hidden or a system's own. Where `IMG_1.jpg` and `IMG_1.png` would both give
    `IMG_1.sketch.png`, they give `IMG_1.jpg.sketch.png` and `IMG_1.png.sketch.png`.

    Raises `UsageError`, and `InputError` if two photos would write one sketch all the same, a sketch would
    replace a photo, or the output's folder does not exist.
    """
    problems: list[Problem] = []
    found = list(_once(_expand(inputs, recursive, problems)))
    if not found and all(problem.harmless for problem in problems):
        raise InputError(
            f"{inputs[0]}: the name is that of a sketch made by most-sketch; rename it to use it as a photo"
        )
    alone = len(inputs) == 1 and not _may_be_many(inputs[0])
    jobs = _told_apart(list(_with_outputs(found, output, suffix, alone)))
    if len(jobs) > 1 and any(job.output is None for job in jobs):
        raise UsageError(f"standard output takes one sketch, and there are {len(jobs)} photos; name a folder with -o")
    _refuse_collisions(jobs)
    return jobs, problems


Found = tuple[Location | None, PurePath]
"""A photo (None: standard input), and its path as seen from the output folder."""


def _expand(inputs: Iterable[str], recursive: bool, problems: list[Problem]) -> Iterator[Found]:
    """The photos that each input stands for; adds the inputs that stand for none to `problems`."""
    for item in inputs:
        path = Path(item)
        if item == STREAM:
            yield None, Path("stdin")
        elif ADDRESS.match(item):
            yield from _expand_address(StoreFile.at(item), recursive, problems)
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
                # What begins with a dot is matched by a pattern only that names the dot.
                if any(is_clutter(part) and not part.startswith(".") and part not in item for part in match.parts):
                    continue
                if _is_folder(match):
                    if recursive:
                        yield from _search(match, recursive, problems)
                elif not OWN_OUTPUT.search(match.name):
                    yield match, Path(match.name)
        else:
            problems.append(Problem(item, f"{item}: no such file"))


def _expand_address(place: StoreFile, recursive: bool, problems: list[Problem]) -> Iterator[Found]:
    if place.is_folder():
        yield from _search(place, recursive, problems)
    elif not place.exists():
        problems.append(Problem(str(place), f"{place}: no such file"))
    elif not OWN_OUTPUT.search(place.name):
        yield place, PurePath(place.name)


def _search(folder: Location, recursive: bool, problems: list[Problem]) -> Iterator[Found]:
    """The pictures in a folder, by their names."""
    before, empty = len(problems), True
    left_out: Counter[str] = Counter()
    files = _walk(folder, recursive, problems) if isinstance(folder, Path) else folder.search(recursive)
    for place, relative in files:
        if relative.suffix.lower() in IMAGE_SUFFIXES:
            empty = False
            if not OWN_OUTPUT.search(relative.name):
                yield place, relative
        else:
            left_out[relative.suffix.lower() or "without an ending"] += 1
    if left_out and not empty:
        problems.append(Problem(str(folder), f"{folder}: {_told(left_out)}", harmless=True))
    if empty and len(problems) == before:
        hint = "" if recursive else "; --recursive looks into the folders below too"
        problems.append(Problem(str(folder), f"{folder}: no pictures in this folder{hint}"))


def _told(left_out: Counter[str]) -> str:
    kinds = ", ".join(f"{count} {ending}" for ending, count in left_out.most_common())
    return f"left out what is no picture by its name ({kinds})"


def _walk(folder: Path, recursive: bool, problems: list[Problem]) -> Iterator[tuple[Path, PurePath]]:
    """The files in a folder that are no clutter. Links to folders are not followed: they may lead in circles."""

    def unreadable(error: OSError) -> None:
        problems.append(Problem(str(error.filename), f"{error.filename}: cannot be searched ({error.strerror})"))

    for root, folders, names in os.walk(folder, onerror=unreadable):
        folders[:] = sorted(name for name in folders if not is_clutter(name)) if recursive else []
        here = Path(root)
        relative = here.relative_to(folder)
        for name in sorted(names):
            if not is_clutter(name):
                yield here / name, relative / name


def _may_be_many(item: str) -> bool:
    if ADDRESS.match(item):
        return StoreFile.at(item).is_folder()
    return item != STREAM and (_is_folder(Path(item)) or _is_glob(item))


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # such as a name that is too long, which reading will tell
        return False


def _is_glob(item: str) -> bool:
    return glob.has_magic(item) and not os.path.lexists(item)


def _once(found: Iterable[Found]) -> Iterator[Found]:
    seen, place_of = set[Place | None](), _placing()
    for source, relative in found:
        place = None if source is None else place_of(source)
        if place not in seen:
            seen.add(place)
            yield source, relative


Place = tuple[str, str] | StoreFile
"""The folder and name of a directory entry, or a file in a store: writing to equal places replaces the same file."""


def _placing() -> Callable[[Location], Place]:
    """Tells what a path names. Each folder is looked up once: that takes longer than all else done for a photo."""
    real_folder = cache(os.path.realpath)

    def place(path: Location) -> Place:
        return path if isinstance(path, StoreFile) else (real_folder(str(path.parent)), path.name)

    return place


def _with_outputs(found: Iterable[Found], output: str | None, suffix: str | None, alone: bool) -> Iterator[Job]:
    """The jobs for photos; `alone` if the only input names one photo, so that `output` may be a file."""
    streamed = output == STREAM
    one_file = output is not None and not streamed and _is_file_name(output, suffix, alone)
    ending = f".sketch{suffix or '.png'}"
    for source, relative in found:
        if streamed or (output is None and source is None):
            yield Job(source, None, suffix or ".png")
        elif output is None:
            place = source or Path(relative)
            yield Job(source, place.with_name(place.stem + ending), suffix or ".png")
        elif one_file:
            yield Job(source, location(output), location(output).suffix.lower())
        else:
            yield Job(source, location(output) / relative.with_name(relative.stem + ending), suffix or ".png")


def _told_apart(jobs: list[Job]) -> list[Job]:
    """The jobs; those that would write one sketch, for photos of one stem, have the whole names of the photos."""
    while True:
        writers = Counter(_written(job) for job in jobs if job.output is not None)
        renamed = [_named_in_full(job) if job.output and writers[_written(job)] > 1 else job for job in jobs]
        if renamed == jobs:
            return jobs
        jobs = renamed


def _written(job: Job) -> str:
    """What two jobs that write one sketch have in common, also on disks that tell names apart neither by case nor by
    how accents are put together."""
    return unicodedata.normalize("NFC", str(job.output)).casefold()


def _named_in_full(job: Job) -> Job:
    if job.output is None or job.source is None:
        return job
    own = OWN_OUTPUT.search(job.output.name)
    return replace(job, output=job.output.with_name(job.source.name + own[0])) if own else job


def _is_file_name(output: str, suffix: str | None, alone: bool) -> bool:
    """Does `-o` name the sketch itself, not a folder?

    Raises `UsageError` for a name that fits neither, and `InputError` if the folder that it lies in is missing.
    """
    if ADDRESS.match(output):
        return alone and StoreFile.at(output).suffix.lower() in WRITE_FORMATS
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
    place_of = _placing()
    photos = {place_of(job.source) for job in jobs if job.source is not None}
    writers: dict[Place, Job] = {}
    for job in jobs:
        if job.output is None:
            continue
        place = place_of(job.output)
        if place in photos:
            raise InputError(f"{job.output}: the sketch of {job.name} would replace the photo; choose another -o")
        if place in writers:
            raise InputError(
                f"{writers[place].name} and {job.name} would both write {job.output}; rename one, or convert them apart"
            )
        writers[place] = job

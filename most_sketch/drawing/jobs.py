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
from string import Formatter
from typing import TYPE_CHECKING, Literal

from most_sketch.drawing.stores import ADDRESS, Location, StoreFile, location, read_ends, read_record
from most_sketch.errors import InputError
from most_sketch.photo.folders import is_clutter
from most_sketch.photo.images import IMAGE_SUFFIXES, SKETCH_FORMATS, is_picture
from most_sketch.photo.provenance import START

if TYPE_CHECKING:
    from most_sketch.drawing.options import Options

STREAM = "-"
"""Names standard input among the inputs, standard output as the output."""

OWN_OUTPUT = re.compile(r"\.sketch\.(png|jpe?g|webp|tiff?|jxl|svg|pdf)$", re.IGNORECASE)


TEMPLATE_FIELDS = ("stem", "style", "face", "size")
"""What a template of names may have in braces."""


SELDOM_PHOTOS = frozenset({".png", ".webp", ".tif", ".tiff", ".jxl"})
"""Endings of sketches that are seldom those of photos."""


class UsageError(InputError):
    """Inputs and output that do not go together, whatever is in the files."""


Naming = Literal["tags", "file", "template"]
"""How a sketch comes to its name: from the photo's and what is not as by default; from `-o FILE`; from `--name`."""


@dataclass(frozen=True)
class Job:
    """One photo and where its sketch goes."""

    source: Location | None
    """None: the photo is `content`, from standard input."""
    output: Location | None
    """None: to standard output. The rest of its name comes with face, style and options: see `sketch_path`."""
    suffix: str
    """The format of the sketch, a key of `SKETCH_FORMATS`."""
    content: bytes = b""
    naming: Naming = "tags"

    @property
    def name(self) -> str:
        """What to call the photo."""
        return "standard input" if self.source is None else str(self.source)

    def sketch_path(self, face: int, style: str, options: Options) -> Location | None:
        """Where the sketch of a face, counted from 1, in a style goes; None to standard output.

        `photo.sketch.png` or, where a person chose more than the photo, `photo.2.ink.1000.sketch.png`. What `-o` names
        gets the number and the style only if there are several.
        """
        if self.output is None:
            return None
        if self.naming == "template":
            name = self.output.name.format(style=style, face=face, size=options.size or "auto")
        else:
            tags = options.tags(style, face) if self.naming == "tags" else options.needed_tags(style, face)
            if not tags:
                return self.output
            own = OWN_OUTPUT.search(self.output.name)
            ending = own[0] if own else self.output.suffix
            name = ".".join([self.output.name.removesuffix(ending), *tags]) + ending
        return self.output.with_name(name)


@dataclass(frozen=True)
class Problem:
    """An input that gives no job, or not as many as might be expected."""

    name: str
    reason: str
    harmless: bool = False
    """Only to be told: files that were left out of a folder."""


def plan(
    inputs: Sequence[str],
    output: str | None = None,
    suffix: str | None = None,
    recursive: bool = False,
    *,
    name: str | None = None,
    may_be_tag: Callable[[str], bool] = lambda _: False,
) -> tuple[list[Job], list[Problem]]:
    """The jobs for these inputs, in order, each photo once, and the inputs that gave none.

    A sketch goes beside its photo as `photo.sketch.png`; to `output` if that is a file; under `output` if it is
    a folder, with the tree of a folder that was searched by `recursive`. `-` is standard input and output.
    Addresses of stores may stand for files and folders. Sketches that we drew are never taken as photos, nor are
    files in folders that are hidden or a system's own. Where `IMG_1.jpg` and `IMG_1.png` would both give
    `IMG_1.sketch.png`, they give `IMG_1.jpg.sketch.png` and `IMG_1.png.sketch.png`; likewise `club.png` beside
    `club.1.jpg`, if `1` may be a tag in the names of sketches. `name` is a template in the place of all that, such as
    `{stem}.{style}.png`.

    Raises `UsageError`, and `InputError` if two photos would write one sketch all the same, or a sketch would replace
    a photo.
    """
    if name is not None:
        _check_template(name, output, suffix)
    problems: list[Problem] = []
    found = list(_once(_expand(inputs, recursive, problems)))
    alone = len(inputs) == 1 and not may_be_many(inputs[0])

    def jobs_of(photos: Iterable[Found]) -> list[Job]:
        if name is not None:
            return [_templated(each, output, name, suffix) for each in photos]
        return _told_apart(list(_with_outputs(photos, output, suffix, alone)), may_be_tag)

    sure = [each for each in found if not OWN_OUTPUT.search(each[1].name)]
    jobs = jobs_of(sure)
    if len(sure) < len(found):
        named = {str(Path(item)) for item in inputs}
        ours = _own_sketches(found, jobs)
        problems += [
            Problem(str(source), f"{source}: left out, it is a sketch that most-sketch drew", harmless=True)
            for source in ours
            if str(source) in named
        ]
        no_pictures = [
            source
            for source, relative in found
            if OWN_OUTPUT.search(relative.name) and source not in ours and str(source) not in named
            if isinstance(source, Path) and not is_picture(source)
        ]
        problems += [
            Problem(str(source), f"{source}: left out, it is called as a sketch and is no picture", harmless=True)
            for source in no_pictures
        ]
        ours |= set(no_pictures)
        if not sure and ours and len(ours) == len(found) and all(problem.harmless for problem in problems):
            raise InputError(f"{inputs[0]}: is a sketch that most-sketch drew, and no photo")
        if len(sure) + len(ours) < len(found):
            jobs = jobs_of([each for each in found if each[0] not in ours])
    if len(jobs) > 1 and any(job.output is None for job in jobs):
        raise UsageError(f"standard output takes one sketch, and there are {len(jobs)} photos; name a folder with -o")
    return _without_collisions(jobs), problems


def _own_sketches(found: Iterable[Found], jobs: Iterable[Job]) -> set[Location | None]:
    """Of files that are called as sketches are, those that are ours: what jobs will write, and what says so itself."""
    written = {str(job.output) for job in jobs}
    return {
        source
        for source, relative in found
        if source is not None
        and OWN_OUTPUT.search(relative.name)
        and (str(source) in written or read_record(source) is not None)
    }


def _check_template(name: str, output: str | None, suffix: str | None) -> None:
    """Raise `UsageError` for a template that makes no names, or does not go with the other options."""
    try:
        fields = {field for _, field, _, _ in Formatter().parse(name) if field is not None}
        if fields <= {*TEMPLATE_FIELDS}:
            name.format(stem="a", style="a", face=1, size="auto")
    except ValueError as error:
        raise UsageError(f"--name {name}: {error}") from error
    if not fields <= {*TEMPLATE_FIELDS}:
        known = ", ".join(f"{{{field}}}" for field in TEMPLATE_FIELDS)
        raise UsageError(f"--name {name}: what can be put into a name is {known}")
    if {"/", os.sep} & {*name}:
        raise UsageError(f"--name {name}: is a name without a folder; -o names the folder")
    if output == STREAM:
        raise UsageError("--name is for files, and -o - is standard output")
    ending = PurePath(name).suffix.lower()
    if ending not in SKETCH_FORMATS:
        raise UsageError(f"--name {name}: must end in one of {', '.join(SKETCH_FORMATS)}")
    if suffix and SKETCH_FORMATS[ending] != SKETCH_FORMATS[suffix]:
        raise UsageError(f"--name {name} and --format {suffix[1:]} do not agree; leave one out")


def _templated(found: Found, output: str | None, name: str, suffix: str | None) -> Job:
    source, relative = found
    if output is not None and _is_file_name(output, suffix, alone=True):
        raise UsageError(f"-o {output} and --name both name the sketch; leave one out")
    filled = ""
    for literal, field, form, _ in Formatter().parse(name):
        filled += _in_braces(literal)
        if field == "stem":
            filled += _in_braces(format(relative.stem, form or ""))
        elif field is not None:
            # What is known later only.
            filled += f"{{{field}:{form}}}" if form else f"{{{field}}}"
    suffix = PurePath(name).suffix.lower()
    if output is None:
        return Job(source, (source or Path(relative)).with_name(filled), suffix, naming="template")
    return Job(source, location(output) / relative.with_name(filled), suffix, naming="template")


def _in_braces(text: str) -> str:
    """Text such that `format` leaves it as it is."""
    return text.replace("{", "{{").replace("}", "}}")


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
            yield path, Path(path.name)
        elif _is_glob(item):
            # Not Path.glob: it refuses absolute patterns.
            matches = sorted(glob.glob(_pattern(item), recursive=True))  # noqa: PTH207
            if not matches:
                problems.append(Problem(item, f"{item}: nothing matches"))
            for match in map(Path, matches):
                # What begins with a dot is matched by a pattern only that names the dot.
                if any(is_clutter(part) and not part.startswith(".") and part not in item for part in match.parts):
                    continue
                if _is_folder(match):
                    if recursive:
                        yield from _search(match, recursive, problems)
                else:
                    yield match, Path(match.name)
        else:
            problems.append(Problem(item, f"{item}: no such file"))


def _expand_address(place: StoreFile, recursive: bool, problems: list[Problem]) -> Iterator[Found]:
    if place.is_folder():
        yield from _search(place, recursive, problems)
    elif not place.exists():
        problems.append(Problem(str(place), f"{place}: no such file"))
    else:
        yield place, PurePath(place.name)


def _search(folder: Location, recursive: bool, problems: list[Problem]) -> Iterator[Found]:
    """The pictures in a folder, by their names."""
    before, empty = len(problems), True
    left_out: Counter[str] = Counter()
    files = _walk(folder, recursive, problems) if isinstance(folder, Path) else folder.search(recursive)
    for place, relative in files:
        if relative.suffix.lower() in IMAGE_SUFFIXES:
            empty = False
            if not _is_named_sketch(place):
                yield place, relative
        else:
            left_out[relative.suffix.lower() or "without an ending"] += 1
    if left_out and not empty:
        problems.append(Problem(str(folder), f"{folder}: {_told(left_out)}", harmless=True))
    if empty and len(problems) == before:
        hint = "" if recursive else "; --recursive looks into the folders below too"
        problems.append(Problem(str(folder), f"{folder}: no pictures in this folder{hint}"))


def _is_named_sketch(place: Location) -> bool:
    """Is a file a sketch of ours under a name that a person chose, as far as it is quick to see?

    Few photos are in these formats, and a sketch of a sketch is what nobody means who names a folder.
    """
    return (
        isinstance(place, Path)
        and place.suffix.lower() in SELDOM_PHOTOS
        and OWN_OUTPUT.search(place.name) is None
        and START in (read_ends(place) or b"")
    )


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


def may_be_many(item: str) -> bool:
    """May an input stand for several photos, or none?"""
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


def _pattern(item: str) -> str:
    """A pattern in which the folders that are there by their very names stand for themselves."""
    *folders, last = PurePath(item).parts
    plain = Path()
    for place, folder in enumerate(folders):
        if not os.path.lexists(plain / folder):
            return str(PurePath(glob.escape(str(plain)), *folders[place:], last))
        plain /= folder
    return str(PurePath(glob.escape(str(plain)), last))


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
            yield Job(source, location(output), location(output).suffix.lower(), naming="file")
        else:
            yield Job(source, location(output) / relative.with_name(relative.stem + ending), suffix or ".png")


def _told_apart(jobs: list[Job], may_be_tag: Callable[[str], bool]) -> list[Job]:
    """The jobs; those that would write one sketch have the whole names of their photos.

    Two photos of one stem would, and a photo whose sketches are numbered beside one that has such a number already.
    """
    while True:
        writers = Counter(_written(job) for job in jobs if job.output is not None)
        prefixes = {prefix for job in jobs if job.naming == "tags" for prefix in _before_tags(job, may_be_tag)}
        renamed = [
            _named_in_full(job) if job.output and (writers[_written(job)] > 1 or _base(job) in prefixes) else job
            for job in jobs
        ]
        if renamed == jobs:
            return jobs
        jobs = renamed


def _base(job: Job) -> str:
    """What the names of a photo's sketches begin with, and where they are."""
    written = _written(job)
    own = OWN_OUTPUT.search(written)
    return written.removesuffix(own[0]) if own else ""


def _before_tags(job: Job, may_be_tag: Callable[[str], bool]) -> Iterator[str]:
    """If a photo's name ends as that of another's sketch might: what that photo would be called."""
    base = _base(job)
    before, _, word = base.rpartition(".")
    while word and word != base and may_be_tag(word):
        yield before
        base = before
        before, _, word = base.rpartition(".")


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

    Raises `UsageError` for a name that fits neither.
    """
    if ADDRESS.match(output):
        return alone and StoreFile.at(output).suffix.lower() in SKETCH_FORMATS
    target = Path(output)
    if _is_folder(target) or output.endswith(("/", os.sep)) or not target.suffix:
        if os.path.lexists(target) and not _is_folder(target):
            raise UsageError(f"-o {output} is a file that is no picture; name a folder, or a picture to write")
        return False
    if target.suffix.lower() not in SKETCH_FORMATS:
        raise UsageError(
            f"-o {output}: sketches are saved as {', '.join(SKETCH_FORMATS)}; a new folder whose name has a dot "
            "must end in /"
        )
    if not alone:
        raise UsageError(f"-o {output} names one file; name a folder for the sketches of several photos")
    if suffix and SKETCH_FORMATS[target.suffix.lower()] != SKETCH_FORMATS[suffix]:
        raise UsageError(f"-o {output} and --format {suffix[1:]} do not agree; leave one out")
    return True


def _without_collisions(jobs: Sequence[Job]) -> list[Job]:
    """The jobs, but for photos that are sketches of ours which another job writes.

    Raises `InputError` where a sketch would replace a photo, or two photos would write one sketch.
    """
    place_of = _placing()
    photos = {place_of(job.source): job for job in jobs if job.source is not None}
    writers: dict[Place, Job] = {}
    sketches: set[Place] = set()
    followed: set[Place] | None = None
    for job in jobs:
        if job.output is None:
            continue
        place = place_of(job.output)
        if isinstance(job.output, Path) and os.path.islink(job.output):  # noqa: PTH114 - it never raises
            place = place_of(Path(os.path.realpath(job.output)))
            if followed is None:
                paths = [each.source for each in jobs if isinstance(each.source, Path)]
                followed = {place_of(Path(os.path.realpath(path))) for path in paths}
            if place in followed:
                raise _replaces(job)
        if place in photos:
            source = photos[place].source
            if source is None or job.source == source or read_record(source) is None:
                raise _replaces(job)
            sketches.add(place)
        if place in writers:
            raise InputError(
                f"{writers[place].name} and {job.name} would both write {job.output}; rename one, or convert them apart"
            )
        writers[place] = job
    return [job for job in jobs if job.source is None or place_of(job.source) not in sketches] if sketches else [*jobs]


def _replaces(job: Job) -> InputError:
    return InputError(f"{job.output}: the sketch of {job.name} would replace the photo; choose another -o")

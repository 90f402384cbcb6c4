"""Paired sets of photos and sketches: find the pairs, hold some out, read one."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from torch import Tensor

from most_sketch.errors import InputError
from most_sketch.pairs.landmarks import SUFFIXES as POINTS_SUFFIXES
from most_sketch.pairs.layouts import composed, database_of, halves, name_key, photo_side, role_of, sketches_of, subject
from most_sketch.photo.folders import is_clutter
from most_sketch.photo.frame import FRAME_HEIGHT, scaled_size
from most_sketch.photo.images import IMAGE_SUFFIXES, read_image, to_tensor

VALIDATION_EVERY = 10


@dataclass(frozen=True)
class Pair:
    """A photo and the sketch that an artist drew of it."""

    photo: Path
    sketch: Path
    database: str
    """The folder that holds photos/ and sketches/, relative to the set's root."""
    mask: Path | None = None
    """A picture that is white where the photo shows the person, where the set has one."""
    photo_points: Path | None = None
    sketch_points: Path | None = None
    """Points of the face in both, where the set has them: see `landmarks`."""
    photo_side: str = ""
    """Where photo and sketch are the halves of one picture, the side on which the photo is: `left` or `right`."""

    @property
    def name(self) -> str:
        return f"{self.database}/{self.photo.stem}"


class NoPairsError(InputError):
    """A folder in which no folder of photos has one of drawings beside it."""


@dataclass(frozen=True)
class Survey:
    """What there is in a paired set."""

    pairs: list[Pair]
    """Sorted by database and name."""
    doubled: list[str]
    """Pictures of one name, with what to do."""
    alone: list[Path]
    """Pictures without a partner, masks without a photo."""
    unread: list[str]
    """Other files beside the pictures, and points without a picture, with the reason why they are no use."""


def find_pairs(root: Path) -> list[Pair]:
    """All pairs of a paired set, sorted by database and name.

    Wherever at or below `root` a folder named `photos` has a sibling named `sketches`, pictures of one name are pairs.
    The layouts and names under which sets are handed out are understood too (`layouts`). A folder named `masks` beside
    them may hold masks of photos, by the photos' names; folders `photo_points` and `sketch_points` likewise points of
    the face. What is hidden, or a system keeps for itself, is no data; names pair up however their accents are put
    together.

    Raises `InputError` where there is no such folder, no picture in it, or a picture without its partner;
    `NoPairsError` where nothing looks like pairs.
    """
    found = survey(root)
    if found.doubled:
        raise InputError(found.doubled[0])
    if found.alone:
        more = f" and {len(found.alone) - 5} more" if len(found.alone) > 5 else ""
        raise InputError(f"without a partner of the same name: {', '.join(map(str, found.alone[:5]))}{more}")
    if not found.pairs:
        raise nothing_found(root)
    return found.pairs


def survey(root: Path, joined: bool = False) -> Survey:
    """The pairs of a set as `find_pairs` finds them, and what of it cannot be used.

    With `joined`, pix2pix's layout is understood too, in which photo and sketch are the halves of one picture: only
    `read_pictures` can read such a pair. Raises `InputError` for no folder.
    """
    if not root.is_dir():
        raise InputError(f"{root}: no such folder")
    found = Survey([], [], [], [])
    for photos in _folders(root):
        sketches = sketches_of(photos, root)
        if sketches is not None:
            _match(photos, sketches, database_of(photos, sketches, root), found)
    if not found.pairs and not found.alone:
        for folder in (root, *_folders(root)):
            _match_by_role(folder, root, found)
    if joined and not found.pairs and not found.alone:
        for folder in (root, *_folders(root)):
            pictures = [path for path in sorted(folder.iterdir()) if _is_picture(path)]
            if side := photo_side(pictures):
                database = folder.relative_to(root).as_posix()
                database = root.resolve().name if database == "." else database
                found.pairs.extend(Pair(path, path, database, photo_side=side) for path in pictures)
    return found


def nothing_found(root: Path) -> InputError:
    """What to say of a folder without pairs."""
    name = root.resolve().name.lower()
    half = "photo" in name or "sketch" in name
    remedy = f"; name the folder that holds both, {root.resolve().parent}" if half else ""
    # Half of a set is a slip, and never a set of photos alone.
    whole = root.resolve()
    kind = NoPairsError if sketches_of(whole, whole.parent) is None else InputError
    return kind(
        f"{root}: no pairs found; expected folders photos/ and sketches/ with pictures of the same names{remedy}"
    )


def hold_out(pairs: Sequence[Pair], every: int = VALIDATION_EVERY) -> tuple[list[Pair], list[Pair]]:
    """Split pairs into (training, validation) by a fixed rule.

    Of each database's pairs in order of their names, the first and every tenth after it are for validation;
    `every` = 0 holds out none.
    """
    training: list[Pair] = []
    validation: list[Pair] = []
    for database in dict.fromkeys(pair.database for pair in pairs):
        members = sorted((pair for pair in pairs if pair.database == database), key=lambda pair: pair.photo.stem)
        for place, pair in enumerate(members):
            (validation if every and place % every == 0 else training).append(pair)
    return training, validation


def load_pair(pair: Pair) -> tuple[Tensor, Tensor]:
    """A pair as tensors: photo (3, H, W) and sketch (1, H, W) in [-1, 1]. Raises like `read_pair`."""
    photo, sketch = read_pair(pair)
    return to_tensor(photo), to_tensor(sketch)


def frame_height(pair: Pair) -> int | None:
    """The height of a photo that is the frame, at its own size or larger; None for pictures of other shapes.

    Raises `InputError` if the photo cannot be read.
    """
    size = read_image(pair.photo).size
    return size[1] if size[1] >= FRAME_HEIGHT and size == scaled_size(size[1] / FRAME_HEIGHT) else None


def read_pair(pair: Pair) -> tuple[Image.Image, Image.Image]:
    """A pair as pictures: photo (RGB) and sketch (L). Raises `InputError` if unreadable or of different sizes."""
    photo, sketch = read_pictures(pair)
    if photo.size != sketch.size:
        raise InputError(
            f"{pair.name}: the photo has {photo.width} x {photo.height} pixels and "
            f"the sketch {sketch.width} x {sketch.height}; pairs must match pixel by pixel"
        )
    return photo, sketch


def read_pictures(pair: Pair) -> tuple[Image.Image, Image.Image]:
    """The pictures of a pair of any two sizes: photo (RGB) and sketch (L). Raises `InputError` if unreadable."""
    if not pair.photo_side:
        return read_image(pair.photo), read_image(pair.sketch).convert("L")
    left, right = halves(read_image(pair.photo))
    return (left, right.convert("L")) if pair.photo_side == "left" else (right, left.convert("L"))


def _folders(root: Path) -> list[Path]:
    """All folders below `root` that are no clutter, sorted."""
    found: list[Path] = []
    for path, names, _ in os.walk(root, onerror=_unreadable):
        names[:] = [name for name in names if not is_clutter(name)]
        found += [Path(path, name) for name in names]
    return sorted(found)


def _unreadable(error: OSError) -> None:
    raise InputError(f"{error.filename}: cannot be searched ({error.strerror})") from error


def _match(photos: Path, sketches: Path, database: str, found: Survey) -> None:
    """Add what two folders hold to what is found: pairs of equal names, else of equal subjects, and their masks."""
    photo_of, sketch_of = _pictures(photos, name_key, found), _pictures(sketches, name_key, found)
    names = photo_of.keys() & sketch_of.keys()
    matched = {key: (photo_of[key], sketch_of[key]) for key in names}
    rest = [_by_subject(each, names) for each in (photo_of, sketch_of)]
    matched |= {
        key: (rest[0][key][0], rest[1][key][0]) for key in rest[0].keys() & rest[1].keys() if key not in matched
    }
    masks = photos.parent / "masks"
    mask_of = _pictures(masks, composed, found) if masks.is_dir() else {}
    used = {path for pair in matched.values() for path in pair}
    found.alone.extend(path for key, path in sorted(photo_of.items()) if path not in used)
    found.alone.extend(path for key, path in sorted(sketch_of.items()) if path not in used)
    with_photo = {composed(path.stem) for path in photo_of.values()}
    found.alone.extend(mask_of[stem] for stem in sorted(mask_of.keys() - with_photo))
    for key in sorted(matched):
        photo, sketch = matched[key]
        found.pairs.append(
            Pair(
                photo,
                sketch,
                database,
                mask_of.get(composed(photo.stem)),
                _points_of(photo, "photo_points"),
                _points_of(sketch, "sketch_points"),
            )
        )
    for folder, pictures in (("photo_points", photo_of), ("sketch_points", sketch_of)):
        stems = {composed(path.stem) for path in pictures.values()}
        files = sorted((photos.parent / folder).glob("*")) if (photos.parent / folder).is_dir() else []
        found.unread.extend(
            f"{path}: points of no picture that is there"
            for path in files
            if path.suffix in POINTS_SUFFIXES and composed(path.stem) not in stems
        )


def _by_subject(pictures: dict[str, Path], matched: Collection[str]) -> dict[str, list[Path]]:
    """The pictures that are not matched by name, by subject where that is one's alone."""
    found: dict[str, list[Path]] = {}
    for key, path in pictures.items():
        if key not in matched:
            found.setdefault(subject(path.stem), []).append(path)
    return {key: paths for key, paths in found.items() if len(paths) == 1}


def _match_by_role(folder: Path, root: Path, found: Survey) -> None:
    """Add the pairs of one folder whose files' names say which is which, as `anna_photo` and `anna_sketch`."""
    by_role: dict[str | None, dict[str, list[Path]]] = {}
    for path in sorted(folder.iterdir()):
        if _is_picture(path):
            by_role.setdefault(role_of(path.stem), {}).setdefault(subject(path.stem), []).append(path)
    photos, sketches = by_role.get("photo", {}), by_role.get("sketch", {})
    if not photos.keys() & sketches.keys():
        return
    database = folder.relative_to(root).as_posix()
    for key in sorted(photos.keys() | sketches.keys()):
        both = photos.get(key, []), sketches.get(key, [])
        if [len(paths) for paths in both] == [1, 1]:
            found.pairs.append(Pair(both[0][0], both[1][0], root.resolve().name if database == "." else database))
        else:
            found.alone.extend(path for paths in both for path in paths)


def _points_of(picture: Path, folder: str) -> Path | None:
    """The points of the face in a picture, in a folder beside its own, if it has any."""
    names = dict.fromkeys((picture.stem, composed(picture.stem), unicodedata.normalize("NFD", picture.stem)))
    files = (picture.parent.parent / folder / f"{name}{suffix}" for name in names for suffix in POINTS_SUFFIXES)
    return next((path for path in files if path.is_file()), None)


def _pictures(folder: Path, key_of: Callable[[str], str], report: Survey) -> dict[str, Path]:
    """The pictures of a folder by the key of their stem. Of two that share one the first; the other is reported."""
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if not _is_picture(path):
            if path.is_file() and not is_clutter(path.name):
                report.unread.append(f"{path}: not a picture that can be read")
            continue
        key = key_of(path.stem)
        if key in found:
            report.doubled.append(f"{found[key]} and {path.name}: two pictures for one name; keep one")
            continue
        found[key] = path
    return found


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES and not is_clutter(path.name)

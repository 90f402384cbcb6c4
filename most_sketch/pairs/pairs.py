"""Paired sets of photos and sketches: find the pairs, hold some out, read one."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from torch import Tensor

from most_sketch.errors import InputError
from most_sketch.pairs.landmarks import SUFFIXES as POINTS_SUFFIXES
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

    @property
    def name(self) -> str:
        return f"{self.database}/{self.photo.stem}"


class NoPairsError(InputError):
    """A folder in which no folder of photos has one of drawings beside it."""


def find_pairs(root: Path) -> list[Pair]:
    """All pairs of a paired set, sorted by database and name.

    Wherever at or below `root` a folder named `photos` has a sibling named `sketches`, pictures of one name
    are pairs. The names under which CUFS and CUFSF are handed out are understood too: folders `photo` and
    `sketch`, `CUHK_training_cropped_photos` and `CUHK_training_cropped_sketches`; files `f-005-01` and
    `F2-005-01-sz1`, FERET's `00001fb010_930831` and `00001`. A folder named `masks` beside them may hold masks
    of photos, by the photos' names; folders `photo_points` and `sketch_points` likewise points of the face.

    What is hidden, or a system keeps for itself, is no data; names pair up however their accents are put together.

    Raises `InputError` where there is no such folder, no picture in it, or a picture without its partner;
    `NoPairsError` where nothing looks like pairs.
    """
    if not root.is_dir():
        raise InputError(f"{root}: no such folder")
    pairs: list[Pair] = []
    for photos in _folders(root):
        sketches = _sketches_beside(photos)
        if sketches is not None:
            database = photos.parent.relative_to(root).as_posix()
            pairs += _match(photos, sketches, root.resolve().name if database == "." else database)
    if not pairs:
        name = root.resolve().name.lower()
        half = "photo" in name or "sketch" in name
        remedy = f"; name the folder that holds both, {root.resolve().parent}" if half else ""
        # Half of a set is a slip, and never a set of photos alone.
        kind = NoPairsError if _sketches_beside(root.resolve()) is None else InputError
        raise kind(
            f"{root}: no pairs found; expected folders photos/ and sketches/ with pictures of the same names{remedy}"
        )
    return pairs


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
    return read_image(pair.photo), read_image(pair.sketch).convert("L")


def _folders(root: Path) -> list[Path]:
    """All folders below `root` that are no clutter, sorted."""
    found: list[Path] = []
    for path, names, _ in os.walk(root, onerror=_unreadable):
        names[:] = [name for name in names if not is_clutter(name)]
        found += [Path(path, name) for name in names]
    return sorted(found)


def _unreadable(error: OSError) -> None:
    raise InputError(f"{error.filename}: cannot be searched ({error.strerror})") from error


def _sketches_beside(photos: Path) -> Path | None:
    """The folder of sketches that belongs to a folder of photos, or None if `photos` is no such folder."""
    name = photos.name.lower()
    if "photo" not in name or name == "photo_points":
        return None
    wanted = name.replace("photos", "sketches").replace("photo", "sketch")
    return next((path for path in photos.parent.iterdir() if path.name.lower() == wanted and path.is_dir()), None)


def _match(photos: Path, sketches: Path, database: str) -> list[Pair]:
    """Pairs of equal names, else of equal subjects, and the photos' masks. Raises `InputError` with the names that
    stay alone."""
    photo_of, sketch_of = _pictures(photos, name_key), _pictures(sketches, name_key)
    if photo_of.keys() != sketch_of.keys():
        photo_of, sketch_of = _pictures(photos, _subject), _pictures(sketches, _subject)
    masks = photos.parent / "masks"
    mask_of = _pictures(masks, composed) if masks.is_dir() else {}
    alone = [str(photo_of[key]) for key in sorted(photo_of.keys() - sketch_of.keys())]
    alone += [str(sketch_of[key]) for key in sorted(sketch_of.keys() - photo_of.keys())]
    with_photo = {composed(path.stem) for path in photo_of.values()}
    alone += [str(mask_of[stem]) for stem in sorted(mask_of.keys() - with_photo)]
    if alone:
        more = f" and {len(alone) - 5} more" if len(alone) > 5 else ""
        raise InputError(f"without a partner of the same name: {', '.join(alone[:5])}{more}")
    return [
        Pair(
            photo_of[key],
            sketch_of[key],
            database,
            mask_of.get(composed(photo_of[key].stem)),
            _points_of(photo_of[key], "photo_points"),
            _points_of(sketch_of[key], "sketch_points"),
        )
        for key in sorted(photo_of)
    ]


def _points_of(picture: Path, folder: str) -> Path | None:
    """The points of the face in a picture, in a folder beside its own, if it has any."""
    names = dict.fromkeys((picture.stem, composed(picture.stem), unicodedata.normalize("NFD", picture.stem)))
    files = (picture.parent.parent / folder / f"{name}{suffix}" for name in names for suffix in POINTS_SUFFIXES)
    return next((path for path in files if path.is_file()), None)


def _pictures(folder: Path, key_of: Callable[[str], str]) -> dict[str, Path]:
    """The pictures of a folder by the key of their stem. Raises `InputError` if two share one."""
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in IMAGE_SUFFIXES or is_clutter(path.name):
            continue
        key = key_of(path.stem)
        if key in found:
            raise InputError(f"{found[key]} and {path.name}: two pictures for one name; keep one")
        found[key] = path
    return found


def composed(stem: str) -> str:
    """A name with its accents in one form: some systems write `e` and the accent apart."""
    return unicodedata.normalize("NFC", stem)


def name_key(name: str) -> str:
    """What names have in common that mean the same picture."""
    return composed(name).lower()


def _subject(stem: str) -> str:
    """What identifies the person in the file names of CUFS and CUFSF.

    CUHK: photo `f-005-01`, sketch `F2-005-01-sz1`. CUFSF: FERET's `00001fb010_930831` or just `00001`.
    """
    stem = re.sub(r"-sz\d*$", "", name_key(stem))
    if feret := re.fullmatch(r"(\d{5})([a-z]{2}\d{3}.*)?", stem):
        return feret[1]
    return re.sub(r"^([fm])2-", r"\1-", stem)

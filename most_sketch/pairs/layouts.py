"""The layouts and names under which paired sets are handed out: CUFS, CUFSF, FS2K, pix2pix and CycleGAN.

Of folders, `photo` in a path becomes `sketch` in its partner's; of files, what says photo or sketch is left out.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from most_sketch.errors import InputError
from most_sketch.photo.images import read_image

ROLES = {
    "photo": re.compile(r"[-_. ](photo|real_?[ab]?|image|img|input)s?$|(?<![^-_. ])(photo|image|img)s?[-_. ]?(?=\d)"),
    "sketch": re.compile(r"[-_. ](sketch(es)?|drawings?|fake_?[ab]?|target)$|(?<![^-_. ])sketch(es)?[-_. ]?(?=\d)"),
}
"""What a file's name says of its role, as `anna_photo`, `anna_fake_B` and FS2K's `image0001` and `sketch0001` do. Its
authors' script that halves the set names them `photo1_image0001` and `sketch1_sketch0001`."""

DOMAINS = re.compile(r"^(train|test|val|)_?a$", re.IGNORECASE)
"""CycleGAN's folders of photos; those of sketches end in B."""


TRIED = 8
"""Of a folder's pictures so many are looked at to tell whether they are pairs side by side."""
WIDE = (1.55, 2.05)
"""Width over height of two halves: from two frames of CUFS, each 4 to 5, to two squares, as pix2pix has them."""
LEAST_COLOUR = 4.0
"""By so much of 255 a photo's mean saturation is above its sketch's."""


def composed(stem: str) -> str:
    """A name with its accents in one form: some systems write `e` and the accent apart."""
    return unicodedata.normalize("NFC", stem)


def name_key(name: str) -> str:
    """What names have in common that mean the same picture."""
    return composed(name).lower()


def subject(stem: str) -> str:
    """What identifies the person in a file's name.

    CUHK: photo `f-005-01`, sketch `F2-005-01-sz1`. CUFSF: FERET's `00001fb010_930831` or just `00001`.
    """
    stem = re.sub(r"-sz\d*$", "", name_key(stem))
    for role in ROLES.values():
        stem = role.sub("", stem)
    if feret := re.fullmatch(r"(\d{5})([a-z]{2}\d{3}.*)?", stem):
        return feret[1]
    return re.sub(r"^([fm])2-", r"\1-", stem)


def role_of(stem: str) -> str | None:
    """`photo` or `sketch`, where a file's name says so."""
    return next((role for role, words in ROLES.items() if words.search(name_key(stem))), None)


def sketches_of(photos: Path, root: Path) -> Path | None:
    """The folder of sketches that belongs to a folder of photos, or None if `photos` is no such folder.

    It is beside it, or where all of its path below `root` says sketch for photo, as in FS2K's `photo/photo1` and in
    `CUHK_training_photo/photo`, which is what two archives become that are unpacked each into its own folder.
    """
    name = photos.name.lower()
    if name == "photo_points":
        return None
    if "photo" in name and (beside := _named(photos.parent, _as_sketch(name))):
        return beside
    if DOMAINS.match(name):
        return _named(photos.parent, f"{name[:-1]}b")
    parts = photos.relative_to(root).parts
    if "photo" not in "/".join(parts).lower():
        return None
    found: Path | None = root
    for part in parts:
        found = found and _named(found, _as_sketch(part.lower()))
    return None if found == photos else found


def database_of(photos: Path, sketches: Path, root: Path) -> str:
    """What pairs of these two folders are called after: the folder that holds both, else what their paths share.

    CycleGAN's `trainA` and `testA` stay apart, as `train` and `test`: their names may be the same.
    """
    if photos.parent == sketches.parent:
        part = DOMAINS.match(photos.name)
        database = (photos.parent / (part[1].lower() if part else "")).relative_to(root).as_posix()
    else:
        words = [
            re.sub(r"[-_]*photos?[-_]*", "_", part, flags=re.IGNORECASE).strip("_")
            for part in photos.relative_to(root).parts
        ]
        database = "/".join(f"part{word}" if word.isdigit() else word for word in words if word) or "."
    return root.resolve().name if database == "." else database


def photo_side(pictures: Sequence[Path]) -> str:
    """On which side of a folder's pictures the photos are, `left` or `right`; empty unless all are of two halves.

    The photo is the half with more colour; where neither has any, the left one, as in pix2pix's `AtoB`.
    """
    try:
        sizes = {read_image(path).size for path in pictures[:TRIED]}
        if not pictures or any(not WIDE[0] <= width / height <= WIDE[1] for width, height in sizes):
            return ""
        sides = [[_colour(half) for half in halves(read_image(path))] for path in pictures[:TRIED]]
    except InputError:
        return ""
    left, right = np.mean(sides, axis=0)
    return "right" if right > left + LEAST_COLOUR else "left"


def halves(picture: Image.Image) -> tuple[Image.Image, Image.Image]:
    """The left and the right half of a picture."""
    middle = picture.width // 2
    return picture.crop((0, 0, middle, picture.height)), picture.crop((middle, 0, picture.width, picture.height))


def _colour(picture: Image.Image) -> float:
    """The mean saturation, 0 to 255."""
    return float(np.asarray(picture.convert("HSV"))[..., 1].mean())


def _as_sketch(name: str) -> str:
    return name.replace("photos", "sketches").replace("photo", "sketch")


def _named(folder: Path, name: str) -> Path | None:
    """A folder's folder of this name in lower case; `sketch` and `sketches` are one."""
    names = {name, name.replace("sketches", "sketch"), re.sub(r"sketch(?!es)", "sketches", name)}
    if not folder.is_dir():
        return None
    return next((path for path in sorted(folder.iterdir()) if path.name.lower() in names and path.is_dir()), None)

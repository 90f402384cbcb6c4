"""Paired sets of photos and sketches: find the pairs, hold some out, sample styles evenly.

All randomness of a training sample is a function of the seed and the sample's number, so a resumed run sees
exactly what an uninterrupted one would have seen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from most_sketch.errors import InputError
from most_sketch.photo.images import IMAGE_SUFFIXES, read_image, to_tensor
from most_sketch.training.augmentation import Backgrounds, augment, matte_of_studio_photo
from most_sketch.training.config import TrainConfig

VALIDATION_EVERY = 10
UNSURE = 128
"""A matte that never falls below this, of 255, knows of no background."""

Sample = tuple[Tensor, Tensor, int, Tensor]
"""Photo (3, H, W) and sketch (1, H, W), both in [-1, 1], the index of the style, and the matte (1, H, W) in [0, 1],
which is 1 where the photo shows the person."""


@dataclass(frozen=True)
class Pair:
    """A photo and the sketch that an artist drew of it."""

    photo: Path
    sketch: Path
    database: str
    """The folder that holds photos/ and sketches/, relative to the set's root."""
    mask: Path | None = None
    """A picture that is white where the photo shows the person, where the set has one."""

    @property
    def name(self) -> str:
        return f"{self.database}/{self.photo.stem}"


def find_pairs(root: Path) -> list[Pair]:
    """All pairs of a paired set, sorted by database and name.

    Wherever at or below `root` a folder named `photos` has a sibling named `sketches`, pictures of one name
    are pairs. The names under which CUFS and CUFSF are handed out are understood too: folders `photo` and
    `sketch`, `CUHK_training_cropped_photos` and `CUHK_training_cropped_sketches`; files `f-005-01` and
    `F2-005-01-sz1`, FERET's `00001fb010_930831` and `00001`. A folder named `masks` beside them may hold masks
    of photos, by the photos' names.

    Raises `InputError` where there is no such folder, no picture in it, or a picture without its partner.
    """
    if not root.is_dir():
        raise InputError(f"{root}: no such folder")
    pairs: list[Pair] = []
    for photos in sorted(path for path in (root, *root.rglob("*")) if path.is_dir()):
        sketches = _sketches_beside(photos)
        if sketches is not None:
            database = photos.parent.relative_to(root).as_posix()
            pairs += _match(photos, sketches, root.resolve().name if database == "." else database)
    if not pairs:
        raise InputError(
            f"{root}: no pairs found; expected folders photos/ and sketches/ with pictures of the same names"
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


def read_pair(pair: Pair) -> tuple[Image.Image, Image.Image]:
    """A pair as pictures: photo (RGB) and sketch (L). Raises `InputError` if unreadable or of different sizes."""
    photo, sketch = read_image(pair.photo), read_image(pair.sketch).convert("L")
    if photo.size != sketch.size:
        raise InputError(
            f"{pair.name}: the photo has {photo.width} x {photo.height} pixels and "
            f"the sketch {sketch.width} x {sketch.height}; pairs must match pixel by pixel"
        )
    return photo, sketch


def load_matte(pair: Pair, photo: Tensor) -> Tensor:
    """Where a pair's photo (3, H, W) shows the person, as (1, H, W) in [0, 1].

    It is the pair's mask, else what is not plain white around; everywhere if that is not to be told. Raises
    `InputError` for a mask that cannot be read or is of another size.
    """
    if pair.mask is None:
        return matte_of_studio_photo(photo)
    mask = read_image(pair.mask).convert("L")
    if mask.size != (photo.shape[2], photo.shape[1]):
        raise InputError(
            f"{pair.mask}: {mask.width} x {mask.height} pixels, unlike its photo's {photo.shape[2]} x {photo.shape[1]}"
        )
    return (to_tensor(mask) + 1) / 2


class PairSet(Dataset[Sample]):
    """The pairs of several styles, decoded once and kept in memory as bytes, augmented anew each time.

    An item is asked for by (style, place, seed); the seed decides the augmentation.
    Raises `InputError` unless all pairs have the size of the first.
    """

    def __init__(
        self, styles: Sequence[Sequence[Pair]], config: TrainConfig, backgrounds: Backgrounds | None = None
    ) -> None:
        self.config = config
        self.backgrounds = backgrounds
        self.pictures = [[_as_bytes(pair) for pair in pairs] for pairs in styles]
        self.size = self.pictures[0][0].shape[-2:]
        for pairs, pictures in zip(styles, self.pictures, strict=True):
            for pair, picture in zip(pairs, pictures, strict=True):
                if picture.shape[-2:] != self.size:
                    raise InputError(
                        f"{pair.name}: {picture.shape[2]} x {picture.shape[1]} pixels, "
                        f"unlike the first pair's {self.size[1]} x {self.size[0]}; bring all pairs to one frame"
                    )

    def __getitem__(self, item: tuple[int, int, int]) -> Sample:
        style, place, seed = item
        picture = self.pictures[style][place].float() / 127.5 - 1
        generator = torch.Generator().manual_seed(seed)
        photo, sketch, matte = augment(
            picture[:3], picture[3:4], (picture[4:] + 1) / 2, self.config, generator, self.backgrounds
        )
        return photo, sketch, style, matte

    @property
    def has_mattes(self) -> bool:
        """Is it known of any photo where it shows the person?"""
        return any(picture[4].min() < UNSURE for style in self.pictures for picture in style)

    def sketches(self, count: int) -> Tensor:
        """Some sketches of every style, (B, 1, H, W) in [-1, 1], at most `count` of each."""
        pictures = [picture[3:4] for style in self.pictures for picture in style[:count]]
        return torch.stack(pictures).float() / 127.5 - 1


def _as_bytes(pair: Pair) -> Tensor:
    """Photo, sketch and matte in one (5, H, W) uint8 tensor."""
    photo, sketch = load_pair(pair)
    matte = load_matte(pair, photo) * 2 - 1
    return ((torch.cat([photo, sketch, matte]) + 1) * 127.5).round().to(torch.uint8)


class StyleSampler(Sampler[list[tuple[int, int, int]]]):
    """Batches of (style, place, seed), from step `start` up to `config.steps`, or one rank's share of each.

    Styles take turns, so each is drawn as often as `config.shares` says whatever its size; within a style every
    epoch is a new permutation. Any sample can be computed from its number alone, which makes resuming exact.
    """

    def __init__(
        self, sizes: Sequence[int], config: TrainConfig, start: int = 0, rank: int = 0, ranks: int = 1
    ) -> None:
        self.rank, self.ranks = rank, ranks
        self.sizes = sizes
        self.config = config
        self.start = start
        self.turns = _round(turns_of(len(sizes), config.shares))
        self._permutation = lru_cache(maxsize=2 * len(sizes))(self._shuffle)

    def __len__(self) -> int:
        return self.config.steps - self.start

    def __iter__(self) -> Iterator[list[tuple[int, int, int]]]:
        batch = self.config.batch_size
        for step in range(self.start, self.config.steps):
            yield [self.sample(number) for number in range(step * batch + self.rank, (step + 1) * batch, self.ranks)]

    def sample(self, number: int) -> tuple[int, int, int]:
        """The (style, place, seed) of the sample with this number, counted from the run's first."""
        rounds, turn = divmod(number, len(self.turns))
        style = self.turns[turn]
        drawn = rounds * self.turns.count(style) + self.turns[:turn].count(style)
        epoch, place = divmod(drawn, self.sizes[style])
        return style, self._permutation(style, epoch)[place], seed_of(self.config.seed, 1, number)

    def _shuffle(self, style: int, epoch: int) -> list[int]:
        generator = torch.Generator().manual_seed(seed_of(self.config.seed, 2, style, epoch))
        order: list[int] = torch.randperm(self.sizes[style], generator=generator).tolist()
        return order


def turns_of(styles: int, shares: Sequence[int]) -> list[int]:
    """How many turns each style has in a round: its share, 1 for those not named."""
    if len(shares) > styles or min(shares) < 1:
        raise InputError(f"shares: at most one whole number from 1 up for each of {styles} styles, not {list(shares)}")
    return [*shares, *[1] * (styles - len(shares))]


def _round(turns: Sequence[int]) -> list[int]:
    """One round of styles, each as often as it has turns and spread evenly: (3, 1, 1) gives 0 0 1 2 0."""
    places = [((turn + 0.5) / count, style) for style, count in enumerate(turns) for turn in range(count)]
    return [style for _, style in sorted(places)]


def seed_of(*parts: int) -> int:
    """One well-mixed 63-bit seed from several small numbers."""
    mixed = 0x9E3779B97F4A7C15
    for part in parts:
        mixed = ((mixed ^ (part + 1)) * 0xBF58476D1CE4E5B9) % 2**64
        mixed ^= mixed >> 31
    return mixed >> 1


def _sketches_beside(photos: Path) -> Path | None:
    """The folder of sketches that belongs to a folder of photos, or None if `photos` is no such folder."""
    name = photos.name.lower()
    if "photo" not in name:
        return None
    wanted = name.replace("photos", "sketches").replace("photo", "sketch")
    return next((path for path in photos.parent.iterdir() if path.name.lower() == wanted and path.is_dir()), None)


def _match(photos: Path, sketches: Path, database: str) -> list[Pair]:
    """Pairs of equal names, else of equal subjects, and the photos' masks. Raises `InputError` with the names that
    stay alone."""
    photo_of, sketch_of = _pictures(photos, str.lower), _pictures(sketches, str.lower)
    if photo_of.keys() != sketch_of.keys():
        photo_of, sketch_of = _pictures(photos, _subject), _pictures(sketches, _subject)
    masks = photos.parent / "masks"
    mask_of = _pictures(masks, str) if masks.is_dir() else {}
    alone = [str(photo_of[key]) for key in sorted(photo_of.keys() - sketch_of.keys())]
    alone += [str(sketch_of[key]) for key in sorted(sketch_of.keys() - photo_of.keys())]
    alone += [str(mask_of[stem]) for stem in sorted(mask_of.keys() - {path.stem for path in photo_of.values()})]
    if alone:
        more = f" and {len(alone) - 5} more" if len(alone) > 5 else ""
        raise InputError(f"without a partner of the same name: {', '.join(alone[:5])}{more}")
    return [Pair(photo_of[key], sketch_of[key], database, mask_of.get(photo_of[key].stem)) for key in sorted(photo_of)]


def _pictures(folder: Path, key_of: Callable[[str], str]) -> dict[str, Path]:
    """The pictures of a folder by the key of their stem. Raises `InputError` if two share one."""
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in IMAGE_SUFFIXES or path.name.startswith("."):
            continue
        key = key_of(path.stem)
        if key in found:
            raise InputError(f"{found[key]} and {path.name}: two pictures for one name; keep one")
        found[key] = path
    return found


def _subject(stem: str) -> str:
    """What identifies the person in the file names of CUFS and CUFSF.

    CUHK: photo `f-005-01`, sketch `F2-005-01-sz1`. CUFSF: FERET's `00001fb010_930831` or just `00001`.
    """
    stem = re.sub(r"-sz\d*$", "", stem.lower())
    if feret := re.fullmatch(r"(\d{5})([a-z]{2}\d{3}.*)?", stem):
        return feret[1]
    return re.sub(r"^([fm])2-", r"\1-", stem)

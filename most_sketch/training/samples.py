"""What training draws from paired sets: every style in its turn, each sample augmented anew.

All randomness of a training sample is a function of the seed and the sample's number, so a resumed run sees
exactly what an uninterrupted one would have seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache

import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from most_sketch.errors import InputError
from most_sketch.pairs.mattes import load_matte
from most_sketch.pairs.pairs import Pair, load_pair
from most_sketch.training.augmentation import Backgrounds, augment, reach, start_of_square
from most_sketch.training.config import TrainConfig, of_databases, of_each_style

BACKGROUND_BELOW = 128
"""Bytes of a matte (0 to 255) below this are background. A matte without any says nothing of its photo."""

Sample = tuple[Tensor, Tensor, int, Tensor, int, bool]
"""Photo (3, H, W) and sketch (1, H, W), both in [-1, 1], the index of the style, the matte (1, H, W) in [0, 1], which
is 1 where the photo shows the person, how many times smaller the losses are computed, and whether an artist drew it."""


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
        coarse, repeats = of_databases("coarse", config.coarse), of_databases("repeats", config.repeats)
        reduce = of_each_style("reduce", config.reduce, len(styles))
        self.reduce = [
            [coarse.get(pair.database, usual) for pair in pairs] for usual, pairs in zip(reduce, styles, strict=True)
        ]
        self.by_artist = [[pair.database not in config.drawn_by_network for pair in pairs] for pairs in styles]
        self.places = [
            [place for place, pair in enumerate(pairs) for _ in range(repeats.get(pair.database, 1))]
            for pairs in styles
        ]
        """Of each style's pairs, as they come in one epoch."""
        for pairs, pictures in zip(styles, self.pictures, strict=True):
            for pair, picture in zip(pairs, pictures, strict=True):
                self.check_size(pair, picture)

    def check_size(self, pair: Pair, picture: Tensor) -> None:
        """Raise `InputError` unless a pair's picture (C, H, W) has the size of the first."""
        if self.config.crop is not None and min(picture.shape[-2:]) >= self.config.crop:
            return
        if picture.shape[-2:] != self.size:
            raise InputError(
                f"{pair.name}: {picture.shape[2]} x {picture.shape[1]} pixels, "
                f"unlike the first pair's {self.size[1]} x {self.size[0]}; bring all pairs to one frame"
            )

    def __getitem__(self, item: tuple[int, int, int]) -> Sample:
        style, number, seed = item
        place = self.places[style][number]
        generator = torch.Generator().manual_seed(seed)
        pictures, inside = self._piece(self.pictures[style][place], generator)
        with _one_thread():
            picture = pictures.float() / 127.5 - 1
            photo, sketch, matte = augment(
                picture[:3], picture[3:4], (picture[4:] + 1) / 2, self.config, generator, self.backgrounds
            )
        reduce, by_artist = self.reduce[style][place], self.by_artist[style][place]
        return photo[inside], sketch[inside], style, matte[inside], reduce, by_artist

    def _piece(self, picture: Tensor, generator: torch.Generator) -> tuple[Tensor, tuple[slice, ...]]:
        """A random square of a picture (C, H, W) with what may be moved into it, and where in that it is."""
        crop = self.config.crop
        if crop is None:
            return picture, ()
        margin = reach(crop, self.config)
        outer, inner = [slice(None)], [slice(None)]
        for side, place in zip(picture.shape[1:], torch.rand(2, generator=generator).tolist(), strict=True):
            start = start_of_square(side, crop, place)
            first = max(0, start - margin)
            outer.append(slice(first, start + crop + margin))
            inner.append(slice(start - first, start - first + crop))
        return picture[tuple(outer)], tuple(inner)

    @torch.no_grad()
    def bend(self, warp: Callable[[Tensor, Tensor], Tensor]) -> None:
        """Bend every photo with its matte, once for all. `warp` makes of a photo (1, 3, H, W) and pictures
        (1, C, H, W), both in [-1, 1], the pictures bent as it bends the photo."""
        for style in self.pictures:
            for picture in style:
                photo_and_matte = [0, 1, 2, 4]
                pictures = picture[None, photo_and_matte].float() / 127.5 - 1
                bent = warp(pictures[:, :3], pictures)
                picture[photo_and_matte] = ((bent[0] + 1) * 127.5).round().to(torch.uint8)

    @property
    def has_mattes(self) -> bool:
        """Is it known of any photo where it shows the person?"""
        return any(picture[4].min() < BACKGROUND_BELOW for style in self.pictures for picture in style)

    def sketches(self, count: int) -> Tensor:
        """Some sketches of every style, (B, 1, H, W) in [-1, 1], at most `count` of each."""
        pictures = [picture[3:4] for style in self.pictures for picture in style[:count]]
        return torch.stack(pictures).float() / 127.5 - 1


@contextmanager
def _one_thread() -> Iterator[None]:
    """Add up on one thread, as a loader's processes do: on several, sums are rounded otherwise."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


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
        self.turns = _round(of_each_style("shares", config.shares, len(sizes)))
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


def styles_to_draw(style: Tensor, styles: int, config: TrainConfig, rng: torch.Generator) -> Tensor:
    """The style to draw each sample (B,) in: its own, but for some another, by the styles' shares. All on the host.

    One of the batch keeps its own, so that no batch is without a sketch to compare with.
    """
    count = len(style)
    if not config.cross_style or styles == 1 or count == 1:
        return style
    crossed = torch.rand(count, generator=rng) < config.cross_style * count / (count - 1)
    crossed[torch.randint(count, (), generator=rng)] = False
    shares = torch.tensor(of_each_style("shares", config.shares, styles), dtype=torch.float)
    others = shares.expand(count, styles).scatter(1, style[:, None], 0)
    drawn = torch.multinomial(others, 1, generator=rng)[:, 0]
    return torch.where(crossed, drawn, style)


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

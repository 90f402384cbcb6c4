"""Is the person still recognised? How often a sketch leads to its own photo among those of all pairs scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import torch
from PIL import Image
from torch import Tensor

from most_sketch.errors import InputError
from most_sketch.evaluation.recogniser import Box, Recogniser
from most_sketch.pairs.pairs import Pair, read_pair

ONE_IN = 100
"""Of so many comparisons of two people one may be accepted."""


@dataclass(frozen=True)
class Rates:
    """How well sketches are recognised, each from 0 to 1."""

    rank_1: float
    """Share of the sketches to which no other photo is as near as their own."""
    verification: float | None
    """Share that is nearer to its own photo than all but 1 % of the pairs of a sketch and another's photo are; None
    where there are fewer than 100 of those."""


@dataclass(frozen=True)
class Recognition:
    """How one sketch is recognised among the photos of all."""

    distance: float
    """Between the sketch and its own photo, as the recogniser measures it."""
    rank: int
    """1 if no other photo is as near as the own one, 2 if one is, and so on."""
    accepted: bool | None
    """Nearer than the threshold of `Rates.verification`; None where there is none."""


@dataclass(frozen=True)
class Identity:
    """The rates of a method's sketches, and of the artist's of the same people among the same photos."""

    method: Rates
    artist: Rates


def recognitions(sketches: Tensor, photos: Tensor) -> list[Recognition]:
    """Of embedded sketches and photos, both (N, D) with one person a row."""
    # Not by products, which lose the digits of small distances.
    distances = torch.cdist(sketches, photos, compute_mode="donot_use_mm_for_euclid_dist")
    own = distances.diagonal()
    others = distances.masked_fill(torch.eye(len(own), dtype=torch.bool), torch.inf)
    ranks = 1 + (others <= own[:, None]).sum(dim=1)
    impostors = others[others.isfinite()].sort().values
    # Strictly nearer than this are at most 1 % of them.
    threshold = impostors[len(impostors) // ONE_IN] if len(impostors) >= ONE_IN else None
    accepted = [None] * len(own) if threshold is None else (own < threshold).tolist()
    return [Recognition(*each) for each in zip(own.tolist(), ranks.tolist(), accepted, strict=True)]


def rates(recognised: Sequence[Recognition]) -> Rates:
    """Of all sketches of a set."""
    accepted = [each.accepted for each in recognised if each.accepted is not None]
    return Rates(fmean(each.rank == 1 for each in recognised), fmean(accepted) if accepted else None)


class Gallery:
    """The photos of pairs and the artist's sketches as a recogniser sees them, each looked at once."""

    def __init__(self, recogniser: Recogniser) -> None:
        self._recogniser = recogniser
        self._seen: dict[Path, tuple[Box, Tensor, Tensor]] = {}

    def embed(self, pair: Pair, sketch: Image.Image) -> Tensor:
        """A sketch of a pair's photo, (D,). Raises `InputError` for a photo without a face."""
        if pair.photo not in self._seen:
            photo, drawing = read_pair(pair)
            box = self._recogniser.locate(photo)
            if box is None:
                raise InputError(f"{pair.name}: no face found in the photo; --identity needs one in each")
            self._seen[pair.photo] = box, self._recogniser.embed(photo, box), self._recogniser.embed(drawing, box)
        return self._recogniser.embed(sketch, self._seen[pair.photo][0])

    def recognise(
        self, pairs: Sequence[Pair], sketches: Sequence[Tensor]
    ) -> tuple[list[Recognition], list[Recognition]]:
        """Embedded sketches of these pairs, all of which were given to `embed`, and the artist's drawings."""
        _, photos, drawings = zip(*(self._seen[pair.photo] for pair in pairs), strict=True)
        ours, artists = (recognitions(torch.stack(drawn), torch.stack(photos)) for drawn in (list(sketches), drawings))
        return ours, artists

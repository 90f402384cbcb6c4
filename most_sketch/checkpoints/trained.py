"""What weights were trained on, as far as they say: a small fingerprint of each photo, which names nobody."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from most_sketch.photo.images import read_image

DIGITS = 12
"""Hexadecimal digits of a photo's fingerprint: among a million photos, two alike are unlikely."""
MOST_PHOTOS = 50_000
"""Photos that a weights file names at most, so that its header stays within `header.MAX_HEADER`."""


def fingerprint(photo: Path) -> str:
    """The first digits of the SHA-256 of a photo's size and pixels. Raises `InputError` if it cannot be read.

    However the same pixels are stored: what `prepare` writes of a photo that is in the frame is that photo.
    """
    picture = read_image(photo)
    return _digits(b"%d %d " % picture.size + picture.tobytes())


def _digits(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:DIGITS]


@dataclass(frozen=True)
class Trained:
    """The photos that weights were trained on."""

    photos: frozenset[str]
    """The `fingerprint` of each."""
    complete: bool = True
    """Is that all? Not if the training began with weights that do not say what they had seen."""

    @classmethod
    def on(cls, photos: Iterable[Path]) -> Trained:
        """Training on these photos and nothing else. Raises like `fingerprint`."""
        return cls(frozenset(map(fingerprint, photos)))

    @classmethod
    def parse(cls, value: Any) -> Trained:
        """What `to_dict` made, from a file that may come from anywhere. Raises `ValueError`."""
        if not isinstance(value, dict) or value.keys() != {"photos", "complete"}:
            raise ValueError("trained is not photos and complete")
        photos, complete = value["photos"], value["complete"]
        if not isinstance(photos, str) or not re.fullmatch(rf"([0-9a-f]{{{DIGITS}}})*", photos):
            raise ValueError("trained photos are no fingerprints")
        if not isinstance(complete, bool):
            raise ValueError("trained complete is neither true nor false")
        return cls(frozenset(photos[place : place + DIGITS] for place in range(0, len(photos), DIGITS)), complete)

    def has(self, photo: Path) -> bool:
        """Is this one of them? Weights of before have the SHA-256 of files instead. Raises like `fingerprint`."""
        return fingerprint(photo) in self.photos or _digits(photo.read_bytes()) in self.photos

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it. Of too many photos none is named."""
        if len(self.photos) > MOST_PHOTOS:
            return {"photos": "", "complete": False}
        return {"photos": "".join(sorted(self.photos)), "complete": self.complete}


def joined(parts: Collection[Trained | None]) -> Trained | None:
    """All that several weights were trained on, of which some may not say it: None if none says it."""
    known = [part for part in parts if part is not None]
    if not known:
        return None
    photos = frozenset().union(*(part.photos for part in known))
    return Trained(photos, len(known) == len(parts) and all(part.complete for part in known))

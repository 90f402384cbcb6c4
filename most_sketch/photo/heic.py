"""HEIC, the format of phones' photos, which Pillow reads with the optional pillow-heif."""

from __future__ import annotations

from functools import lru_cache

from most_sketch.errors import InputError

SIGNATURE_BYTES = 128
"""Enough for all brands that a file says it is compatible with."""
BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
"""What HEIC files call themselves in their first bytes."""
CONTAINERS = frozenset({b"mif1", b"msf1"})
"""Brands of the container alone, which HEIC and AVIF share."""
AVIF = frozenset({b"avif", b"avis"})


def is_heic(start: bytes) -> bool:
    """Do these first `SIGNATURE_BYTES` of a file say that it is HEIC?"""
    if start[4:8] != b"ftyp":
        return False
    length = min(int.from_bytes(start[:4], "big"), len(start))
    major, compatible = start[8:12], {start[place : place + 4] for place in range(16, length - 3, 4)}
    if major not in CONTAINERS:
        return major in BRANDS
    return bool(compatible & BRANDS) or not compatible & AVIF


def add_heic_reader(name: str) -> None:
    """Let Pillow read HEIC. Raises `InputError` for the photo of this name where the optional reader is missing."""
    try:
        _register()
    except ImportError as error:
        raise InputError(f"{name}: HEIC is read with pillow-heif: pip install 'most-sketch[heic]'") from error


@lru_cache(maxsize=1)
def _register() -> None:
    from pillow_heif import register_heif_opener

    register_heif_opener()

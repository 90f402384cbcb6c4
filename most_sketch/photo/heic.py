"""HEIC, the format of phones' photos, which Pillow reads with the optional pillow-heif."""

from __future__ import annotations

from functools import lru_cache

from most_sketch.errors import InputError

SIGNATURE_BYTES = 12
BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
"""What HEIC files call themselves in their first bytes."""


def is_heic(start: bytes) -> bool:
    """Do these first `SIGNATURE_BYTES` of a file say that it is HEIC?"""
    return start[4:8] == b"ftyp" and start[8:12] in BRANDS


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

"""What the file of a sketch says of itself: the photo that it shows, the settings, and whether it was touched since.

It is JSON in the file's own metadata, text in PNG and Exif elsewhere, and it is found without decoding the file.
Nothing in it tells of the photo but its checksum: name, size and time are there as hashes, to be compared and not to be
read.
"""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from most_sketch import __version__

KEYWORD = "most-sketch"
"""Of the text in PNG."""
START = f'{{"{KEYWORD}":'.encode()
UNSEALED = "0" * 32
"""In the place of a file's checksum until that is known; it is as long."""
MOST = 1 << 16
"""Bytes of a record at most."""
PNG_START, PNG_CRC = b"\x89PNG", 4
"""How PNG begins, and the length of what follows the text there and changes with it."""


@dataclass(frozen=True)
class PhotoMark:
    """By what a photo is known again."""

    name: str
    """Hash of its name without the folder."""
    seen: str
    """Hash of name, size and time of change: while it stays, the photo is taken to be the same."""

    @classmethod
    def of(cls, name: str, size: int, changed: int) -> PhotoMark:
        """`changed` is in nanoseconds."""
        return cls(short_hash(name), short_hash(f"{name}\0{size}\0{changed}"))


def short_hash(text: str) -> str:
    """16 hexadecimal digits."""
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()


def settings_text(settings: Mapping[str, Any]) -> str:
    """Settings as they stand in a record; the same settings are the same text."""
    return f'"settings":{json.dumps(settings, sort_keys=True, separators=(",", ":"))}'


def seen_text(mark: PhotoMark) -> str:
    """What is seen of a photo, as it stands in a record."""
    return f'"seen":"{mark.seen}"'


def record_text(photo: str, mark: PhotoMark, settings: str) -> str:
    """The record of a sketch of the photo with this checksum, with its `settings_text`: to be put into the file and
    sealed."""
    return (
        f'{START.decode()}"{__version__}","file":"{UNSEALED}","photo":"{photo}","name":"{mark.name}",'
        f"{seen_text(mark)},{settings}}}"
    )


def find_record(data: bytes) -> tuple[dict[str, Any], int, int] | None:
    """The record in a file, or a part of it, with where it begins and ends; None if there is none."""
    start = data.find(START)
    if start < 0:
        return None
    try:
        record, length = json.JSONDecoder().raw_decode(data[start : start + MOST].decode("ascii", "replace"))
    except ValueError:
        return None
    usable = isinstance(record.get("settings"), dict) and len(str(record.get("file"))) == len(UNSEALED)
    return (record, start, start + length) if usable else None


def seal(data: bytes) -> bytes:
    """A file with a record, now with the checksum of all else in it. One without stays as it is."""
    found = find_record(data)
    if found is None:
        return data
    record, start, end = found
    text = data[start:end].replace(record["file"].encode(), _checksum(data, start, end).encode(), 1)
    sealed = data[:start] + text + data[end:]
    # Length, kind and keyword of the chunk stand before it.
    chunk = start - len(KEYWORD) - 1 - 4
    if data.startswith(PNG_START) and chunk > 0 and data[chunk : chunk + 4] == b"tEXt":
        checked = struct.pack(">I", zlib.crc32(sealed[chunk:end]))
        sealed = sealed[:end] + checked + sealed[end + PNG_CRC :]
    return sealed


def is_untouched(data: bytes) -> bool:
    """Is a whole file what was once sealed, byte for byte?"""
    found = find_record(data)
    return found is not None and bool(found[0]["file"] == _checksum(data, *found[1:]))


def _checksum(data: bytes, start: int, end: int) -> str:
    digest = hashlib.sha256(data[:start])
    digest.update(data[end + (PNG_CRC if data.startswith(PNG_START) else 0) :])
    return digest.hexdigest()[: len(UNSEALED)]

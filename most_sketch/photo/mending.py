"""Files of whole pixels in a broken wrapping: the same pixels in a file that can be read."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import IO

from PIL import Image, ImageChops

MAX_MENDED = 1 << 28
"""Longer files are not mended: 100 million pixels are seldom so many bytes."""

PNG_START = b"\x89PNG\r\n\x1a\n"
PIXEL_CHUNKS = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})
MAX_PROFILE = 1 << 20
"""Bytes of a colour profile in PNG that Pillow takes."""

TRANSPARENT_BYTES = {0: 2, 2: 6}
"""Length of PNG's transparent colour by the type of colour: grey and RGB. For palettes it is free."""

APP, COMMENT, SCAN = range(0xE0, 0xF0), 0xFE, 0xDA
"""JPEG's markers of what programs add, of comments, and of where pixels begin."""
NEEDED = {0xE0: (b"JFIF\0", 14), 0xE1: (b"Exif\0\0", 14), 0xE2: (b"ICC_PROFILE\0", 15), 0xEE: (b"Adobe", 12)}
"""Of the added the ones that say how pixels look: how they begin, and how long they are at least."""

JPEG_START, JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
STRAY = b"\x9d\x35\xca\x67" * 64
"""Would be decoded if pixels were missing: no end of a picture, and unlike the zeros that decoders put in."""


def mend(file: IO[bytes]) -> bytes | None:
    """The content of a file that could not be read, such that it perhaps can; None if there is nothing to mend.

    PNG and JPEG are left with their pixels, and with what beside them is whole and says how they look: orientation,
    colour profile, and in JPEG how colours were stored. JPEG gets the end marker that it lacks, if no pixels are
    missing.
    """
    file.seek(0)
    if not file.read(8).startswith((PNG_START, JPEG_START)):
        return None
    file.seek(0)
    content = file.read(MAX_MENDED + 1)
    if len(content) > MAX_MENDED:
        return None
    return _mend_png(content) if content.startswith(PNG_START) else _mend_jpeg(content)


def _mend_png(content: bytes) -> bytes | None:
    chunks = [(kind, data) for kind, data, whole in _png_chunks(content) if kind in PIXEL_CHUNKS or whole]
    if not chunks or chunks[0][0] != b"IHDR" or len(chunks[0][1]) < 13:
        return None
    colour = chunks[0][1][9]
    kept = [(kind, data) for kind, data in chunks if kind in PIXEL_CHUNKS or _is_sound(kind, data, colour)]
    return PNG_START + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in kept
    )


def _png_chunks(content: bytes) -> Iterator[tuple[bytes, bytes, bool]]:
    """Kind and data of each chunk, and whether its checksum is right. What is cut off at the end is left short."""
    place = len(PNG_START)
    while place + 8 <= len(content):
        length, kind = struct.unpack(">I4s", content[place : place + 8])
        data = content[place + 8 : place + 8 + length]
        checksum = content[place + 8 + length : place + 12 + length]
        yield kind, data, checksum == struct.pack(">I", zlib.crc32(kind + data))
        place += 12 + length


def _is_sound(kind: bytes, data: bytes, colour: int) -> bool:
    """Does a chunk beside the pixels say something that is needed, in a form that can be read?"""
    if kind == b"tRNS":
        return len(data) == TRANSPARENT_BYTES.get(colour, len(data))
    if kind == b"iCCP":
        name, _, rest = data.partition(b"\0")
        unpacker = zlib.decompressobj()
        try:
            profile = unpacker.decompress(rest[1:], MAX_PROFILE)
        except zlib.error:
            return False
        return bool(name and rest.startswith(b"\0") and profile and not unpacker.unconsumed_tail)
    return kind == b"eXIf"


def _mend_jpeg(content: bytes) -> bytes | None:
    """Without comments and what programs add, if that is too short to be what it says; with an end marker, if it makes
    no difference to the picture what stands before it: then no pixel is missing."""
    kept = _with_sound_segments(content)
    if kept.endswith(JPEG_END):
        return kept if kept != content else None
    pixels = kept.removesuffix(b"\xff")
    ended = pixels + JPEG_END
    try:
        one, other = (Image.open(io.BytesIO(file), formats=["JPEG"]) for file in (ended, pixels + STRAY + JPEG_END))
        whole = ImageChops.difference(one, other).getbbox() is None
    except Exception:  # noqa: BLE001 - as in decode_image
        return None
    return ended if whole else None


def _with_sound_segments(content: bytes) -> bytes:
    """A JPEG whose APP and COM segments are those only that a decoder needs and that are long enough to be it."""
    kept, place = [content[:2]], 2
    while place + 4 <= len(content) and content[place] == 0xFF:
        marker = content[place + 1]
        if marker == 0xFF:  # padding
            place += 1
            continue
        length = int.from_bytes(content[place + 2 : place + 4], "big")
        if marker == SCAN or length < 2 or not (marker in APP or marker == COMMENT or 0xC0 <= marker <= 0xDF):
            break
        data = content[place + 4 : place + 2 + length]
        if not (marker in APP or marker == COMMENT) or _is_needed(marker, data):
            kept.append(content[place : place + 2 + length])
        place += 2 + length
    return b"".join([*kept, content[place:]])


def _is_needed(marker: int, data: bytes) -> bool:
    start, least = NEEDED.get(marker, (b"", 0))
    return bool(start) and data.startswith(start) and len(data) >= least

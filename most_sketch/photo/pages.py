"""Which picture of a TIFF is the photo: not a thumbnail that comes before it, and of raw files what can be read."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from PIL import ExifTags, Image, TiffImagePlugin

from most_sketch.errors import InputError

KIND, BITS, PHOTOMETRIC, SAMPLES, PLANAR, CHILDREN = 254, 258, 262, 277, 284, 330
"""Tags: what a page is for, bits of each sample, what samples mean, how many, whether each has a plane of its own, and
where pages below this one are."""
OFFSETS = {"strips": (273, 279), "tiles": (324, 325)}
"""Tags of where the pixels lie and how many bytes they are."""
KEPT = (256, 257, 259, 266, 278, 317, 322, 323)
"""Tags that a plane has from its picture: sizes, compression, order of bits, rows of a strip, prediction, tiles."""
SHORT, LONG = 3, 4
LONG_TAGS = (256, 257, 278, 322, 323, *OFFSETS["strips"], *OFFSETS["tiles"])
"""Types, and tags of the second."""
MASK = 4
"""The bit of `KIND` that says of a page to be transparency."""
JPEG, JPEG_BYTES = 513, 514
"""Tags of a whole JPEG file in the place of a page."""
SENSOR = (32803, 34892)
"""Values of `PHOTOMETRIC`: what a camera's sensor saw, not yet a picture."""
MOST_PAGES = 64
MUCH = 0.5
"""A preview with at least this share of a raw file's width is worth to be drawn."""


@dataclass(frozen=True)
class _Page:
    place: int
    """Where in the file its tags begin."""
    tags: TiffImagePlugin.ImageFileDirectory_v2
    size: tuple[int, int]
    jpeg: tuple[int, int] | None
    """Where in the file its JPEG begins and how long it is, if it is one."""

    @property
    def area(self) -> int:
        return self.size[0] * self.size[1]

    @property
    def raw(self) -> bool:
        return self.tags.get(PHOTOMETRIC) in SENSOR


def largest_page(image: Image.Image, file: IO[bytes]) -> Image.Image:
    """The largest picture in a TIFF that was opened from `file`, the first of several; any other picture as it is.

    Raises `InputError` without a name for a raw file of which nothing but a thumbnail can be read.
    """
    if image.format != "TIFF" or not isinstance(image, TiffImagePlugin.TiffImageFile):
        return image
    if getattr(image, "n_frames", 1) == 1 and CHILDREN not in image.tag_v2:
        return _joined(image, file)
    pages = list(_pages(file))
    if not pages:
        return image
    whole = max(pages, key=lambda page: page.area)
    for page in sorted(pages, key=lambda page: -page.area):
        if page.raw:
            continue
        if page.size[0] < MUCH * whole.size[0] and whole.raw:
            break
        try:
            opened = image if page.place == pages[0].place and page.jpeg is None else _open(page, file)
        except Exception:  # noqa: BLE001, S112 - a page that cannot be opened is as little a photo as one of a sensor
            continue
        turned = image.getexif().get(ExifTags.Base.Orientation)
        if opened is not image and turned and ExifTags.Base.Orientation not in opened.getexif():
            opened.getexif()[ExifTags.Base.Orientation] = turned
        return _joined(opened, file) if opened is image else opened
    if whole.raw:
        small = max((page for page in pages if not page.raw), key=lambda page: page.area, default=None)
        size = f" of {small.size[0]} x {small.size[1]} pixels" if small else ""
        raise InputError(f"raw; only its preview{size} can be read; save it as JPEG or TIFF with a raw converter")
    return image


def _pages(file: IO[bytes]) -> Iterator[_Page]:
    """All pages of a TIFF and those below them, but for masks."""
    file.seek(0)
    header = file.read(16)
    big = header[2:4] in (b"\x2b\0", b"\0\x2b")
    order = "<" if header[:2] == b"II" else ">"
    first = struct.unpack(f"{order}Q", header[8:16])[0] if big else struct.unpack(f"{order}L", header[4:8])[0]
    waiting, seen = [first], set[int]()
    while waiting and len(seen) < MOST_PAGES:
        place = waiting.pop(0)
        if not place or place in seen:
            continue
        seen.add(place)
        tags = TiffImagePlugin.ImageFileDirectory_v2(header if big else header[:8])
        file.seek(place)
        try:
            tags.load(file)
        except Exception:  # noqa: BLE001, S112 - damaged tags make Pillow raise almost anything
            continue
        children = tags.get(CHILDREN, ())
        waiting += [tags.next or 0, *(children if isinstance(children, tuple) else (children,))]
        page = _page(place, tags, file)
        if page is not None:
            yield page


def _page(place: int, tags: TiffImagePlugin.ImageFileDirectory_v2, file: IO[bytes]) -> _Page | None:
    if int(tags.get(KIND, 0)) & MASK:
        return None
    jpeg = (int(tags[JPEG]), int(tags[JPEG_BYTES])) if JPEG in tags and JPEG_BYTES in tags else None
    size = (int(tags.get(ExifTags.Base.ImageWidth, 0)), int(tags.get(ExifTags.Base.ImageLength, 0)))
    if jpeg is not None and 0 in size:
        try:
            size = _open(_Page(place, tags, size, jpeg), file).size
        except Exception:  # noqa: BLE001 - as in `largest_page`
            return None
    return None if 0 in size else _Page(place, tags, size, jpeg)


def _open(page: _Page, file: IO[bytes]) -> Image.Image:
    """A page as a picture of its own."""
    if page.jpeg is not None:
        file.seek(page.jpeg[0])
        return Image.open(io.BytesIO(file.read(page.jpeg[1])), formats=["JPEG"])
    return Image.open(io.BytesIO(_beginning_at(page.place, file)), formats=["TIFF"])


def _beginning_at(place: int, file: IO[bytes]) -> bytes:
    """The same TIFF, whose first page is the one whose tags are at this place."""
    file.seek(0)
    content = file.read()
    order = "<" if content[:2] == b"II" else ">"
    big = content[2:4] in (b"\x2b\0", b"\0\x2b")
    return (
        content[:8] + struct.pack(f"{order}Q", place) + content[16:]
        if big
        else content[:4] + struct.pack(f"{order}L", place) + content[8:]
    )


def _joined(image: Image.Image, file: IO[bytes]) -> Image.Image:
    """A TIFF of 16 bits in planes, each read by itself: Pillow takes the planes of such a one for one of pixels."""
    tags: Any = getattr(image, "tag_v2", {})
    bits = tags.get(BITS, ())
    if tags.get(PLANAR) != 2 or tags.get(SAMPLES, 1) < 3 or set(bits) != {16} or image.mode not in ("RGB", "RGBA"):
        return image
    planes = []
    for number in range(len(image.getbands())):
        with Image.open(io.BytesIO(_plane(number, tags, file)), formats=["TIFF"]) as plane:
            # As Pillow brings colours of 16 bits to 8.
            planes.append(Image.fromarray((np.asarray(plane) >> 8).astype(np.uint8)))
    joined = Image.merge(image.mode, planes)
    joined.info = image.info
    return joined


def _plane(number: int, tags: Any, file: IO[bytes]) -> bytes:
    """A TIFF of one of the planes of a TIFF of 16 bits, all of which are as long."""
    file.seek(0)
    content = file.read()
    content += b"\0" * (len(content) % 2)
    order = "<" if content[:2] == b"II" else ">"
    planes = int(tags[SAMPLES])
    entries = {tag: (int(tags[tag]),) for tag in KEPT if tag in tags}
    entries |= {BITS: (16,), PHOTOMETRIC: (1,), SAMPLES: (1,), PLANAR: (1,)}
    for pair in OFFSETS.values():
        for tag in pair:
            if tag in tags:
                all_of_them = tuple(tags[tag])
                part = len(all_of_them) // planes
                entries[tag] = all_of_them[number * part : (number + 1) * part]
    place = len(content)
    listed, apart = struct.pack(f"{order}H", len(entries)), b""
    after = place + 2 + 12 * len(entries) + 4
    for tag, values in sorted(entries.items()):
        kind = LONG if tag in LONG_TAGS else SHORT
        packed = struct.pack(f"{order}{len(values)}{'L' if kind == LONG else 'H'}", *values)
        if len(packed) > 4:
            packed, apart = struct.pack(f"{order}L", after + len(apart)), apart + packed
        listed += struct.pack(f"{order}HHL", tag, kind, len(values)) + packed.ljust(4, b"\0")
    mark = b"II*\0" if order == "<" else b"MM\0*"
    return mark + struct.pack(f"{order}L", place) + content[8:] + listed + struct.pack(f"{order}L", 0) + apart

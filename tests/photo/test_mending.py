"""Broken metadata, odd chunks and a missing end are no reason to refuse pixels; missing pixels are one."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from most_sketch.errors import InputError
from most_sketch.photo.images import decode_image
from most_sketch.photo.mending import mend


def encoded(image: Image.Image, format_: str, **settings: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_, **settings)
    return buffer.getvalue()


def decoded(content: bytes) -> Image.Image:
    return decode_image(io.BytesIO(content), "photo")


def chunk(kind: bytes, data: bytes, checksum: int | None = None) -> bytes:
    right = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", right if checksum is None else checksum)


def with_chunk(png: bytes, added: bytes, place: bytes = b"IDAT") -> bytes:
    """A PNG with a chunk before its first one of this kind."""
    start = png.index(place) - 4
    return png[:start] + added + png[start:]


@pytest.fixture
def small(portrait: Image.Image) -> Image.Image:
    return portrait.resize((96, 96))


LONG = zlib.compress(b"a" * (2 << 20))


@pytest.mark.parametrize(
    "added",
    [
        pytest.param(chunk(b"tEXt", b"Comment\0hello", checksum=1), id="text with a wrong checksum"),
        pytest.param(chunk(b"zTXt", b"Comment\0\0" + LONG), id="2 MiB of text"),
        pytest.param(chunk(b"iTXt", b"Comment\0\1\0\0\0" + LONG), id="2 MiB of international text"),
        pytest.param(chunk(b"zTXt", b"Comment\0\7" + LONG), id="text packed in an unknown way"),
        pytest.param(chunk(b"iCCP", b"profile\0\0" + LONG), id="2 MiB of colour profile"),
        pytest.param(chunk(b"iCCP", b"profile\0\7" + LONG), id="profile packed in an unknown way"),
        pytest.param(chunk(b"iCCP", b"profile\0\0no profile"), id="profile that is none"),
        pytest.param(chunk(b"pHYs", b"\0\0\1"), id="short pHYs"),
        pytest.param(chunk(b"gAMA", b"\0"), id="short gAMA"),
        pytest.param(chunk(b"cHRM", b"\0\0\0\1\0"), id="short cHRM"),
        pytest.param(chunk(b"sRGB", b""), id="empty sRGB"),
        pytest.param(chunk(b"tRNS", b"\0"), id="short tRNS"),
        pytest.param(chunk(b"acTL", b"\0"), id="short acTL"),
        pytest.param(chunk(b"eXIf", b"this is no TIFF"), id="Exif that is no TIFF"),
        pytest.param(chunk(b"xXxx", b"\0" * 9, checksum=1), id="unknown, with a wrong checksum"),
    ],
)
@pytest.mark.parametrize("place", [b"IDAT", b"IEND"])
def test_odd_chunks_of_png_cost_no_pixel(small: Image.Image, added: bytes, place: bytes) -> None:
    png = encoded(small, "PNG")
    assert decoded(with_chunk(png, added, place)).tobytes() == small.tobytes()


def test_orientation_and_transparency_outlive_an_odd_chunk(small: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = encoded(small.transpose(Image.Transpose.ROTATE_90), "PNG", exif=exif)
    assert decoded(with_chunk(turned, chunk(b"pHYs", b"\0"))).tobytes() == small.tobytes()
    clear = encoded(Image.new("RGB", (4, 4), "red"), "PNG", transparency=(255, 0, 0))
    assert decoded(with_chunk(clear, chunk(b"pHYs", b"\0"))).getpixel((1, 1)) == (255, 255, 255)


def test_a_png_that_lacks_pixels_is_refused(small: Image.Image) -> None:
    png = with_chunk(encoded(small, "PNG"), chunk(b"pHYs", b"\0"))
    with pytest.raises(InputError, match="damaged picture"):
        decoded(png[: len(png) * 2 // 3])


@pytest.mark.parametrize("settings", [{}, {"progressive": True}, {"restart_marker_rows": 1}, {"subsampling": 0}])
def test_a_jpeg_without_its_end_marker_is_read(small: Image.Image, settings: dict[str, object]) -> None:
    jpeg = encoded(small, "JPEG", **settings)
    assert jpeg.endswith(b"\xff\xd9")
    for content in (jpeg[:-2], jpeg[:-1]):
        assert decoded(content).tobytes() == decoded(jpeg).tobytes()


@pytest.mark.parametrize("settings", [{}, {"progressive": True}, {"restart_marker_rows": 1}])
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9, 0.99])
def test_a_jpeg_that_lacks_pixels_is_refused(small: Image.Image, settings: dict[str, object], kept: float) -> None:
    jpeg = encoded(small, "JPEG", **settings)
    with pytest.raises(InputError, match="damaged picture"):
        decoded(jpeg[: round(kept * len(jpeg))])


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP"])
def test_exif_that_is_none_is_left_alone(small: Image.Image, format_: str) -> None:
    settings = {"lossless": True} if format_ == "WEBP" else {}
    content = encoded(small, format_, exif=b"Exif\0\0nonsense", **settings)
    assert np.abs(np.asarray(decoded(content), dtype=int) - np.asarray(small, dtype=int)).mean() < 10


def test_only_what_can_be_mended_is_read_again() -> None:
    for content in (b"", b"text", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0 no picture", b"GIF89a"):
        assert mend(io.BytesIO(content)) is None


SEGMENTS = {
    "a profile that is too short": b"\xff\xe2\0\x0eICC_PROFILE\0",
    "a profile of no bytes": b"\xff\xe2\0\x0fICC_PROFILE\0\x01",
    "Adobe's, too short": b"\xff\xee\0\x09Adobe\0\x64",
    "JFIF's, too short": b"\xff\xe0\0\x07JFIF\0",
    "Exif of nothing": b"\xff\xe1\0\x08Exif\0\0",
    "Photoshop's, cut": b"\xff\xed\0\x1bPhotoshop 3.0\0" + b"8BIM\x04\x04\0\0\0\0\0",
    "several pictures', cut": b"\xff\xe2\0\x08MPF\0II",
    "an empty comment": b"\xff\xfe\0\x02",
}


@pytest.mark.parametrize("segment", SEGMENTS.values(), ids=SEGMENTS)
def test_what_a_decoder_can_skip_is_no_reason_to_refuse_a_jpeg(small: Image.Image, segment: bytes) -> None:
    whole = encoded(small, "JPEG")
    for place in (2, whole.index(b"\xff\xdb")):
        assert decoded(whole[:place] + segment + whole[place:]).tobytes() == decoded(whole).tobytes()


def test_orientation_and_profile_stay_when_another_segment_is_broken(small: Image.Image) -> None:
    exif = Image.Exif()
    exif[274] = 6
    whole = encoded(small, "JPEG", exif=exif)
    broken = whole[:2] + SEGMENTS["Adobe's, too short"] + whole[2:]
    assert decoded(broken).size == decoded(whole).size == (small.height, small.width)

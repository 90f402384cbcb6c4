"""HEIC is read where the optional reader is, and named with the remedy where it is not."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest
from PIL import Image, features

from most_sketch.errors import InputError
from most_sketch.photo import heic
from most_sketch.photo.images import IMAGE_SUFFIXES, READ_FORMATS, decode_image

HEADER = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64)


def test_without_the_reader_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    heic._register.cache_clear()
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(InputError, match=r"^IMG_1\.HEIC: HEIC .*pip install 'most-sketch\[heic\]'$"):
        decode_image(io.BytesIO(HEADER), "IMG_1.HEIC")


def test_with_the_reader_it_is_read(portrait: Image.Image) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    buffer = io.BytesIO()
    pillow_heif.from_pillow(portrait).save(buffer, quality=95)
    buffer.seek(0)
    read = decode_image(buffer, "IMG_1.HEIC")
    assert read.mode == "RGB"
    assert np.abs(np.asarray(read, dtype=int) - np.asarray(portrait, dtype=int)).mean() < 6
    with pytest.raises(InputError, match=r"IMG_1\.HEIC"):
        decode_image(io.BytesIO(HEADER), "IMG_1.HEIC")


def test_a_folder_is_searched_for_every_format_that_is_read() -> None:
    known = {suffix for suffix, format_ in Image.registered_extensions().items() if format_ in READ_FORMATS}
    assert known <= IMAGE_SUFFIXES
    assert {".heic", ".heif"} <= IMAGE_SUFFIXES


def brands(major: bytes, *compatible: bytes) -> bytes:
    kinds = b"".join(compatible)
    return (16 + len(kinds)).to_bytes(4, "big") + b"ftyp" + major + bytes(4) + kinds + bytes(64)


def test_of_files_that_say_their_container_alone_the_compatible_brands_decide() -> None:
    for container in (b"mif1", b"msf1"):
        assert not heic.is_heic(brands(container, b"mif1", b"avif", b"miaf"))
        assert heic.is_heic(brands(container, b"mif1", b"heic"))
        assert heic.is_heic(brands(container, b"mif1"))
    assert not heic.is_heic(brands(b"avif", b"mif1", b"heic"))


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow reads no AVIF")
@pytest.mark.parametrize("container", [b"mif1", b"msf1"])
def test_avif_is_read_whatever_it_calls_its_container(portrait: Image.Image, container: bytes) -> None:
    buffer = io.BytesIO()
    portrait.resize((64, 64)).save(buffer, "AVIF")
    content = buffer.getvalue()
    buffer.seek(0)
    renamed = content[:8] + container + content[12:]
    assert decode_image(io.BytesIO(renamed), "photo").tobytes() == decode_image(buffer, "photo").tobytes()

"""Pictures are turned as their cameras noted, once, whatever else is noted."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from mixed_folder import UPRIGHT_TO_STORED
from PIL import Image

from most_sketch.drawing.sketcher import Sketcher
from most_sketch.photo.images import decode_image, flatten
from most_sketch.photo.orientation import orientation_of


def stored(upright: Image.Image, orientation: int, format_: str, **settings: object) -> io.BytesIO:
    turn = UPRIGHT_TO_STORED[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    (upright if turn is None else upright.transpose(turn)).save(buffer, format_, exif=exif, **settings)
    buffer.seek(0)
    return buffer


@pytest.mark.parametrize("orientation", UPRIGHT_TO_STORED)
def test_a_phones_portrait_handed_to_the_library(sketcher: Sketcher, portrait: Image.Image, orientation: int) -> None:
    """As the README has it: `sketcher.sketch(Image.open(file))`."""
    small = portrait.crop((100, 0, 356, 300))
    handed = Image.open(stored(small, orientation, "PNG"))
    assert np.array_equal(sketcher.sketch(handed), sketcher.sketch(small))
    assert handed.getexif()[0x0112] == orientation  # the caller's picture stays as it is
    assert np.array_equal(
        sketcher.sketch(Image.open(stored(small, orientation, "PNG")), align=False), sketcher.sketch(small, align=False)
    )


@pytest.mark.parametrize("format_", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", [3, 6])
def test_a_picture_is_turned_once(portrait: Image.Image, format_: str, orientation: int) -> None:
    small = portrait.resize((60, 40))
    settings = {"lossless": True} if format_ == "WEBP" else {}
    read = decode_image(stored(small, orientation, format_, **settings), "photo")
    assert read.tobytes() == small.tobytes()
    assert flatten(read).tobytes() == small.tobytes()
    assert flatten(Image.open(stored(small, orientation, format_, **settings))).tobytes() == small.tobytes()


@pytest.mark.parametrize("tag", [0x0100, 0x0128, 0x011A, 0x8769, 0xA005])
def test_a_tag_of_a_wrong_type_beside_the_orientation(portrait: Image.Image, tag: int) -> None:
    """Which Pillow reads, but cannot write again."""
    small = portrait.resize((60, 40))
    text = struct.pack(">HHI4s", tag, 2, 3, b"ab\0\0")
    tags = sorted([struct.pack(">HHIHH", 0x0112, 3, 1, 6, 0), text])
    exif = b"Exif\0\0MM\0*\0\0\0\x08" + struct.pack(">H", 2) + b"".join(tags) + bytes(4)
    buffer = io.BytesIO()
    small.transpose(Image.Transpose.ROTATE_90).save(buffer, "PNG", exif=exif)
    buffer.seek(0)
    assert decode_image(buffer, "photo").tobytes() == small.tobytes()


@pytest.mark.parametrize("value", [0, 9, "6 o'clock", "", b"\x06", (), None, 1.5])
def test_orientations_that_are_none(value: object) -> None:
    image = Image.new("RGB", (4, 2))
    image.getexif()[0x0112] = value
    assert orientation_of(image) == 1


@pytest.mark.parametrize("value", [6, "6", (6,), 6.0])
def test_orientations_of_an_odd_type(value: object) -> None:
    image = Image.new("RGB", (4, 2))
    image.getexif()[0x0112] = value
    assert orientation_of(image) == 6

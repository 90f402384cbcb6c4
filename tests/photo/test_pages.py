"""Which picture of a TIFF is the photo, and TIFFs that Pillow reads wrongly."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from most_sketch.errors import InputError
from most_sketch.photo.images import decode_image

tifffile = pytest.importorskip("tifffile", reason="comes with scikit-image, of most-sketch[register]")


def decoded(content: bytes) -> np.ndarray:
    return np.asarray(decode_image(io.BytesIO(content), "photo")).astype(int)


@pytest.fixture(scope="module")
def picture(portrait: Image.Image) -> np.ndarray:
    return np.asarray(portrait.resize((96, 80)))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"rowsperstrip": 7}, {"tile": (16, 16)}], ids=str)
def test_sixteen_bits_in_planes(picture: np.ndarray, order: str, options: dict[str, object]) -> None:
    deep = picture.astype(np.uint16) * 257
    # Pillow reads no BigTIFF of the other order.
    for big in (False, True)[: 2 if order == "<" else 1]:
        planes, pixels = io.BytesIO(), io.BytesIO()
        with tifffile.TiffWriter(planes, bigtiff=big, byteorder=order) as writer:
            planar = np.moveaxis(deep, -1, 0)
            writer.write(planar, photometric="rgb", planarconfig="separate", **options)
        tifffile.imwrite(pixels, deep, photometric="rgb", byteorder=order)
        read = decoded(planes.getvalue())
        assert np.abs(read - picture).max() <= 1
        assert np.array_equal(read, decoded(pixels.getvalue()))


@pytest.mark.parametrize("order", ["<", ">"])
def test_grey_of_32_bits_has_no_sign(picture: np.ndarray, order: str) -> None:
    grey = picture.mean(axis=-1)
    for white, kind in ((2**32 - 1, np.uint32), (65535, np.uint32), (255, np.uint32)):
        file = io.BytesIO()
        tifffile.imwrite(file, (grey / 255 * white).astype(kind), photometric="minisblack", byteorder=order)
        assert np.abs(decoded(file.getvalue()) - grey[..., None]).max() <= 1


def pages(*pictures: np.ndarray, **options: object) -> bytes:
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for number, each in enumerate(pictures):
            # The bit that says so is set by few programs.
            writer.write(each, photometric="rgb", subfiletype=1 if number == 0 and options.get("marked") else 0)
    return file.getvalue()


@pytest.mark.parametrize("marked", [True, False])
def test_a_thumbnail_before_the_picture_is_not_the_photo(picture: np.ndarray, marked: bool) -> None:
    thumbnail = picture[::4, ::4] // 2
    assert np.array_equal(decoded(pages(thumbnail, picture, marked=marked)), picture)
    assert np.array_equal(decoded(pages(thumbnail, picture, thumbnail, marked=marked)), picture)


def test_of_pages_of_one_size_the_first_is_the_photo(picture: np.ndarray) -> None:
    assert np.array_equal(decoded(pages(picture, picture[::-1])), picture)


def below(thumbnail: np.ndarray, *pictures: tuple[np.ndarray, int | str], orientation: int = 1) -> bytes:
    """A camera's raw file in its structure: a thumbnail, and below it pictures, each with what its samples mean."""
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        tags = [(274, "H", 1, orientation, False)]
        writer.write(thumbnail, photometric="rgb", subifds=len(pictures), subfiletype=1, extratags=tags)
        for each, meaning in pictures:
            writer.write(each, photometric=meaning)
    return file.getvalue()


CFA = 32803


def test_the_picture_below_the_thumbnail_of_a_raw_file_is_the_photo(picture: np.ndarray) -> None:
    sensor = np.zeros((100, 120), dtype=np.uint16)
    thumbnail = picture[::8, ::8]
    assert np.array_equal(decoded(below(thumbnail, (picture, "rgb"))), picture)
    assert np.array_equal(decoded(below(thumbnail, (sensor, CFA), (picture, "rgb"))), picture)
    # The camera notes which way up beside the thumbnail only.
    turned = decoded(below(thumbnail, (sensor, CFA), (picture, "rgb"), orientation=6))
    assert np.array_equal(turned, np.rot90(picture, -1))


def test_a_raw_file_with_a_thumbnail_only_is_refused(picture: np.ndarray) -> None:
    sensor = np.zeros((1000, 1200), dtype=np.uint16)
    with pytest.raises(InputError, match="photo: raw; only its preview of 96 x 80 pixels can be read; save it as JPEG"):
        decoded(below(picture, (sensor, CFA)))


def test_a_preview_that_is_a_whole_jpeg_is_read(picture: np.ndarray) -> None:
    """As in Nikon's files: a page that has no pixels but says where a JPEG is."""
    jpeg = io.BytesIO()
    Image.fromarray(picture).resize((960, 800)).save(jpeg, "JPEG", quality=95)
    preview = jpeg.getvalue()
    content = below(picture[::8, ::8], (np.zeros((1000, 1200), dtype=np.uint16), CFA), (picture, "rgb"))
    # The last page becomes one of two tags.
    tags = TiffImagePlugin.ImageFileDirectory_v2(content[:8])
    file = io.BytesIO(content)
    file.seek(struct.unpack("<L", content[4:8])[0])
    tags.load(file)
    place = tags[330][1]
    own = struct.pack("<HHHLLHHLLL", 2, 513, 4, 1, len(content), 514, 4, 1, len(preview), 0)
    content = content[:place] + own + content[place + len(own) :] + preview
    read = decode_image(io.BytesIO(content), "photo")
    assert read.size == (960, 800)


def test_pages_that_lead_in_circles_end(picture: np.ndarray) -> None:
    content = bytearray(pages(picture, picture[::2]))
    first = struct.unpack("<L", content[4:8])[0]
    count = struct.unpack("<H", content[first : first + 2])[0]
    second = struct.unpack("<L", content[first + 2 + 12 * count : first + 6 + 12 * count])[0]
    count = struct.unpack("<H", content[second : second + 2])[0]
    content[second + 2 + 12 * count : second + 6 + 12 * count] = struct.pack("<L", first)
    assert np.array_equal(decoded(bytes(content)), picture)

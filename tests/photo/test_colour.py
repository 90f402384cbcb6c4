"""What numbers mean: white of deep greys, and colours by the profile that comes with them."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from profiles import ADOBE_RGB, SRGB, cmyk_profile, grey_profile, rgb_profile

from most_sketch.photo.images import decode_image, flatten, read_image


def encoded(image: Image.Image, format_: str, **settings: object) -> io.BytesIO:
    buffer = io.BytesIO()
    image.save(buffer, format_, **settings)
    buffer.seek(0)
    return buffer


def pixel(file: io.BytesIO) -> tuple[int, ...]:
    return decode_image(file, "photo").getpixel((0, 0))


def test_adobe_rgb_becomes_srgb() -> None:
    skin = Image.new("RGB", (8, 8), (180, 140, 120))
    # By the primaries and curves of the two spaces, worked out by hand.
    assert pixel(encoded(skin, "PNG", icc_profile=rgb_profile(ADOBE_RGB))) == pytest.approx((194, 140, 119), abs=2)
    assert pixel(encoded(skin, "TIFF", icc_profile=rgb_profile(ADOBE_RGB))) == pytest.approx((194, 140, 119), abs=2)
    assert pixel(encoded(skin, "PNG")) == (180, 140, 120)


def test_what_is_srgb_already_is_not_touched() -> None:
    from PIL import ImageCms

    photo = Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert decode_image(encoded(photo, "PNG", icc_profile=profile), "photo").tobytes() == photo.tobytes()
    linear = rgb_profile(SRGB, gamma=1.0)
    assert pixel(encoded(Image.new("RGB", (8, 8), (55, 55, 55)), "PNG", icc_profile=linear))[0] > 120


def test_profiles_of_inks_greys_and_transparent_pictures() -> None:
    cyan = Image.new("CMYK", (8, 8), (255, 0, 0, 0))
    red, green, blue = pixel(encoded(cyan, "TIFF", icc_profile=cmyk_profile()))
    assert red < 60
    assert 110 < green < 180
    assert 180 < blue < 240
    assert pixel(encoded(cyan, "TIFF")) == (0, 255, 255)

    grey = Image.new("L", (8, 8), 55)
    assert pixel(encoded(grey, "PNG", icc_profile=grey_profile(1.0)))[0] == pytest.approx(128, abs=4)

    clear = Image.new("RGBA", (8, 8), (180, 140, 120, 0))
    assert pixel(encoded(clear, "PNG", icc_profile=rgb_profile(ADOBE_RGB))) == (255, 255, 255)
    palette = Image.new("RGB", (8, 8), (180, 140, 120)).quantize(4)
    assert pixel(encoded(palette, "PNG", icc_profile=rgb_profile(ADOBE_RGB))) == pytest.approx((194, 140, 119), abs=2)


@pytest.mark.parametrize("profile", [b"no profile", rgb_profile(ADOBE_RGB)[:200], cmyk_profile()])
def test_a_profile_that_does_not_fit_is_left_alone(profile: bytes) -> None:
    assert pixel(encoded(Image.new("RGB", (8, 8), (180, 140, 120)), "PNG", icc_profile=profile)) == (180, 140, 120)


def test_a_picture_is_converted_once() -> None:
    skin = encoded(Image.new("RGB", (8, 8), (180, 140, 120)), "PNG", icc_profile=rgb_profile(ADOBE_RGB))
    once = decode_image(skin, "photo")
    assert flatten(once).tobytes() == once.tobytes()


@pytest.mark.parametrize("white", [1.0, 255.0, 65535.0])
def test_a_few_floats_above_white(tmp_path: Path, white: float) -> None:
    values = np.tile(np.float32([0, 0.5, 1]), 100) * white
    values[5] = 1.3 * white
    Image.fromarray(values[None]).save(tmp_path / "photo.tif")
    assert np.asarray(read_image(tmp_path / "photo.tif"))[0, :3, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize(("white", "expected"), [(65535, [0, 64, 255]), (4095, [0, 64, 255])])
def test_deep_greys_whose_white_is_0(tmp_path: Path, white: int, expected: list[int]) -> None:
    values = np.uint16([[white, round(white * 0.75), 0]])
    Image.fromarray(values).save(tmp_path / "photo.tif", tiffinfo={262: 0})
    assert Image.open(tmp_path / "photo.tif").tag_v2[262] == 0
    assert np.asarray(read_image(tmp_path / "photo.tif"))[0, :, 0].tolist() == pytest.approx(expected, abs=1)


@pytest.mark.parametrize("file", ["photo.png", "photo.tif"])
def test_12_bits_in_16(tmp_path: Path, file: str) -> None:
    Image.fromarray(np.uint16([[0, 2048, 4095]])).save(tmp_path / file)
    assert np.asarray(read_image(tmp_path / file))[0, :, 0].tolist() == pytest.approx([0, 128, 255], abs=1)


def test_premultiplied_colours() -> None:
    half = Image.new("RGBA", (1, 1), (200, 100, 0, 128))
    assert flatten(half.convert("RGBa")).getpixel((0, 0)) == pytest.approx(flatten(half).getpixel((0, 0)), abs=2)
    grey = Image.new("LA", (1, 1), (200, 128))
    plain, premultiplied = (encoded(image, "TIFF").getvalue() for image in (grey, Image.new("LA", (1, 1), (100, 128))))
    # What the transparency is, as TIFF has it: tag 338, one short number, 2 for apart and 1 for premultiplied.
    apart, together = (struct.pack("<HHII", 338, 3, 1, kind) for kind in (2, 1))
    assert apart in premultiplied
    file = io.BytesIO(premultiplied.replace(apart, together))
    assert pixel(file) == pytest.approx(pixel(io.BytesIO(plain)), abs=2)
    assert flatten(grey.convert("La")).getpixel((0, 0)) == pytest.approx(flatten(grey).getpixel((0, 0)), abs=2)

"""What a picture's numbers mean: deep greys brought to eight bits, embedded colour profiles to sRGB."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, TiffImagePlugin, features

PHOTOMETRIC, BITS_A_SAMPLE, SAMPLE_FORMAT = 262, 258, 339
"""Tags of TIFF. A photometric of 0 says that white is 0, a format of 1 that integers are unsigned."""

MODE_OF_SPACE = {"RGB ": "RGB", "CMYK": "CMYK", "GRAY": "L"}
"""Colour spaces of profiles, and Pillow's mode for each."""

SAME = 2
"""A profile that moves no colour by more grey levels is sRGB, whatever it is called."""


def add_greys_of_tiff() -> None:
    """Let Pillow read grey TIFF whose greys are multiplied by their transparency, as it reads such colours, and
    unsigned integers of 32 bits in both orders, as it reads signed ones."""
    TiffImagePlugin.OPEN_INFO.setdefault((b"MM", 1, (1,), 1, (32,), ()), ("I", "I;32B"))
    for order in (b"II", b"MM"):
        # Byte order, white that is 255, integers, first bit first, two samples of 8 bits, premultiplied.
        TiffImagePlugin.OPEN_INFO.setdefault((order, 1, (1,), 1, (8, 8), (1,)), ("La", "La"))


def to_eight_bits(image: Image.Image) -> Image.Image:
    """A picture of integers or floats, one a pixel, as mode L; any other as it is."""
    if not (image.mode.startswith("I") or image.mode == "F"):
        return image
    tags = getattr(image, "tag_v2", {})
    bits = tags.get(BITS_A_SAMPLE)
    stored = np.asarray(image)
    unsigned = image.mode == "I" and bits == (32,) and tags.get(SAMPLE_FORMAT, (1,)) == (1,)
    if unsigned:
        # Pillow has signed integers only, and what is above them comes out negative.
        stored = stored.view(np.uint32)
    values = np.nan_to_num(stored.astype(np.float32))
    white = 2.0**32 - 1 if unsigned and values.max(initial=0) > 65535 else _white(image.mode, values, bits)
    levels = (values * (255 / white)).clip(0, 255)
    # Pillow turns round what is white in 8 bits only.
    grey = 255 - levels if tags.get(PHOTOMETRIC) == 0 else levels
    return Image.fromarray(grey.round().astype(np.uint8))


def to_srgb(image: Image.Image) -> Image.Image:
    """The picture in sRGB by its embedded profile; as it is without one, or where that is broken or of another mode."""
    profile = image.info.get("icc_profile")
    if not profile or not features.check("littlecms2"):
        return image
    try:
        meaning = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = MODE_OF_SPACE[meaning.profile.xcolor_space]
        colours, alpha = _without_alpha(image)
        if colours.mode != mode:
            return image
        transform = ImageCms.buildTransform(meaning, ImageCms.createProfile("sRGB"), mode, "RGB")
        if mode == "RGB" and _is_identity(transform):
            return image
        converted = ImageCms.applyTransform(colours, transform)
    except (ImageCms.PyCMSError, KeyError, OSError, TypeError, ValueError):
        # A profile is no reason to refuse pixels.
        return image
    if converted is None or alpha is None:
        return converted or image
    converted.putalpha(alpha)
    return converted


def _white(mode: str, values: NDArray[np.float32], bits: Any) -> float:
    """The value of white in a picture of this mode, which seldom is written down."""
    if mode == "F":
        # Not the brightest: sharpening and highlights go above white in a few pixels.
        few = values.ravel()[:: max(1, values.size // 1_000_000)]
        bright = np.percentile(few, 99) if few.size else 0.0
        return next((white for white in (1.0, 255.0) if bright <= 2 * white), 65535.0)
    brightest = values.max(initial=0)
    if mode == "I" and brightest <= 255:
        return 255.0
    # Cameras and scanners of 12 bits; a picture of 16 that is nowhere brighter shows nothing.
    if bits in (12, (12,)) or 1023 < brightest <= 4095:
        return 4095.0
    return 65535.0


def _without_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """A picture's colours as the profile has them, and its transparency if it has any."""
    if image.has_transparency_data:
        image = image if image.mode in ("LA", "RGBA") else image.convert("RGBA")
        return image.convert("L" if image.mode == "LA" else "RGB"), image.getchannel("A")
    return image.convert("RGB") if image.mode == "P" else image, None


def _is_identity(transform: ImageCms.ImageCmsTransform) -> bool:
    probe = _probe()
    moved = ImageCms.applyTransform(probe, transform)
    return bool(np.abs(np.asarray(moved, dtype=int) - np.asarray(probe, dtype=int)).max() <= SAME)


@lru_cache(maxsize=1)
def _probe() -> Image.Image:
    """Colours from all over the cube, one a pixel."""
    steps = np.linspace(0, 255, 6).round().astype(np.uint8)
    return Image.fromarray(np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, 3))

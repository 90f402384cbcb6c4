"""Which way up a picture is, by what its camera noted in Exif."""

from __future__ import annotations

from PIL import ExifTags, Image

TO_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def orientation_of(image: Image.Image) -> int:
    """The orientation noted in a picture's Exif, 1 to 8; 1, upright, where there is none that can be read."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
        orientation = int(value[0] if isinstance(value, tuple) else value)
    except Exception:  # noqa: BLE001 - broken Exif makes Pillow raise almost anything, and is no reason to refuse pixels
        return 1
    return orientation if orientation in TO_UPRIGHT else 1


def turn_upright(image: Image.Image, orientation: int) -> Image.Image:
    """A picture with this orientation, upright and without the note of it."""
    if orientation not in TO_UPRIGHT:
        return image
    upright = image.transpose(TO_UPRIGHT[orientation])
    # Else it would be turned again by the next who looks.
    upright.info = {}
    return upright

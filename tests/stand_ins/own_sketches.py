"""Files that say of themselves to be sketches of most-sketch, without a network that drew them."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from most_sketch.photo.images import encode_image
from most_sketch.photo.provenance import PhotoMark, record_text, settings_text


def own_sketch(path: Path, of: str = "another.jpg") -> Path:
    """Writes one, of a photo of this name that nobody has."""
    record = record_text("0" * 64, PhotoMark.of(of, 1, 1), settings_text({"style": "pencil"}))
    path.write_bytes(encode_image(Image.new("L", (40, 50), 200), path.suffix, record=record))
    return path

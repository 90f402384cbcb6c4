"""The photos that a benchmark is given a folder of."""

from __future__ import annotations

from pathlib import Path

from most_sketch.photo.images import IMAGE_SUFFIXES


def photos_below(folder: Path) -> list[Path]:
    """All pictures below a folder, sorted; of paired sets the photos alone. Ends the program if there are none."""
    pictures = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in IMAGE_SUFFIXES]
    photos = [path for path in pictures if "photos" in path.parts] or pictures
    if not photos:
        raise SystemExit(f"{folder}: no photos below this folder")
    return photos

"""The public-domain portraits and their sketches as the page shows them before it can draw: small pictures.

They are drawn once for each weights file, and kept. Those of the default weights come with the package; after these
have changed, this makes them anew:

    python -m most_sketch.page.examples
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from most_sketch.checkpoints.find import DEFAULT_WEIGHTS, find_weights
from most_sketch.checkpoints.manifest import checksum
from most_sketch.checkpoints.packaged import examples_folder
from most_sketch.drawing.sketcher import Sketcher
from most_sketch.machine import cache_folder
from most_sketch.photo.frame import side_by_side
from most_sketch.photo.images import write_bytes

PACKAGED = Path(__file__).parent / "examples"
THUMBNAIL = (160, 200)
QUALITY = 85
FORMAT = 3
"""To be counted up whenever other pictures are made: what the cache holds is not found then."""


def example_files(weights: Path, taught: Sequence[Path] = ()) -> dict[str, bytes]:
    """The pictures by their paths in the site: each portrait beside its sketch, and the first in all styles.

    Raises `WeightsError`.
    """
    key = _key(weights, taught)
    folder = PACKAGED if _key_of(PACKAGED) == key else _cached(weights, taught, key)
    return {f"examples/{path.name}": path.read_bytes() for path in sorted(folder.glob("*.webp"))}


def _cached(weights: Path, taught: Sequence[Path], key: str) -> Path:
    folder = cache_folder() / "page" / key[:16]
    if _key_of(folder) != key:
        draw_examples(folder, weights, taught)
    return folder


def draw_examples(folder: Path, weights: Path, taught: Sequence[Path] = ()) -> None:
    """Draw the pictures into a folder, with a note of what they were drawn with."""
    sketcher = Sketcher.load(weights, "cpu", "fp32", engine="torch" if taught else "auto", styles=taught, photos=1)
    first = len(sketcher.styles) - len(taught) if taught else 0
    shutil.rmtree(folder, ignore_errors=True)
    for number, path in enumerate(sorted(examples_folder().glob("*.jpg"))):
        with Image.open(path) as photo:
            (crop,) = sketcher.crops(photo)
        wanted = range(len(sketcher.styles)) if number == 0 else [first]
        sketches = sketcher.draw_crops([crop] * len(wanted), wanted)
        _write(folder / f"{path.stem}.webp", side_by_side(crop.image, sketches[first if number == 0 else 0]))
        if number == 0:
            strip = Image.new("L", (THUMBNAIL[0] * len(sketches), THUMBNAIL[1]), "white")
            for place, sketch in enumerate(sketches):
                strip.paste(sketch.resize(THUMBNAIL, Image.Resampling.LANCZOS), (place * THUMBNAIL[0], 0))
            _write(folder / "styles.webp", strip)
    # Last: without it the folder counts for nothing.
    write_bytes(folder / "made.json", json.dumps({"key": _key(weights, taught)}).encode())


def _write(path: Path, picture: Image.Image) -> None:
    content = io.BytesIO()
    picture.save(content, "WEBP", quality=QUALITY, method=6)
    write_bytes(path, content.getvalue())


def _key(weights: Path, taught: Sequence[Path]) -> str:
    """What the pictures depend on."""
    return hashlib.sha256(" ".join([str(FORMAT), checksum(weights), *map(checksum, taught)]).encode()).hexdigest()


def _key_of(folder: Path) -> str | None:
    """What the pictures in a folder were drawn with, if they are there."""
    try:
        key: str = json.loads((folder / "made.json").read_bytes())["key"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return key


if __name__ == "__main__":
    draw_examples(PACKAGED, find_weights(DEFAULT_WEIGHTS))

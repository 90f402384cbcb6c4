"""Tiny paired sets that the tests draw themselves: a cartoon face as a photo, and its outline as the sketch."""

from __future__ import annotations

import random
from pathlib import Path

from PIL import Image, ImageDraw

SIZE = (40, 48)


def draw_pair(seed: int, size: tuple[int, int] = SIZE) -> tuple[Image.Image, Image.Image]:
    """A photo (RGB) and the sketch (L) of one made-up face, at the same places."""
    rng = random.Random(seed)
    width, height = size
    skin = (rng.randint(120, 240), rng.randint(90, 190), rng.randint(70, 160))
    left, top = width * rng.uniform(0.1, 0.25), height * rng.uniform(0.1, 0.25)
    face = (left, top, width - left, height * 0.9)
    eyes = [(width * x, height * 0.45) for x in (0.37, 0.63)]
    mouth = [(width * 0.4, height * 0.7), (width * 0.6, height * 0.7)]
    photo, sketch = Image.new("RGB", size, "white"), Image.new("L", size, 245)
    on_photo, on_sketch = ImageDraw.Draw(photo), ImageDraw.Draw(sketch)
    on_photo.ellipse(face, fill=skin)
    on_sketch.ellipse(face, fill=220, outline=60, width=2)
    for x, y in eyes:
        on_photo.ellipse((x - 3, y - 2, x + 3, y + 2), fill=(40, 30, 30))
        on_sketch.ellipse((x - 3, y - 2, x + 3, y + 2), fill=50)
    on_photo.line(mouth, fill=(150, 40, 40), width=2)
    on_sketch.line(mouth, fill=90, width=2)
    return photo, sketch


def write_pairs(root: Path, names: list[str], size: tuple[int, int] = SIZE) -> Path:
    """Write `photos/NAME.png` and `sketches/NAME.png` for every name below `root`, and return `root`."""
    for folder in ("photos", "sketches"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate(names):
        photo, sketch = draw_pair(seed, size)
        photo.save(root / "photos" / f"{name}.png")
        sketch.save(root / "sketches" / f"{name}.png")
    return root

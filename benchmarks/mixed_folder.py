"""Make a folder of good and bad picture files from the example portraits, and know what must become of each.

python benchmarks/mixed_folder.py DIR COUNT
"""

from __future__ import annotations

import io
import os
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageEnhance

from most_sketch.checkpoints.packaged import examples_folder
from most_sketch.photo.images import encode_image
from most_sketch.photo.provenance import PhotoMark, record_text, settings_text

Fate = Literal["drawn", "failed", "either"]
"""`either`: a damaged file that a decoder may still make a picture of."""

ORIENTATION = 0x0112
UPRIGHT_TO_STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""How a camera's sensor stores an upright picture, by the EXIF orientation that says so."""

NAMES = (
    "{}",
    "with space {}",
    "quote' \" {}",
    "new\nline {}",
    "ünïcödé 雪 {}",
    "-dash{}",
    "deep/er/{}",
    "{}.tar",
    "%s{}",
)
"""How files are called, in turn; the number keeps them apart."""


class Portraits:
    """The example portraits, each time a little different."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.faces = []
        for name, box in (("astronaut.jpg", (90, 0, 370, 330)), ("grace_hopper.jpg", (90, 20, 420, 420))):
            with Image.open(examples_folder() / name) as photo:
                self.faces.append(photo.convert("RGB").crop(box))

    def __call__(self) -> Image.Image:
        face = self.random.choice(self.faces)
        scale = self.random.uniform(0.6, 0.9)
        small = face.resize((round(face.width * scale), round(face.height * scale)))
        return ImageEnhance.Brightness(small).enhance(self.random.uniform(0.85, 1.15))


def encoded(image: Image.Image, format_: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_, **options)
    return buffer.getvalue()


def turned(portrait: Image.Image, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    stored = UPRIGHT_TO_STORED[orientation]
    return encoded(portrait if stored is None else portrait.transpose(stored), "JPEG", exif=exif)


def animated(portrait: Image.Image, format_: str) -> bytes:
    return encoded(portrait, format_, save_all=True, append_images=[Image.new("RGB", portrait.size, "red")])


def sixteen_bits(portrait: Image.Image) -> bytes:
    return encoded(Image.fromarray(np.asarray(portrait.convert("L")).astype(np.uint16) * 257), "PNG")


def with_alpha(portrait: Image.Image, mode: str) -> bytes:
    picture = portrait.convert(mode)
    picture.putalpha(250)
    return encoded(picture, "PNG")


def two_faces(portrait: Image.Image) -> bytes:
    both = Image.new("RGB", (2 * portrait.width, portrait.height), "white")
    both.paste(portrait, (0, 0))
    both.paste(portrait, (portrait.width, 0))
    return encoded(both, "JPEG")


def mutated(portrait: Image.Image, rng: random.Random) -> bytes:
    data = bytearray(encoded(portrait, "JPEG"))
    for _ in range(20):
        data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data)


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


Maker = Callable[[Portraits], bytes]
KINDS: list[tuple[str, Fate, Maker]] = [
    ("photo.jpg", "drawn", lambda make: encoded(make(), "JPEG")),
    ("zero.jpg", "failed", lambda make: b""),
    ("photo.png", "drawn", lambda make: encoded(make(), "PNG")),
    ("text.jpg", "failed", lambda make: b"This is no picture.\n"),
    ("cmyk.jpg", "drawn", lambda make: encoded(make().convert("CMYK"), "JPEG")),
    ("cut.jpg", "failed", lambda make: cut(encoded(make(), "JPEG"))),
    ("palette.png", "drawn", lambda make: encoded(make().quantize(128), "PNG")),
    ("cut.png", "failed", lambda make: cut(encoded(make(), "PNG"))),
    ("sixteen.png", "drawn", lambda make: sixteen_bits(make())),
    ("mutated.jpg", "either", lambda make: mutated(make(), make.random)),
    ("grey-alpha.png", "drawn", lambda make: with_alpha(make(), "LA")),
    ("dot.png", "failed", lambda make: encoded(Image.new("RGB", (1, 1)), "PNG")),
    ("alpha.png", "drawn", lambda make: with_alpha(make(), "RGBA")),
    ("strip.png", "failed", lambda make: encoded(Image.new("RGB", (10, 300), "grey"), "PNG")),
    ("animated.gif", "drawn", lambda make: animated(make(), "GIF")),
    ("nobody.jpg", "failed", lambda make: encoded(Image.linear_gradient("L").convert("RGB"), "JPEG")),
    ("animated.webp", "drawn", lambda make: animated(make(), "WEBP")),
    ("vector.png", "failed", lambda make: b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
    ("scan.tiff", "drawn", lambda make: encoded(make(), "TIFF")),
    ("script.jpg", "failed", lambda make: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"),
    ("two.jpg", "drawn", lambda make: two_faces(make())),
    ("huge.png", "failed", lambda make: HUGE),
    ("wrong-name.png", "drawn", lambda make: encoded(make(), "JPEG")),
    ("cut.webp", "failed", lambda make: cut(encoded(make(), "WEBP"))),
    *((f"turned-{turn}.jpg", "drawn", lambda make, turn=turn: turned(make(), turn)) for turn in UPRIGHT_TO_STORED),
]
HUGE = encoded(Image.new("1", (20_000, 20_000)), "PNG")
SPECIAL = ("fifo.png", "loop.jpg", "nowhere.jpg", "unreadable.jpg")
"""Not made of bytes; as many of each as of every kind above."""


def make(folder: Path, count: int, seed: int = 0) -> dict[str, Fate]:
    """Fill a folder with `count` files; returns what must become of each, by its path as text.

    Beside them lie a folder named like a picture and own outputs, of which nothing may become anything.
    `unreadable.jpg` can be read by root, and then fails for what is in it.
    """
    portraits, fates = Portraits(seed), {}
    for number in range(count):
        kind = number % (len(KINDS) + len(SPECIAL))
        ending = KINDS[kind][0] if kind < len(KINDS) else SPECIAL[kind - len(KINDS)]
        path = folder / f"{NAMES[number % len(NAMES)].format(f'{number:05d}')}-{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind < len(KINDS):
            path.write_bytes(KINDS[kind][2](portraits))
            fates[str(path)] = KINDS[kind][1]
        else:
            _make_special(path, ending)
            fates[str(path)] = "failed"
    (folder / "folder.png").mkdir()
    record = record_text("0" * 64, PhotoMark.of("another.jpg", 1, 1), settings_text({}))
    (folder / "old.sketch.png").write_bytes(encode_image(Image.new("L", (40, 50), 200), ".png", record=record))
    (folder / "cut.sketch.png").write_bytes(b"what another program left of one")
    return fates


def _make_special(path: Path, kind: str) -> None:
    if kind == "fifo.png":
        os.mkfifo(path)
    elif kind == "loop.jpg":
        path.symlink_to(path.name)
    elif kind == "nowhere.jpg":
        path.symlink_to("no such file")
    else:
        path.write_bytes(b"private")
        path.chmod(0)


if __name__ == "__main__":
    made = make(Path(sys.argv[1]), int(sys.argv[2]))
    sys.stdout.write(f"{len(made)} files, {sum(fate == 'drawn' for fate in made.values())} of them good\n")

"""Tell people from backgrounds, for training with other backgrounds behind any photo.

    pip install mediapipe==0.10.21          # in an environment of its own: it asks for an older numpy
    python examples/person_masks.py masks SET
    python examples/person_masks.py backgrounds PHOTOS DESTINATION [--masks MASKS]

`masks` writes, wherever SET holds a folder photos/, a folder masks/ beside it with NAME.png, white where the person
is; `most-sketch train --backgrounds DESTINATION` then puts other backgrounds behind these photos. `backgrounds` cuts
such out of the photos of a folder: the largest piece of each that shows nobody, by masks that are there already or by
MediaPipe.

MediaPipe's selfie segmentation (Apache 2.0) finds the people; 0.10.21 is the last release that carries its network.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

SUFFIXES = {".bmp", ".jpeg", ".jpg", ".png", ".webp"}
PIECE_HEIGHTS = np.linspace(0.95, 0.2, 16)
"""Of pieces tried, largest first, as shares of the highest piece of 4 to 5 that the photo has room for."""
LEAST_AREA = 0.05
MOST_PERSON = 0.02


def people(paths: list[Path]) -> Iterator[tuple[Path, Image.Image, np.ndarray]]:
    """Each photo's path, the photo (RGB) and how sure a pixel is one of a person, (H, W) in [0, 1]."""
    import mediapipe as mp

    with mp.solutions.selfie_segmentation.SelfieSegmentation(model_selection=0) as segmentation:
        for path in paths:
            photo = Image.open(path).convert("RGB")
            yield path, photo, segmentation.process(np.asarray(photo)).segmentation_mask


def write_masks(root: Path) -> None:
    """Write a mask for each photo of a paired set."""
    for path, _, person in people(pictures(root.rglob("photos"))):
        target = path.parent.parent / "masks" / f"{path.stem}.png"
        target.parent.mkdir(exist_ok=True)
        Image.fromarray((person * 255).round().astype(np.uint8)).save(target)


def people_in(masks: Path, paths: list[Path]) -> Iterator[tuple[Path, Image.Image, np.ndarray]]:
    """As `people`, by the masks NAME.png in a folder; photos without one are left out."""
    for path in paths:
        mask = masks / f"{path.stem}.png"
        if mask.exists():
            yield path, Image.open(path).convert("RGB"), np.asarray(Image.open(mask).convert("L")) / 255


def cut_backgrounds(photos: Path, destination: Path, masks: Path | None) -> None:
    """Write NAME.png to `destination` for each photo that has a piece without people."""
    destination.mkdir(parents=True, exist_ok=True)
    paths = pictures([photos])
    for path, photo, person in people_in(masks, paths) if masks else people(paths):
        if box := largest_piece(person):
            photo.crop(box).save(destination / f"{path.stem}.png")


def pictures(folders: Iterable[Path]) -> list[Path]:
    """The pictures of several folders in order of their names."""
    return sorted(path for folder in folders for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)


def largest_piece(person: np.ndarray) -> tuple[int, int, int, int] | None:
    """The largest box (left, upper, right, lower) of 4 to 5 without people; None if none is large enough."""
    height, width = person.shape
    sums = np.zeros((height + 1, width + 1))
    sums[1:, 1:] = person.cumsum(0).cumsum(1)
    for share in PIECE_HEIGHTS:
        high = int(share * min(height, width * 5 / 4))
        wide = high * 4 // 5
        if high * wide < LEAST_AREA * height * width:
            break
        inside = sums[high:, wide:] - sums[:-high, wide:] - sums[high:, :-wide] + sums[:-high, :-wide]
        upper, left = np.unravel_index(inside.argmin(), inside.shape)
        if inside[upper, left] <= MOST_PERSON * high * wide:
            return int(left), int(upper), int(left) + wide, int(upper) + high
    return None


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    masks = commands.add_parser("masks")
    masks.add_argument("root", type=Path)
    masks.set_defaults(run=write_masks)
    backgrounds = commands.add_parser("backgrounds")
    backgrounds.add_argument("photos", type=Path)
    backgrounds.add_argument("destination", type=Path)
    backgrounds.add_argument("--masks", type=Path)
    backgrounds.set_defaults(run=cut_backgrounds)
    options = vars(parser.parse_args())
    options.pop("run")(**options)

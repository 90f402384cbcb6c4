"""A sheet to judge styles by eye: the same photos each time, the example portraits, and what weights draw of them.

    python benchmarks/style_sheet.py PHOTOS OUT.png [--weights NAME ...] [--style NAME ...] [--photos 24] [--across 2]

PHOTOS is a folder of portraits, or a paired set in the frame, as `most-sketch prepare` leaves it, of which held-out
photos are taken. Change the weights, look again.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image

from most_sketch.checkpoints.packaged import examples_folder
from most_sketch.drawing.sketcher import Sketcher
from most_sketch.errors import FaceError
from most_sketch.pairs.pairs import find_pairs, hold_out
from most_sketch.photo.images import IMAGE_SUFFIXES, encode_image, read_image, write_bytes
from most_sketch.training.sheets import contact_sheet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos_folder", type=Path, metavar="PHOTOS")
    parser.add_argument("out", type=Path)
    parser.add_argument("--weights", nargs="+", default=["most-net"])
    parser.add_argument("--style", nargs="+", help="(default: all that the weights have)")
    parser.add_argument("--photos", type=int, default=24)
    parser.add_argument("--across", type=int, default=2, help="photos side by side")
    parser.add_argument("--size", type=int, default=500, help="height of each picture")
    options = parser.parse_args()

    sketchers = [Sketcher.load(weights, "cpu") for weights in options.weights]
    rows = [
        [
            crop,
            *(
                sketcher.draw([crop], [sketcher.style_index(style)])[0]
                for sketcher in sketchers
                for style in sketcher.styles
                if options.style is None or style in options.style
            ),
        ]
        for crop in _crops(sketchers[0], _spread(_photos(options.photos_folder), options.photos), options.size)
    ]
    write_bytes(options.out, encode_image(contact_sheet(rows, options.across), options.out.suffix))


def _photos(folder: Path) -> list[Path]:
    """Held-out photos of a paired set, or all pictures of a folder."""
    if any(folder.rglob("photos")):
        return [pair.photo for pair in hold_out(find_pairs(folder))[1]]
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)


def _spread(paths: list[Path], count: int) -> list[Path]:
    count = min(count, len(paths))
    return [paths[place * len(paths) // count] for place in range(count)] + sorted(examples_folder().glob("*.jpg"))


def _crops(sketcher: Sketcher, paths: list[Path], size: int) -> list[Image.Image]:
    """The largest face of each photo in the frame; the photo as it is where there is none."""
    crops = []
    for path in paths:
        photo = read_image(path)
        try:
            crops.append(sketcher.crops(photo, size=size)[0].image)
        except FaceError:
            crops.append(sketcher.fit(photo, size).image)
    return crops


if __name__ == "__main__":
    main()

"""A sheet to judge styles by eye: held-out photos spread over a set, the example portraits, and what weights draw.

    python benchmarks/style_sheet.py PAIRS OUT.png [--weights NAME ...] [--style NAME ...] [--photos 24] [--across 2]

PAIRS are in the frame, as `most-sketch prepare` leaves them. The same photos each time: change the weights, look again.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from most_sketch.checkpoints.packaged import examples_folder
from most_sketch.drawing.sketcher import Sketcher
from most_sketch.pairs.pairs import find_pairs, hold_out, read_pair
from most_sketch.photo.images import encode_image, read_image, write_bytes
from most_sketch.training.sheets import contact_sheet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--weights", nargs="+", default=["most-net"])
    parser.add_argument("--style", nargs="+", help="(default: all that the weights have)")
    parser.add_argument("--photos", type=int, default=24)
    parser.add_argument("--across", type=int, default=2, help="photos side by side")
    options = parser.parse_args()

    sketchers = [Sketcher.load(weights, "cpu") for weights in options.weights]
    _, held_out = hold_out(find_pairs(options.pairs))
    spread = [held_out[place * len(held_out) // options.photos] for place in range(options.photos)]
    photos = [read_pair(pair)[0] for pair in spread]
    for example in sorted(examples_folder().glob("*.jpg")):
        photos.append(sketchers[0].crops(read_image(example))[0].image)
    rows = [
        [
            photo,
            *(
                sketcher.sketch(photo, style, align=False)
                for sketcher in sketchers
                for style in _styles(sketcher, options.style)
            ),
        ]
        for photo in photos
    ]
    write_bytes(options.out, encode_image(contact_sheet(rows, options.across), options.out.suffix))


def _styles(sketcher: Sketcher, wanted: list[str] | None) -> list[str]:
    return [style for style in sketcher.styles if wanted is None or style in wanted]


if __name__ == "__main__":
    main()

"""Pairs in a style that no artist has: drawings made over as white chalk on black, hatched where there is light.

    python benchmarks/chalk_pairs.py PAIRS OUT [--count 12]
    most-sketch teach OUT --name chalk -o chalk.safetensors --sheet chalk.png

What `teach` makes of them shows how far it goes from what the weights were trained on. PAIRS are pairs in the frame, as
`prepare` makes them, with masks where the photos' backgrounds are not white; so many of them, spread over the set.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from leave_one_out import spread
from most_sketch.training.restyle import Restyling, restyle

from most_sketch.pairs.mattes import load_matte
from most_sketch.pairs.pairs import find_pairs, load_pair
from most_sketch.photo.images import encode_image, to_image, write_bytes

CHALK = Restyling(lines=0.9, hatching=0.8, angle=60, pitch=7, width=1, ink=0.9, paper=-0.85)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=12)
    options = parser.parse_args()
    for pair in spread(find_pairs(options.pairs), options.count):
        photo, sketch = load_pair(pair)
        chalk = restyle(sketch[None], photo[None], load_matte(pair, photo)[None], CHALK)[0]
        for kind, picture in (("photos", photo), ("sketches", chalk)):
            write_bytes(
                options.out / pair.database / kind / f"{pair.photo.stem}.png", encode_image(to_image(picture), ".png")
            )


if __name__ == "__main__":
    main()

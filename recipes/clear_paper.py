"""Make the paper of drawings white beyond the person, by the masks of their photos: captions and edges of scans go.

    python recipes/clear_paper.py pairs/pencil/cuhk pairs/charcoal

For drawings that lie on their photos (`prepare --fit`). Each folder is a paired set in the frame. Drawings whose photo
has no mask stay as they are.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from most_sketch.pairs.pairs import find_pairs
from most_sketch.photo.images import encode_image, read_image, write_bytes

PERSON = 96
"""Bytes of a mask above this show the person."""
NEAR, SOFT = 12, 2.5
"""Pixels around the person that are kept, and over which what is further away fades."""


def cleared(drawing: Image.Image, mask: Image.Image) -> Image.Image:
    """A drawing (mode L) that is white further than `NEAR` from the person in a mask of the same size."""
    person = np.asarray(mask) > PERSON
    near = ndimage.gaussian_filter(ndimage.binary_dilation(person, iterations=NEAR).astype(np.float32), SOFT)
    ink = (255 - np.asarray(drawing, dtype=np.float32)) * np.minimum(1, 2 * near)
    return Image.fromarray((255 - ink).round().astype(np.uint8))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", type=Path, nargs="+")
    for root in parser.parse_args().pairs:
        for pair in find_pairs(root):
            if pair.mask is not None:
                drawing = cleared(read_image(pair.sketch).convert("L"), read_image(pair.mask).convert("L"))
                write_bytes(pair.sketch, encode_image(drawing, pair.sketch.suffix))

"""Make pairs of photos that no artist drew, by drawing the cut-out persons with a network.

    python recipes/drawn_pairs.py most-net-cufs pairs/outline pairs/ink pairs/graphite \\
        --attributes fs2k/attributes.json -o pairs/pencil/wild

With them `train --set 'drawn_by_network=["wild"]'` shows how a style draws photos in any setting. The photos need
masks. Held-out photos are left out, and smiles: the artists of CUFS never drew teeth. Sketches are enlarged to the
photos' size, and their paper is made white.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from clear_paper import NEAR, PERSON, cleared
from PIL import Image
from scipy import ndimage

from most_sketch.checkpoints.weights import load_weights
from most_sketch.pairs.pairs import find_pairs, hold_out
from most_sketch.photo.frame import FRAME_SIZE
from most_sketch.photo.images import encode_image, read_image, to_image, to_tensor, write_bytes


def on_white(sketch: Image.Image, mask: Image.Image) -> Image.Image:
    """A sketch (mode L) on white: its paper, as light as it is far from the person, and all that is drawn there."""
    grey = np.asarray(sketch, dtype=np.float32)
    far = ~ndimage.binary_dilation(np.asarray(mask) > PERSON, iterations=NEAR // 2)
    paper = min(250.0, float(np.median(grey[far]))) if far.any() else 250.0
    return cleared(Image.fromarray((grey * 255 / paper).clip(0, 255).round().astype(np.uint8)), mask)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights")
    parser.add_argument("pairs", type=Path, nargs="+")
    parser.add_argument("--attributes", type=Path, required=True, help="FS2K's; `smile` is 0 where somebody smiles")
    parser.add_argument("-o", "--out", type=Path, required=True)
    options = parser.parse_args()
    serious = {
        "-".join(Path(face["file"]).with_suffix("").parts[::2])
        for face in json.loads(options.attributes.read_bytes())
        if face["smile"]
    }
    generator = load_weights(options.weights)
    generator.warp = None
    for folder in ("photos", "sketches", "masks"):
        (options.out / folder).mkdir(parents=True, exist_ok=True)
    for root in options.pairs:
        for pair in hold_out(find_pairs(root))[0]:
            name = f"{pair.database}-{pair.photo.stem}"
            if pair.mask is None or name not in serious:
                continue
            photo, mask = read_image(pair.photo), read_image(pair.mask).convert("L")
            cut_out = Image.composite(photo, Image.new("RGB", photo.size, "white"), mask)
            small = to_tensor(cut_out.resize(FRAME_SIZE, Image.Resampling.LANCZOS))
            with torch.inference_mode():
                sketch = to_image(generator(small[None], torch.tensor([0]))[0])
            sketch = on_white(sketch.resize(photo.size, Image.Resampling.BICUBIC), mask)
            for folder, picture in (("photos", photo), ("masks", mask), ("sketches", sketch)):
                write_bytes(options.out / folder / f"{name}.png", encode_image(picture, ".png"))

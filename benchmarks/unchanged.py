"""Are the sketches those of the plain network: float32, torch's own instance normalisation, no channels_last?

    python benchmarks/unchanged.py --photos DIR [--count 10] [--weights NAME] [--precision auto]

Draws photos spread over those below DIR in every style, both ways, and prints by how many grey levels the sketches
differ (target: a mean below 1 for each).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from some_photos import photos_below
from torch import nn

from most_sketch.checkpoints.find import DEFAULT_WEIGHTS
from most_sketch.checkpoints.weights import load_weights
from most_sketch.drawing.sketcher import Sketcher
from most_sketch.network.layers import InstanceNorm
from most_sketch.photo.images import read_image, to_image, to_tensor

TARGET = 1.0


def plain(network: nn.Module) -> nn.Module:
    """The network with torch's own instance normalisation in place of ours."""
    for name, module in network.named_children():
        if isinstance(module, InstanceNorm):
            norm = nn.InstanceNorm2d(module.num_channels, affine=module.affine)
            norm.load_state_dict(module.state_dict())
            setattr(network, name, norm)
        else:
            plain(module)
    return network


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--weights", default=DEFAULT_WEIGHTS)
    parser.add_argument("--precision", default="auto")
    options = parser.parse_args()
    sketcher = Sketcher.load(options.weights, "cpu", options.precision)
    reference = plain(load_weights(options.weights))
    paths = photos_below(options.photos)
    means, largest = [], 0.0
    for path in paths[:: max(1, len(paths) // options.count)][: options.count]:
        (crop,) = sketcher.crops(read_image(path), framing="face")
        for style, sketch in enumerate(sketcher.draw([crop.drawn] * len(sketcher.styles), range(len(sketcher.styles)))):
            with torch.no_grad():
                drawn = reference(to_tensor(crop.drawn)[None], torch.tensor([style]))
            off = np.abs(levels(sketch) - levels(to_image(drawn[0])))
            means.append(float(off.mean()))
            largest = max(largest, float(off.max()))
    precision = str(sketcher.engine.dtype).removeprefix("torch.")
    sys.stdout.write(
        f"{options.weights}, {precision}: {len(means)} sketches of {options.count} "
        f"photos differ by {max(means):.4f} grey levels at most (below {TARGET}), a single pixel by {largest:.0f}\n"
    )
    return 0 if max(means) < TARGET else 1


def levels(sketch: Image.Image) -> np.ndarray:
    return np.asarray(sketch, dtype=float)


if __name__ == "__main__":
    sys.exit(main())

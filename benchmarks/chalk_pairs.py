"""Pairs in a style that no artist has: drawings made over as white chalk on black, hatched where there is light.

    python benchmarks/chalk_pairs.py PAIRS OUT [--count 12]
    most-sketch teach OUT --name chalk -o chalk.safetensors --sheet chalk.png

What `teach` makes of them shows how far it goes from what the weights were trained on. PAIRS are pairs in the frame, as
`prepare` makes them, with masks where the photos' backgrounds are not white; so many of them, spread over the set.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import torch
import torch.nn.functional as F
from leave_one_out import spread
from torch import Tensor
from torchvision.transforms.v2 import functional as TF

from most_sketch.pairs.mattes import load_matte
from most_sketch.pairs.pairs import find_pairs, load_pair
from most_sketch.photo.images import encode_image, to_image, write_bytes

LINES, HATCHING = 0.9, 0.8
"""Share of the drawing's tone that is taken away, so that lines are left; strength of the strokes over light."""
ANGLE, PITCH = 60.0, 7.0
"""Of those strokes: degrees, and pixels from one to the next."""
INK, PAPER = 0.9, -0.85
"""Their tones in [-1, 1]."""
LINE_WIDTH, SHADE = 4.0, 4.0
"""Pixels: lines stand out from a blur so wide; light is taken over so many, so that pores cast none."""
SHARPNESS = 16.0
"""Of the edge of the hatched area, in tones."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=12)
    options = parser.parse_args()
    for pair in spread(find_pairs(options.pairs), options.count):
        photo, sketch = load_pair(pair)
        chalk = in_chalk(sketch[None], photo[None], load_matte(pair, photo)[None])[0]
        for kind, picture in (("photos", photo), ("sketches", chalk)):
            write_bytes(
                options.out / pair.database / kind / f"{pair.photo.stem}.png", encode_image(to_image(picture), ".png")
            )


def in_chalk(sketch: Tensor, photo: Tensor, matte: Tensor) -> Tensor:
    """A drawing (B, 1, H, W) made over, with its photo (B, 3, H, W), both in [-1, 1], and matte (B, 1, H, W) in [0, 1].

    Lines are kept, widened by a pixel on either side; the light of the photo is hatched where the person is, if the
    background is known.
    """
    ink = (1 - sketch) / 2
    lines = (3 * (ink - blurred(ink, LINE_WIDTH))).clamp(0, 1)
    ink = widened(torch.lerp(ink, lines, LINES))
    known = (matte.amin(dim=(1, 2, 3), keepdim=True) < 0.5).to(matte)
    light = blurred((photo.mean(dim=1, keepdim=True) + 1) / 2, SHADE) * matte * known
    ink = 1 - (1 - ink) * (1 - HATCHING * hatched(light))
    return PAPER + (INK - PAPER) * ink.clamp(0, 1)


def hatched(light: Tensor) -> Tensor:
    """Parallel strokes over the light (B, 1, H, W) in [0, 1]: the lighter, the wider. Ink of the same shape."""
    height, width = light.shape[-2:]
    down, across = torch.arange(height, dtype=torch.float)[:, None], torch.arange(width, dtype=torch.float)[None]
    turn = math.radians(ANGLE)
    along, beside = across * math.cos(turn) + down * math.sin(turn), down * math.cos(turn) - across * math.sin(turn)
    # A hand is no ruler.
    bent = beside + 0.15 * PITCH * torch.sin(along / (5 * PITCH))
    wave = torch.cos(2 * math.pi * bent / PITCH)
    strokes = torch.sigmoid(6 * (wave - 0.6 + 0.8 * (light - 0.4).clamp(min=0)))
    return strokes * torch.sigmoid(SHARPNESS * (light - 0.4))


def blurred(picture: Tensor, pixels: float) -> Tensor:
    size = 2 * math.ceil(2.5 * pixels) + 1
    # `reflect`, as torchvision has it, needs more picture than it adds.
    padded = F.pad(picture, (size // 2,) * 4, mode="replicate")
    soft: Tensor = TF.gaussian_blur(padded, [size, size], [pixels, pixels])
    return soft[..., size // 2 : -(size // 2), size // 2 : -(size // 2)]


def widened(ink: Tensor) -> Tensor:
    """Strokes wider by a pixel on either side."""
    across = F.max_pool2d(ink, (1, 3), stride=1, padding=(0, 1))
    return torch.maximum(across, F.max_pool2d(ink, (3, 1), stride=1, padding=(1, 0)))


if __name__ == "__main__":
    main()

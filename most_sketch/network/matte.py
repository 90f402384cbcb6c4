"""Tell the person from the background, so that only the person is drawn. Beyond the paper."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from most_sketch.network.detail import STEM_PLACE
from most_sketch.network.encoder import Context

ALL_PERSON = 4.0
"""Logit everywhere before anything is learnt: the whole picture is drawn, as without a matte."""

PAPER, DRAWN = 0.5, 0.8
"""Where the matte is below the first, nothing is drawn; from the second on, everything is. Measured on 20 portraits:
.36 % of the ink lies beyond the person, with .4 and .75 .39 %; with .6 and .9 .30 %, and hats and dark clothes have
holes."""


class Matte(nn.Module):
    """How sure every place shows the person. Photo features (B, C, h, w) -> logits (B, 1, h, w)."""

    def __init__(self, channels: int, context_blocks: int = 0) -> None:
        super().__init__()
        self.hidden = nn.Conv2d(channels, channels // 2, 3, padding=1)
        self.context = Context(channels // 2, context_blocks) if context_blocks else nn.Identity()
        self.output = nn.Conv2d(channels // 2, 1, 1)
        nn.init.zeros_(self.output.weight)
        nn.init.constant_(self.output.get_parameter("bias"), ALL_PERSON)

    def forward(self, features: Tensor) -> Tensor:
        logits: Tensor = self.output(F.relu(self.context(self.hidden(features))))
        return logits


def cut_out(
    logits: Tensor, features: Tensor, style_map: Tensor, stem: tuple[Tensor, ...]
) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
    """Features without what they say of the background: each (B, C, k h, k w) times the matte.

    Logits (B, 1, h, w). A photo's detail is cut out as the stem's features of its place are. What is drawn does not
    teach the matte, which would let through whatever the sketches show.
    """
    matte = torch.sigmoid(logits.detach())
    first, *details = stem
    of_stem = F.interpolate(matte, first.shape[-2:], mode="bilinear")
    of_details = [detail * F.interpolate(of_stem, scale_factor=float(STEM_PLACE)) for detail in details]
    return features * matte, style_map * matte, (first * of_stem, *of_details)


def clear_paper(logits: Tensor, sketch: Tensor, paper: Tensor | float = 1.0) -> Tensor:
    """A sketch (B, 1, k h, k w) in [-1, 1] on paper that is wholly of its style's tone: white, or (B, 1, 1, 1) in
    [-1, 1]. Logits (B, 1, h, w)."""
    matte = F.interpolate(torch.sigmoid(logits), sketch.shape[-2:], mode="bilinear")
    # In the sketch's type: a tone is no reason to compute more exactly.
    paper = paper.to(sketch.dtype) if isinstance(paper, Tensor) else paper
    return paper - (paper - sketch) * ((matte - PAPER) / (DRAWN - PAPER)).clamp(0, 1)

"""Bend a photo to where an artist would draw what it shows, before the network draws it. Beyond the paper.

Some artists, or those who cut their scans, draw mouth and chin in one place, however long the face is. Convolutions
draw where the photo has its edges, and hardly learn that. This network sees the whole frame, and tells what is to move.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SEEN = (80, 64)
"""Height and width in pixels at which a photo is looked at for that."""
WIDTHS = (32, 64, 64, 64)
"""Channels after each convolution, which halve the resolution."""
HIDDEN = 128
KNOTS = (8, 6)
"""Places down and across that are moved each in its own way; between them it is smooth."""
FARTHEST = 0.1
"""By which a place can be moved, of half the frame's side: 10 pixels across and 12 down of 200 x 250."""


class Warp(nn.Module):
    """A spatial transformer (Jaderberg et al. 2015) of smooth bends, one for each of several databases (domains).

    Photo (B, 3, H, W) in [-1, 1], the whole frame -> bent photo. It begins as bending nothing. It is trained on
    landmarks before the rest (`training.warp_training`): from the losses of sketches it learnt nothing.
    """

    def __init__(self, domains: int) -> None:
        super().__init__()
        self.domains = domains
        self.layers = nn.ModuleList(
            nn.Conv2d(before, after, 3, 2, padding=1) for before, after in zip((3, *WIDTHS), WIDTHS, strict=False)
        )
        shrunk = 2 ** len(WIDTHS)
        self.hidden = nn.Linear(WIDTHS[-1] * (SEEN[0] // shrunk) * (SEEN[1] // shrunk), HIDDEN)
        self.offsets = nn.Linear(HIDDEN, domains * 2 * KNOTS[0] * KNOTS[1])
        self.domain_logits = nn.Linear(HIDDEN, domains + 1)
        for parameter in self.offsets.parameters():
            nn.init.zeros_(parameter)

    @property
    def begun(self) -> bool:
        """Does it bend anything yet?"""
        return bool(self.offsets.weight.any())

    def forward(self, photo: Tensor) -> Tensor:
        return self.bend(photo, photo)

    def bend(self, photo: Tensor, pictures: Tensor) -> Tensor:
        """Pictures (B, C, H, W) in [-1, 1] bent as the photo would be."""
        return bent(pictures, self.bends(photo))

    def bends(self, photo: Tensor) -> Tensor:
        """From where beside it each place of the bent photo comes, as `bent` takes it.

        The sum over the domains, each weighted by how likely the photo is of it.
        """
        offsets, domain_logits = self.predict(look(photo))
        likely = domain_logits.softmax(dim=1)[:, :-1]
        return spread_out((likely[..., None, None, None] * offsets).sum(dim=1), *photo.shape[-2:])

    def predict(self, seen: Tensor, dropout: float = 0.0) -> tuple[Tensor, Tensor]:
        """Photos (B, 3, *SEEN) -> the bends of each domain at the knots, (B, domains, 2, *KNOTS), and logits of the
        photo's domain, (B, domains + 1), the last for none of them."""
        for layer in self.layers:
            seen = F.relu(layer(seen))
        hidden = F.dropout(F.relu(self.hidden(F.dropout(seen.flatten(1), dropout))), dropout)
        offsets = FARTHEST * torch.tanh(self.offsets(hidden).float())
        return offsets.view(-1, self.domains, 2, *KNOTS), self.domain_logits(hidden).float()


def look(photo: Tensor) -> Tensor:
    """Photos (B, 3, H, W) as the warp sees them, (B, 3, *SEEN)."""
    return F.interpolate(photo, SEEN, mode="bilinear", antialias=True)


def spread_out(bends: Tensor, height: int, width: int) -> Tensor:
    """Bends at knots (B, 2, *KNOTS), from border to border, for so many places of the frame: (B, 2, H, W)."""
    return F.interpolate(bends, (height, width), mode="bicubic", align_corners=True)


def bent(pictures: Tensor, bends: Tensor) -> Tensor:
    """Pictures (B, C, H, W) in [-1, 1], each place taken from where the bends say, beyond the border mirrored.

    Bends (B, 2, H, W) say how far beside it that is, across and down, in halves of the frame's sides.
    """
    height, width = pictures.shape[-2:]
    down, across = ((2 * torch.arange(side, device=bends.device) + 1) / side - 1 for side in (height, width))
    frame = torch.stack([across.expand(height, width), down[:, None].expand(height, width)])
    places = (frame + bends).permute(0, 2, 3, 1)
    drawn = F.grid_sample(pictures.float(), places, mode="bicubic", padding_mode="reflection", align_corners=False)
    return drawn.clamp(-1, 1).to(pictures.dtype)

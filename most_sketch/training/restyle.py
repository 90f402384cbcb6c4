"""Styles that never were: the drawings of one set made over, all in the same way. What episodes learn from.

Drawings are (B, 1, H, W) in [-1, 1]. In between they are ink: (B, 1, H, W) in [0, 1], 0 is bare paper.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.transforms.v2 import functional as TF

LINE_WIDTH = 4.0
"""Pixels: a line stands out from its surroundings so far around it, tone does not."""
SHADE = 4.0
"""Pixels over which shades are taken: single strokes and pores cast none."""
SHARPNESS = 8.0
"""Of the edge of a hatched or washed shade, in tones: it changes within an eighth of the range."""
TONES = (0.45, 0.62, 0.8)
"""Of a shade, from where a wash is laid once, twice, three times: light skin stays bare."""


@dataclass(frozen=True)
class Restyling:
    """How drawings are made over. The defaults leave them as they are."""

    lines: float = 0.0
    """Share of the tone that is taken away, so that lines are left: 1 leaves nothing else."""
    wash: float = 0.0
    """Darkness of flat tones laid where the photo is dark."""
    hatching: float = 0.0
    """Darkness of parallel strokes laid where drawing or photo is dark."""
    angle: float = 45.0
    """Of those strokes, in degrees."""
    pitch: float = 6.0
    """Their distance in pixels."""
    crossed: bool = False
    """Cross them where it is darkest."""
    width: float = 0.0
    """Pixels by which strokes are widened on either side; below 0 made thinner."""
    charcoal: float = 0.0
    """How much is smudged, in [0, 1]."""
    smudge: float = 3.0
    """Pixels over which."""
    gamma: float = 1.0
    """Of the tone curve of the ink: above 1 pale tones go, below 1 they darken."""
    ink: float = -1.0
    """Tone of the ink, in [-1, 1]."""
    paper: float = 1.0
    """Tone of the paper, in [-1, 1]. Where it is darker than the ink, light is drawn instead of shade."""

    @property
    def white_on_black(self) -> bool:
        """Is the drawing lighter than its paper?"""
        return self.ink > self.paper


def draw_restyling(chance: torch.Generator) -> Restyling:
    """A manner of drawing at random: one to four effects, each with its strength, on one of three papers."""

    def between(low: float, high: float) -> float:
        return low + (high - low) * torch.rand((), generator=chance).item()

    def sometimes(share: float, low: float, high: float) -> float:
        happens = torch.rand((), generator=chance).item() < share
        strength = between(low, high)
        return strength if happens else 0.0

    paper_kind = between(0, 1)
    if paper_kind < 0.55:
        paper, ink = 1.0, between(-1, 0.1)
    elif paper_kind < 0.8:
        paper, ink = between(0.0, 0.8), between(-1, -0.6)
    else:
        paper, ink = between(-1, -0.6), between(0.6, 1)
    # Tones turned round are a negative, not a drawing: on black there are lines, and light.
    lines = between(0.5, 1) if ink > paper else sometimes(0.35, 0.6, 1)
    return Restyling(
        lines=lines,
        wash=sometimes(0.35, 0.3, 0.7),
        hatching=sometimes(0.35, 0.5, 1),
        angle=between(0, 180),
        pitch=between(4.5, 9),
        crossed=between(0, 1) < 0.4,
        # Chalk is broad, and a line of light is lost sooner than one of ink.
        width=sometimes(0.6, 0 if ink > paper else -0.8, 2),
        charcoal=sometimes(0.3, 0.4, 1),
        smudge=between(1.5, 4),
        gamma=math.exp(between(-0.5, 0.5)),
        ink=ink,
        paper=paper,
    )


def restyle(sketch: Tensor, photo: Tensor, matte: Tensor, how: Restyling) -> Tensor:
    """Make drawings over: sketch (B, 1, H, W), photo (B, 3, H, W) in [-1, 1] of the same places, matte (B, 1, H, W)
    in [0, 1] of the photo -> (B, 1, H, W) in [-1, 1]. Nothing is random here."""
    own = (1 - sketch) / 2
    shade = _shade(own, photo, matte, light=how.white_on_black)
    ink = own
    if how.lines:
        ink = torch.lerp(own, lines_of(own), how.lines)
    if how.width:
        ink = widen(ink, how.width)
    if how.wash:
        ink = _over(ink, how.wash * flat_tones(shade))
    if how.hatching:
        ink = _over(ink, how.hatching * hatch(shade, how.angle, how.pitch, how.crossed))
    if how.charcoal:
        ink = smear(ink, how.charcoal, how.smudge)
    if how.gamma != 1:
        ink = ink.clamp(0, 1) ** how.gamma
    return how.paper + (how.ink - how.paper) * ink.clamp(0, 1)


def lines_of(ink: Tensor) -> Tensor:
    """Of ink (B, 1, H, W) what is darker than its surroundings, darkened to full strength."""
    return (3 * (ink - _blurred(ink, LINE_WIDTH))).clamp(0, 1)


def widen(ink: Tensor, pixels: float) -> Tensor:
    """Make strokes wider by so many pixels on either side, or thinner if below 0: dilation or erosion of ink.

    Between whole pixels it is between their results.
    """
    if pixels < 0:
        return 1 - widen(1 - ink, -pixels)
    whole, rest = int(pixels), pixels - int(pixels)
    inner = _dilated(ink, whole)
    return torch.lerp(inner, _dilated(ink, whole + 1), rest) if rest else inner


def flat_tones(shade: Tensor) -> Tensor:
    """A shade (B, 1, H, W) in [0, 1] in few flat tones with soft edges, from 0 to 1."""
    return torch.stack([torch.sigmoid(4 * SHARPNESS * (shade - edge)) for edge in TONES]).mean(dim=0)


def hatch(shade: Tensor, angle: float, pitch: float, crossed: bool) -> Tensor:
    """Parallel strokes over a shade (B, 1, H, W) in [0, 1]: the darker, the wider. Ink of the same shape.

    At an angle in degrees, `pitch` pixels apart; `crossed` by others in the darkest places.
    """
    strokes = _strokes(shade, angle, pitch) * torch.sigmoid(SHARPNESS * 2 * (shade - 0.4))
    if crossed:
        more = _strokes(shade, angle + 70, pitch) * torch.sigmoid(SHARPNESS * 2 * (shade - 0.65))
        strokes = torch.maximum(strokes, more)
    return strokes


def smear(ink: Tensor, strength: float, pixels: float) -> Tensor:
    """Smudge ink over some pixels, as a thumb does charcoal: strokes lose their edges, and leave a tone around them."""
    smudged = (1.4 * _blurred(ink, pixels)).clamp(0, 1)
    soft = _blurred(ink, 1.0)
    return torch.lerp(ink, torch.maximum(smudged, 0.8 * soft), strength)


def _over(ink: Tensor, more: Tensor) -> Tensor:
    """Two layers of ink: each takes its share of the light that the other leaves."""
    return 1 - (1 - ink) * (1 - more)


def _strokes(shade: Tensor, angle: float, pitch: float) -> Tensor:
    height, width = shade.shape[-2:]
    down = torch.arange(height, device=shade.device, dtype=torch.float)[:, None]
    across = torch.arange(width, device=shade.device, dtype=torch.float)[None]
    turn = math.radians(angle)
    along, beside = across * math.cos(turn) + down * math.sin(turn), down * math.cos(turn) - across * math.sin(turn)
    # A hand is no ruler.
    bent = beside + 0.15 * pitch * torch.sin(along / (5 * pitch))
    wave = torch.cos(2 * math.pi * bent / pitch)
    return torch.sigmoid(6 * (wave - 0.6 + 0.8 * (shade - 0.4).clamp(min=0)))


def _shade(ink: Tensor, photo: Tensor, matte: Tensor, light: bool) -> Tensor:
    """How dark drawing or photo are around every place of the person, or how light the photo is, in [0, 1]."""
    grey = _blurred((photo.mean(dim=1, keepdim=True) + 1) / 2, SHADE)
    if light:
        # Where no background is known, light would be laid over all of it.
        known = (matte.amin(dim=(1, 2, 3), keepdim=True) < 0.5).to(matte)
        return grey * matte * known
    return torch.maximum(_blurred(ink, SHADE), (1 - grey) * matte)


def _blurred(picture: Tensor, pixels: float) -> Tensor:
    size = 2 * math.ceil(2.5 * pixels) + 1
    # `reflect`, as torchvision has it, needs more picture than it adds.
    padded = F.pad(picture, (size // 2,) * 4, mode="replicate")
    blurred: Tensor = TF.gaussian_blur(padded, [size, size], [pixels, pixels])
    return blurred[..., size // 2 : -(size // 2), size // 2 : -(size // 2)]


def _dilated(ink: Tensor, pixels: int) -> Tensor:
    """The darkest within so many pixels, across and down together."""
    for _ in range(pixels):
        across = F.max_pool2d(ink, (1, 3), stride=1, padding=(0, 1))
        ink = torch.maximum(across, F.max_pool2d(ink, (3, 1), stride=1, padding=(1, 0)))
    return ink

"""What the generator minimises: the terms of the full objective, each by the name of its weight. Paper: Eq. 16."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from most_sketch.device import to_device
from most_sketch.training import losses
from most_sketch.training.augmentation import start_of_square
from most_sketch.training.config import TrainConfig
from most_sketch.training.perceptual import Pools


@dataclass(frozen=True)
class ScaleGroup:
    """Samples of a batch whose losses are computed at one resolution. All pictures are in [-1, 1]."""

    photo: Tensor
    """(B, 3, H, W), what the discriminator may see of it."""
    sketch: Tensor
    target: Tensor
    """Both (B, 1, H, W)."""
    style: Tensor
    """(B,), of the sketch."""
    has_target: Tensor
    """(B,), is the sketch drawn in the target's style? On the host."""
    weight: float
    """Share of the batch that these samples are."""
    paired_weight: float
    """Share that they are of those samples of the batch that have a target."""

    def paired(self, pictures: Tensor) -> Tensor:
        """Those of the group's pictures or features (B, ...) whose sketch is drawn in the target's style."""
        return _chosen(pictures, self.has_target)


def scale_groups(
    reduce: Sequence[int] | Tensor,
    photo: Tensor,
    sketch: Tensor,
    target: Tensor,
    style: Tensor,
    has_target: Tensor,
    chosen: Tensor | None = None,
) -> list[ScaleGroup]:
    """Group a batch by the resolution at which the losses of each sample are computed, and bring it there.

    `reduce` says for each sample how many times smaller that is. With `chosen` (B,) only those samples are grouped.
    It, `reduce`, `style` and `has_target` are on the host, which knows without waiting what a group consists of.
    """
    factors = torch.as_tensor(reduce)
    groups = []
    for factor in sorted(set(factors.tolist())):
        here = factors == factor if chosen is None else (factors == factor) & chosen
        if not here.any():
            continue
        pictures = (_chosen(picture, here) for picture in (photo, sketch, target))
        seen, drawn, wanted = (picture if factor == 1 else F.avg_pool2d(picture, factor) for picture in pictures)
        weight, paired_weight = (part.float().mean().item() for part in (here, here[has_target]))
        styles = to_device(style[here], photo.device)
        groups.append(ScaleGroup(seen, drawn, wanted, styles, has_target[here], weight, paired_weight))
    return groups


def _chosen(pictures: Tensor, chosen: Tensor) -> Tensor:
    """Some samples of (B, ...), as `chosen` (B,) on the host says. A mask on a GPU would have to be read back."""
    if chosen.all():
        return pictures
    return pictures[to_device(chosen.nonzero()[:, 0], pictures.device)]


class Objective:
    """The terms that `losses` defines, of a batch that was drawn. The discriminator and the backbone do not learn here.

    Every term is the mean over the batch, whatever the resolutions of its groups.
    """

    def __init__(
        self,
        config: TrainConfig,
        discriminator: Callable[[Tensor, Tensor, Tensor], Tensor],
        perceive: Callable[[Tensor], Pools] | None,
        autocast: Callable[[], torch.autocast],
    ) -> None:
        self.config = config
        self.discriminator = discriminator
        self.perceive = perceive
        self.autocast = autocast
        self.gan_loss = losses.gan_loss(config.least_squares)

    def terms(self, groups: Sequence[ScaleGroup], rng: torch.Generator) -> dict[str, Tensor]:
        """The terms of a batch. `rng` places the crop of the VGG losses and gives the noise of `losses.fsim_loss`."""
        return _sums(self._terms(group, rng) for group in groups)

    def total(self, terms: Mapping[str, Tensor]) -> Tensor:
        """The sum of the terms, each with its weight. Paper: Eq. 16."""
        return torch.stack([getattr(self.config.losses, name) * term for name, term in terms.items()]).sum()

    def _terms(self, group: ScaleGroup, rng: torch.Generator) -> dict[str, Tensor]:
        """A group's part of the terms."""
        with self.autocast():
            logits = self.discriminator(group.photo, group.sketch, group.style)
        terms = {"adversarial": group.weight * self.gan_loss.generator_loss(logits.float())}
        if group.paired_weight:
            sketch, target = group.paired(group.sketch), group.paired(group.target)
            terms["reconstruction"] = group.paired_weight * losses.reconstruction(sketch, target)
            if self.config.losses.ssim:
                terms["ssim"] = group.paired_weight * losses.ssim_loss(sketch, target)
            if self.config.losses.fsim:
                terms["fsim"] = group.paired_weight * losses.fsim_loss(sketch, target, rng)
        return terms | self._perceptual_terms(group, rng)

    def _perceptual_terms(self, group: ScaleGroup, rng: torch.Generator) -> dict[str, Tensor]:
        """Style and structure loss of the sketches drawn in their own style, content loss of all of them."""
        if self.perceive is None:
            return {}
        sketch, target = group.sketch, group.target
        if side := self.config.perceptual_crop:
            height, width = target.shape[-2:]
            down, across = torch.rand(2, generator=rng).tolist()
            top, left = start_of_square(height, side, down), start_of_square(width, side, across)
            sketch, target = (image[..., top : top + side, left : left + side] for image in (sketch, target))
        with self.autocast():
            with torch.no_grad():
                theirs = Pools(*(layer.float() for layer in self.perceive(target)))
            ours = Pools(*(layer.float() for layer in self.perceive(sketch)))
        terms = {"content": group.weight * losses.content(ours.pool4, theirs.pool4)}
        if group.paired_weight:
            textures = ([group.paired(layer) for layer in layers[:2]] for layers in (ours, theirs))
            terms["style"] = group.paired_weight * losses.style(*textures)
            if self.config.losses.structure:
                terms["structure"] = group.paired_weight * losses.structure(
                    *map(group.paired, (ours.pool3, theirs.pool3))
                )
        return terms


def _sums(parts: Iterable[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Add up the parts of all groups of a batch."""
    terms: dict[str, Tensor] = {}
    for part in parts:
        for name, term in part.items():
            terms[name] = terms[name] + term if name in terms else term
    return terms

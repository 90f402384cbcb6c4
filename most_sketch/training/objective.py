"""What the generator minimises: the terms of the full objective, each by the name of its weight. Paper: Eq. 16."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from most_sketch.training import losses
from most_sketch.training.architectures import Drawing
from most_sketch.training.config import TrainConfig


class Objective:
    """The terms that `losses` defines, of a batch that was drawn; the `judge` and the eye of `perceive` stand still."""

    def __init__(
        self,
        config: TrainConfig,
        judge: Callable[[Tensor, Tensor, Tensor], list[Tensor]],
        perceive: Callable[[Tensor], Sequence[Tensor]] | None,
        autocast: Callable[[], torch.autocast],
    ) -> None:
        self.config = config
        self.judge = judge
        self.perceive = perceive
        self.autocast = autocast

    def terms(
        self,
        drawing: Drawing,
        photo: Tensor,
        seen: Tensor,
        target: Tensor,
        style: Tensor,
        drawn: Tensor,
        chance: torch.Generator,
    ) -> dict[str, Tensor]:
        """The terms of a drawing in the styles `drawn` (B,) of photo (B, 3, H, W), whose target (B, 1, H, W) is of
        style (B,). `seen` (B, 3, H, W) is what the judge may see of the photo; `chance` places the VGG losses' crop.
        """
        sketch, own = drawing.sketch, drawn == style
        with self.autocast():
            *features, fake = self.judge(seen, sketch, drawn)
        return {
            "adversarial": losses.adversarial_generator(fake.float()),
            "reconstruction": losses.reconstruction(sketch[own], target[own]),
            **self._feature_terms(features, photo, target, style, own),
            **drawing.terms,
            **self._perceptual_terms(sketch, target, own, chance),
        }

    def total(self, terms: Mapping[str, Tensor]) -> Tensor:
        """The sum of the terms, each with its weight. Paper: Eq. 16."""
        return torch.stack([getattr(self.config.losses, name) * term for name, term in terms.items()]).sum()

    def _feature_terms(
        self, features: Sequence[Tensor], photo: Tensor, target: Tensor, style: Tensor, own: Tensor
    ) -> dict[str, Tensor]:
        """Feature matching of the sketches drawn in their `own` style (B,)."""
        if not self.config.losses.feature_matching:
            return {}
        with torch.no_grad(), self.autocast():
            *wanted, _ = self.judge(photo[own], target[own], style[own])
        ours, theirs = [layer[own].float() for layer in features], [layer.float() for layer in wanted]
        return {"feature_matching": losses.feature_matching(ours, theirs)}

    def _perceptual_terms(
        self, sketch: Tensor, target: Tensor, own: Tensor, chance: torch.Generator
    ) -> dict[str, Tensor]:
        """Style loss of the sketches drawn in their `own` style (B,), content loss of all of them."""
        if self.perceive is None:
            return {}
        if side := self.config.perceptual_crop:
            height, width = target.shape[-2:]
            draw = torch.rand(2, generator=chance).tolist()
            top, left = (
                int(part * (max(size - side, 0) + 1)) for part, size in zip(draw, (height, width), strict=True)
            )
            sketch, target = (image[..., top : top + side, left : left + side] for image in (sketch, target))
        with self.autocast():
            with torch.no_grad():
                theirs = [layer.float() for layer in self.perceive(target)]
            ours = [layer.float() for layer in self.perceive(sketch)]
        textures = ([layer[own] for layer in layers[:2]] for layers in (ours, theirs))
        return {"style": losses.style(*textures), "content": losses.content(ours[2], theirs[2])}

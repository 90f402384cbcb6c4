"""What the generator minimises: the terms of the full objective, each by the name of its weight. Paper: Eq. 16."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from most_sketch.training import losses
from most_sketch.training.config import TrainConfig
from most_sketch.training.perceptual import Pools
from most_sketch.training.squares import start_of_square
from most_sketch.training.style_memory import difference


@dataclass(frozen=True)
class View:
    """Samples of a batch that are judged at one size; all pictures in [-1, 1]."""

    photo: Tensor
    """(B, 3, H, W), what the judge may see of it."""
    sketch: Tensor
    target: Tensor
    """Both (B, 1, H, W)."""
    style: Tensor
    """(B,), of the sketch."""
    own: Tensor
    """(B,), is it that of the target?"""
    share: float
    """Of all samples of the batch."""
    own_share: float
    """Of those drawn in their own style."""


def views_of(
    reduce: Sequence[int], photo: Tensor, sketch: Tensor, target: Tensor, style: Tensor, own: Tensor
) -> list[View]:
    """A batch as it is judged: the samples whose style is judged at one size together, at that size.

    `reduce` says how many times smaller that is for each style.
    """
    factors = torch.tensor([reduce[index] for index in style.tolist()], device=style.device)
    views = []
    for factor in sorted(set(factors.tolist())):
        chosen = factors == factor
        seen, drawn, wanted = (F.avg_pool2d(picture[chosen], factor) for picture in (photo, sketch, target))
        share, own_share = (part.float().mean().item() for part in (chosen, chosen[own]))
        views.append(View(seen, drawn, wanted, style[chosen], own[chosen], share, own_share))
    return views


class Objective:
    """The terms that `losses` defines, of a batch that was drawn; the `judge` and the eye of `perceive` stand still.

    Every term is the mean over the batch, whatever the sizes of its views.
    """

    def __init__(
        self,
        config: TrainConfig,
        judge: Callable[[Tensor, Tensor, Tensor], list[Tensor]],
        perceive: Callable[[Tensor], Pools] | None,
        autocast: Callable[[], torch.autocast],
    ) -> None:
        self.config = config
        self.judge = judge
        self.perceive = perceive
        self.autocast = autocast
        self.game = losses.game(config.least_squares)

    def terms(self, views: Sequence[View], chance: torch.Generator) -> dict[str, Tensor]:
        """The terms of a batch; `chance` places the crop of the VGG losses, and roughens what FSIM sees."""
        return _sums(self._terms(view, chance) for view in views)

    def episode_terms(self, views: Sequence[View], chance: torch.Generator) -> dict[str, Tensor]:
        """The terms of a batch in a style that no judge knows: what `teach` learns by.

        L1 alone would blur strokes whose places nobody can foretell, and there is no judge to keep them.
        """
        return _sums(
            {
                "reconstruction": view.own_share
                * (losses.reconstruction(view.sketch, view.target) + difference(view.sketch, view.target))
            }
            | self._perceptual_terms(view, chance)
            for view in views
        )

    def total(self, terms: Mapping[str, Tensor]) -> Tensor:
        """The sum of the terms, each with its weight. Paper: Eq. 16."""
        return torch.stack([getattr(self.config.losses, name) * term for name, term in terms.items()]).sum()

    def _terms(self, view: View, chance: torch.Generator) -> dict[str, Tensor]:
        """A view's part of the terms."""
        own = view.own
        with self.autocast():
            *features, fake = self.judge(view.photo, view.sketch, view.style)
        terms = {"adversarial": view.share * self.game.flatter(fake.float())}
        if view.own_share:
            terms["reconstruction"] = view.own_share * losses.reconstruction(view.sketch[own], view.target[own])
            if self.config.losses.ssim:
                terms["ssim"] = view.own_share * losses.dissimilarity(view.sketch[own], view.target[own])
            if self.config.losses.fsim:
                alike = losses.feature_dissimilarity(view.sketch[own], view.target[own], chance)
                terms["fsim"] = view.own_share * alike
            if self.config.losses.feature_matching:
                terms["feature_matching"] = view.own_share * self._feature_matching(features, view)
        return terms | self._perceptual_terms(view, chance)

    def _feature_matching(self, features: Sequence[Tensor], view: View) -> Tensor:
        """Of the discriminator's features of the sketches drawn in their own style."""
        with torch.no_grad(), self.autocast():
            *wanted, _ = self.judge(view.photo[view.own], view.target[view.own], view.style[view.own])
        ours, theirs = [layer[view.own].float() for layer in features], [layer.float() for layer in wanted]
        return losses.feature_matching(ours, theirs)

    def _perceptual_terms(self, view: View, chance: torch.Generator) -> dict[str, Tensor]:
        """Style and structure loss of the sketches drawn in their own style, content loss of all of them."""
        if self.perceive is None:
            return {}
        sketch, target = view.sketch, view.target
        if side := self.config.perceptual_crop:
            height, width = target.shape[-2:]
            draw = torch.rand(2, generator=chance).tolist()
            top, left = start_of_square(height, side, draw[0]), start_of_square(width, side, draw[1])
            sketch, target = (image[..., top : top + side, left : left + side] for image in (sketch, target))
        with self.autocast():
            with torch.no_grad():
                theirs = Pools(*(layer.float() for layer in self.perceive(target)))
            ours = Pools(*(layer.float() for layer in self.perceive(sketch)))
        terms = {"content": view.share * losses.content(ours.pool4, theirs.pool4)}
        if view.own_share:
            textures = ([layer[view.own] for layer in layers[:2]] for layers in (ours, theirs))
            terms["style"] = view.own_share * losses.style(*textures)
            if self.config.losses.structure:
                terms["structure"] = view.own_share * losses.structure(ours.pool3[view.own], theirs.pool3[view.own])
        return terms


def _sums(parts: Iterable[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Terms of all views of a batch, of every view's part of them."""
    terms: dict[str, Tensor] = {}
    for part in parts:
        for name, term in part.items():
            terms[name] = terms[name] + term if name in terms else term
    return terms

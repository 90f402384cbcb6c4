"""LoRA for a renderer: low-rank changes of its convolutions, full changes of its vectors.

A taught style has such a change beside its memory. Beyond the paper. Reference: Hu et al. 2021.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from most_sketch.network.generator import Renderer

UP, DOWN = ".up", ".down"
"""Ends of the names of a convolution's two factors: `injection.0.conv1.weight.up`."""
FACTORS = "parametrizations.weight.0"
"""What torch calls them."""


class LoRA(nn.Module):
    """Add a product of two factors to a convolution's weight: (O, I, h, w) -> the same.

    `up` (O, R) begins as zeros, so that nothing is changed yet. `down` (R, I h w) begins at random.
    """

    def __init__(self, weight: Tensor, rank: int) -> None:
        super().__init__()
        outputs, inputs = weight.shape[0], weight[0].numel()
        rank = min(rank, outputs, inputs)
        self.up = nn.Parameter(weight.new_zeros(outputs, rank))
        self.down = nn.Parameter(torch.randn(rank, inputs).to(weight) * inputs**-0.5)

    def forward(self, weight: Tensor) -> Tensor:
        return weight + (self.up @ self.down).view_as(weight)


def changeable(renderer: Renderer, rank: int) -> Renderer:
    """A copy of a renderer in which only factors of this rank and vectors are trainable."""
    copy = deepcopy(renderer).requires_grad_(False)
    for parameter in copy.parameters():
        parameter.requires_grad_(parameter.dim() == 1)
    for module in list(copy.modules()):
        if isinstance(module, nn.Conv2d):
            parametrize.register_parametrization(module, "weight", LoRA(module.weight, rank))
    return copy


@torch.no_grad()
def change_of(renderer: Renderer, before: Renderer) -> dict[str, Tensor]:
    """What was learnt in a renderer that `changeable` made of another: factors, and differences of vectors."""
    change = {}
    theirs = dict(before.named_parameters())
    for name, parameter in renderer.named_parameters():
        if parameter.dim() == 1:
            change[name] = parameter - theirs[name]
        elif FACTORS in name:
            change[name.replace(FACTORS, "weight")] = parameter.clone()
    return change


@torch.no_grad()
def changed(renderer: Renderer, change: Mapping[str, Tensor]) -> Renderer:
    """A copy of a renderer with a change. Raises `ValueError` for a change of another renderer."""
    copy, rest = deepcopy(renderer), dict(change)
    for name, parameter in copy.named_parameters():
        if {name + UP, name + DOWN} <= rest.keys():
            up, down = rest.pop(name + UP), rest.pop(name + DOWN)
            # Compared before they are multiplied: factors of a hostile file could make a product of any size.
            if up.dim() != 2 or (len(up), down.shape) != (len(parameter), (up.shape[1], parameter[0].numel())):
                raise ValueError(f"{name} has another shape")
            parameter.add_((up @ down).view_as(parameter))
        elif name in rest:
            more = rest.pop(name)
            if more.shape != parameter.shape:
                raise ValueError(f"{name} has another shape")
            parameter.add_(more)
    if rest:
        raise ValueError(f"there is no {min(rest)}")
    return copy

"""What turns gradients into steps: Adam, as in the paper, or Muon for the convolutions and Adam for all else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn

from most_sketch.errors import InputError
from most_sketch.training.config import TrainConfig


class Optimiser(Protocol):
    """As much of `torch.optim.Optimizer` as a training step needs."""

    @property
    def param_groups(self) -> list[dict[str, Any]]: ...
    def zero_grad(self, set_to_none: bool = True) -> None: ...
    def step(self) -> object: ...
    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state_dict: dict[str, Any], /) -> None: ...


def generator_optimiser(model: nn.Module, config: TrainConfig) -> Optimiser:
    """What the model learns by: all of its parameters, which must be where they are to stay.

    Raises `InputError` for Muon with a torch that has none.
    """
    if config.muon:
        if not hasattr(torch.optim, "Muon"):
            raise InputError(f"muon needs torch 2.9 or newer, and this is {torch.__version__}")
        return MuonAndAdam(model, config.generator_rate, config.betas)
    return cast(Optimiser, torch.optim.Adam(model.parameters(), config.generator_rate, config.betas))


class MuonAndAdam:
    """Muon for the kernels of inner convolutions, Adam for first and last ones, vectors and all else.

    Muon makes the singular values of each step of a kernel, as a matrix of outputs by inputs, equal: directions that
    few gradients speak of are learnt as fast as the others. Its steps are as long as Adam's of the same rate (Liu et
    al. 2025). Departure: the paper has Adam alone. Reference: Jordan et al. 2024, as in `torch.optim.Muon`.

    Raises `ValueError` for kernels in another format than channels_last.
    """

    def __init__(self, network: nn.Module, rate: float, betas: tuple[float, float]) -> None:
        parameters = list(network.parameters())
        self._kernels = [parameter for parameter in parameters if _is_inner(parameter)]
        # Muon takes matrices only: these share the kernels' memory.
        self._matrices = [nn.Parameter(_as_matrix(kernel.data)) for kernel in self._kernels]
        if any(one.data_ptr() != other.data_ptr() for one, other in zip(self._matrices, self._kernels, strict=True)):
            raise ValueError("the kernels must be in the channels_last format")
        others = [parameter for parameter in parameters if not _is_inner(parameter)]
        muon = torch.optim.Muon(self._matrices, rate, weight_decay=0.0, adjust_lr_fn="match_rms_adamw")
        self._muon = cast(Optimiser, muon)
        self._adam = torch.optim.Adam(others, rate, betas)

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        return [*self._muon.param_groups, *self._adam.param_groups]

    def zero_grad(self, set_to_none: bool = True) -> None:
        for kernel in self._kernels:
            kernel.grad = None
        self._adam.zero_grad(set_to_none)

    def step(self) -> None:
        for matrix, kernel in zip(self._matrices, self._kernels, strict=True):
            matrix.grad = None if kernel.grad is None else _as_matrix(kernel.grad)
        self._muon.step()
        self._adam.step()

    def state_dict(self) -> dict[str, Any]:
        return {"muon": self._muon.state_dict(), "adam": self._adam.state_dict()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        self._muon.load_state_dict(state_dict["muon"])
        self._adam.load_state_dict(state_dict["adam"])


def _is_inner(parameter: Tensor) -> bool:
    """Is it the kernel of a convolution between features? Those of pictures have at most three channels at one end."""
    return parameter.ndim == 4 and min(parameter.shape[:2]) > 3


def _as_matrix(kernel: Tensor) -> Tensor:
    """(O, I, h, w) -> (O, h * w * I), in the same memory if that is in the channels_last format."""
    return kernel.permute(0, 2, 3, 1).reshape(len(kernel), -1)

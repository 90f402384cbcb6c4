"""Training on several processes, as `torchrun` starts them. With one process nothing here does anything.

Every process, or rank, draws its share of each batch; DistributedDataParallel averages the gradients, and the
memory's votes and sums are added up, so that all ranks hold the same networks and the same memory.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from most_sketch.errors import MostSketchError

TIME_OUT = timedelta(minutes=30)
"""For which the others wait for a rank; the first has the validation to do."""


@contextmanager
def process_group(device: torch.device) -> Iterator[torch.device]:
    """Join the processes that `torchrun` started, if it did; gives this process's own device."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield device
        return
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=TIME_OUT)
    try:
        yield device
    finally:
        distributed.destroy_process_group()


def ranks() -> int:
    """How many processes there are."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def rank() -> int:
    """Which of them this is, from 0. Files, scores and messages are the first's."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def spread(module: nn.Module) -> Any:
    """The module with gradients that are averaged over all ranks. Its buffers stay each rank's own."""
    return DistributedDataParallel(module, broadcast_buffers=False) if ranks() > 1 else module


def add_up_(tensor: Tensor) -> Tensor:
    """The sum over all ranks, in place."""
    if ranks() > 1:
        distributed.all_reduce(tensor)
    return tensor


def whole_batch(share: Tensor) -> Tensor:
    """What all ranks hold of a batch, (B, ...) each -> (ranks * B, ...), in the order in which one rank has it."""
    if ranks() == 1:
        return share
    shares = [torch.empty_like(share) for _ in range(ranks())]
    distributed.all_gather(shares, share.contiguous())
    # Rank r has the samples r, r + ranks, r + 2 * ranks, ... of the batch, see `StyleSampler`.
    return torch.stack(shares, dim=1).flatten(0, 1)


def rows_of_batch(share: Tensor, places: Tensor) -> Tensor:
    """The features at some places of the whole batch, the same on all ranks. (B, N, C), (...) -> (..., C).

    `share` is this rank's part of the batch; places are counted through all of it, N in each sample. Only what is
    asked for travels between ranks.
    """
    sample, place = places // share.shape[1], places % share.shape[1]
    rows = share[sample // ranks(), place]
    return add_up_(rows * (sample % ranks() == rank())[..., None]) if ranks() > 1 else rows


def average(figures: Mapping[str, Tensor]) -> dict[str, float]:
    """The mean of figures over all ranks, read from the device at once.

    Sorted by name: the order in which they were computed may differ from rank to rank.
    """
    if not figures:
        return {}
    names = sorted(figures)
    values = add_up_(torch.stack([figures[name].detach().float() for name in names])) / ranks()
    return dict(zip(names, values.tolist(), strict=True))


def anywhere(flag: bool, device: torch.device) -> bool:
    """Is it so on any rank? All of them learn the same."""
    return bool(add_up_(torch.tensor(float(flag), device=device))) if ranks() > 1 else flag


def from_the_first(module: nn.Module) -> None:
    """Give all ranks the first one's tensors of a module, in place."""
    if ranks() > 1:
        for tensor in module.state_dict().values():
            distributed.broadcast(tensor, 0)


def first_does(action: Callable[[], None]) -> None:
    """Have the first rank do something. What goes wrong there, and is the input's fault, is raised on all ranks."""
    error: MostSketchError | None = None
    if rank() == 0:
        try:
            action()
        except MostSketchError as raised:
            error = raised
    if ranks() > 1:
        told = [error]
        distributed.broadcast_object_list(told, 0)
        error = told[0]
    if error is not None:
        raise error


def wait_for_all() -> None:
    """Go on when every rank has come here."""
    if ranks() > 1:
        distributed.barrier()

"""Where to compute: the one place that decides what `auto` means. How precisely is `network/precision.py`'s."""

from __future__ import annotations

import ctypes
import sys

import torch

from most_sketch.errors import InputError


def resolve_device(name: str) -> torch.device:
    """`auto` (CUDA where there is one, else MPS, else CPU), `cpu`, `cuda`, `cuda:N` or `mps`. Raises `InputError`."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InputError(f"unknown device {name!r}; use auto, cpu, cuda or mps") from error
    if device.type not in ("cpu", "cuda", "mps"):
        raise InputError(f"device {name!r} is not supported; use auto, cpu, cuda or mps")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise InputError("no CUDA device is available here; use device='cpu'")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise InputError(f"no device {name!r}: there are {torch.cuda.device_count()} CUDA devices, counted from 0")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise InputError("no MPS device is available here; use device='cpu'")
    return device


def to_device(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """A tensor of the host on the device. A GPU is not waited for: the host goes on while it copies."""
    pinned = tensor.pin_memory() if device.type == "cuda" and not tensor.is_pinned() else tensor
    return pinned.to(device, non_blocking=True)


M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Of glibc's malloc.h."""
KEPT = 1 << 30
"""Bytes of one tensor, and of all that is free at the end of the heap."""


def keep_freed_memory() -> None:
    """Let this process reuse the memory of large tensors that were freed, instead of giving it back each time.

    Linux clears what is asked for anew, page by page, which is a fifth of the time of a drawing on a CPU. The peak
    stays what it is. Does nothing where the C library is not glibc.
    """
    if sys.platform != "linux":
        return
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:
        set_option(M_MMAP_THRESHOLD, KEPT)
        set_option(M_TRIM_THRESHOLD, KEPT)

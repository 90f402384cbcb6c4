"""How precisely to compute. Drawing is in float32 unless another is asked for; for training a measurement decides."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from most_sketch.errors import InputError
from most_sketch.machine import cache_folder, processor
from most_sketch.network.layers import ResidualBlock
from most_sketch.photo.images import write_bytes

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}

CHANNELS, SIDE, ROUNDS = 64, 64, 3
"""Of what is measured: a block of the network, some milliseconds long, so many times in each precision."""

WORTH = 0.9
"""bfloat16 is taken where it needs at most this share of float32's time: for less no picture is to change."""

TRAINING = "training"
"""What the measurement is of, in the file that keeps it."""


@dataclass(frozen=True)
class Timings:
    """Seconds that a small block took on this machine."""

    float32: float
    bfloat16: float

    @property
    def faster(self) -> torch.dtype:
        return torch.bfloat16 if self.bfloat16 <= WORTH * self.float32 else torch.float32


@dataclass(frozen=True)
class Precision:
    """What is computed in, and why."""

    dtype: torch.dtype = torch.float32
    timings: Timings | None = None
    """None where nothing was measured."""


def drawing_precision(name: str) -> torch.dtype:
    """`fp32`, `bf16`, or `auto`, which is float32: a photo gives the same sketch alone and among many, on any machine.

    Raises `InputError`.
    """
    return torch.float32 if name == "auto" else _asked(name)


def choose_precision(name: str, device: torch.device) -> Precision:
    """For training: `fp32`, `bf16`, or `auto`: what is faster on a CPU, bfloat16 on GPUs that have it.

    Raises `InputError`.
    """
    if name != "auto":
        return Precision(_asked(name))
    if device.type == "cpu":
        timings = remembered()
        if timings is None:
            timings = measure()
            remember(timings)
        return Precision(timings.faster, timings)
    fast = device.type == "cuda" and torch.cuda.get_device_capability(device)[0] >= 8
    return Precision(torch.bfloat16 if fast else torch.float32)


def _asked(name: str) -> torch.dtype:
    if name not in DTYPES:
        raise InputError(f"unknown precision {name!r}; use auto, fp32 or bf16")
    return DTYPES[name]


def autocast(device: torch.device, dtype: torch.dtype) -> torch.autocast:
    """Compute in this precision while the context lasts; float32 is no cast at all."""
    return torch.autocast(device.type, dtype, enabled=dtype is not torch.float32)


def measure() -> Timings:
    """Time a block of the network on the CPU, forward and backward."""
    # Whoever seeds torch afterwards or before finds its random numbers as they were.
    with torch.random.fork_rng(devices=[]):
        block = ResidualBlock(CHANNELS, CHANNELS).to(memory_format=torch.channels_last)
        features = torch.randn(1, CHANNELS, SIDE, SIDE).to(memory_format=torch.channels_last)
    features.requires_grad_()

    def seconds(dtype: torch.dtype) -> float:
        start = time.perf_counter()
        with torch.enable_grad():
            with autocast(features.device, dtype):
                computed = block(features)
            computed.float().sum().backward()
        return time.perf_counter() - start

    # In turn, and the shortest of each: so other work on the machine favours none. The first round makes the kernels.
    rounds = [[seconds(dtype) for dtype in DTYPES.values()] for _ in range(ROUNDS + 1)]
    return Timings(*map(min, zip(*rounds[1:], strict=True)))


def remembered() -> Timings | None:
    """What an earlier process measured on a processor like this one, if it is known."""
    try:
        timings = _read()[_machine()][TRAINING]
        return Timings(float(timings["float32"]), float(timings["bfloat16"]))
    except (KeyError, TypeError, ValueError):
        return None


def remember(timings: Timings) -> None:
    """Write down what was measured. Does nothing where nothing can be written."""
    known, machine = _read(), _machine()
    known[machine] = {**known.get(machine, {}), TRAINING: asdict(timings)}
    with suppress(InputError, RuntimeError):
        write_bytes(_file(), json.dumps(known, indent=1).encode())


def _file() -> Path:
    return cache_folder() / "precision.json"


def _read() -> dict[str, Any]:
    """By machine; nothing if the file is missing or not what was written."""
    try:
        known = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, RuntimeError, ValueError):
        return {}
    return {name: work for name, work in known.items() if isinstance(work, dict)} if isinstance(known, dict) else {}


def _machine() -> str:
    """The model of the processor, its instructions for bfloat16, and torch's version, whose kernels they are."""
    own = processor()
    return ", ".join([own.model, *sorted(own.bfloat16), f"torch {torch.__version__}"])

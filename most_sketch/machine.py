"""What is known of this machine without torch: where caches lie, the processor, whether there may be a GPU."""

from __future__ import annotations

import os
import platform
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

BFLOAT16_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
"""What Linux calls the instructions for it: processors of one name may have them or not."""

NVIDIA = Path("/dev/nvidiactl"), Path("/dev/dxg"), Path("C:/Windows/System32/nvcuda.dll")
"""One of these is there where CUDA can be: on Linux, on Linux within Windows, on Windows."""


@dataclass(frozen=True)
class Processor:
    """What computes where there is no GPU."""

    model: str
    bfloat16: frozenset[str]
    """Those of `BFLOAT16_FLAGS` that it has; none where nobody says so."""


def processor() -> Processor:
    """The processor of this machine."""
    model, flags = platform.processor() or platform.machine(), frozenset[str]()
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        about = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        model = about.get("model name", model)
        flags = BFLOAT16_FLAGS & {*about.get("flags", "").split(), *about.get("Features", "").split()}
    return Processor(model, flags)


def may_have_gpu() -> bool:
    """Is there a GPU that torch might use? Certain only where there is none."""
    if sys.platform == "darwin":
        return platform.machine() == "arm64"
    return any(path.exists() for path in NVIDIA)


def cache_folder() -> Path:
    """Where what can be made again is kept. Raises `RuntimeError` for a user who has no home."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "most-sketch"

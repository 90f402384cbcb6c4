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
    import ctypes

    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:
        set_option(M_MMAP_THRESHOLD, KEPT)
        set_option(M_TRIM_THRESHOLD, KEPT)

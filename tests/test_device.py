from __future__ import annotations

import subprocess
import sys

import pytest

FAULTS = """
import resource
import sys

import torch

from most_sketch.machine import keep_freed_memory

if sys.argv[1] == "kept":
    keep_freed_memory()
for _ in range(40):
    torch.ones(16 << 20)  # 64 MiB, 16,384 pages
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the C library's option is glibc's")
def test_large_tensors_reuse_the_memory_of_those_that_were_freed() -> None:
    given_back, kept = (
        int(subprocess.run([sys.executable, "-c", FAULTS, how], capture_output=True, check=True).stdout)
        for how in ("given back", "kept")
    )
    # Without it every tensor's pages are asked for anew; with it those of the first few.
    assert given_back > 39 * 16_384
    assert kept < given_back / 2

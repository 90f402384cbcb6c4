"""Where scores come from, so that they can be taken again: the date, the command, the weights and the versions."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from most_sketch import __version__
from most_sketch.checkpoints.find import find_weights
from most_sketch.checkpoints.hub import Hub
from most_sketch.checkpoints.manifest import checksum

PACKAGES = ("torch", "torchvision", "piq", "lpips", "numpy", "pillow")
"""What else draws, reads and scores."""


@dataclass(frozen=True)
class Provenance:
    """What a report says of its own making."""

    date: str
    """With the time in UTC."""
    command: str
    device: str
    weights: tuple[tuple[str, str], ...]
    """File and SHA-256 of all weights that drew; empty if sketches were there already."""
    versions: tuple[tuple[str, str], ...]


def provenance(command: str, weights: Sequence[str | Path], device: torch.device, offline: bool) -> Provenance:
    """Of scores that were taken just now with `weights`, as `find_weights` takes them. Raises `WeightsError`."""
    files = [find_weights(name, Hub(offline=offline)) for name in weights]
    return Provenance(
        datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        command,
        str(device),
        tuple((str(name), checksum(file)) for name, file in zip(weights, files, strict=True)),
        (("most-sketch", __version__), ("Python", platform.python_version()), *_versions()),
    )


def _versions() -> list[tuple[str, str]]:
    found = []
    for package in PACKAGES:
        try:
            found.append((package, version(package)))
        except PackageNotFoundError:
            found.append((package, "unknown"))
    return found

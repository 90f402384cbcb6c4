"""Styles' files as `teach` writes them, made at once: of a random memory and a random change of the renderer."""

from __future__ import annotations

from pathlib import Path

import torch

from most_sketch.checkpoints.manifest import checksum
from most_sketch.checkpoints.styles import Style, StyleInfo, save_style
from most_sketch.checkpoints.weights import load_weights
from most_sketch.network.lora import change_of, changeable


def style_file(path: Path, weights: Path, name: str = "chalk", paper: float = 1.0) -> Path:
    """A style for the weights in a file, written into another."""
    generator = load_weights(weights)
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(1)
        renderer = changeable(generator.renderer, 2)
        for parameter in renderer.parameters():
            if parameter.requires_grad:
                parameter += 0.3 * torch.randn_like(parameter)
        memory = torch.randn(2, *generator.memory.keys.shape[1:])
    info = StyleInfo(name=name, weights=weights.name, sha256=checksum(weights), pairs=10, paper=paper)
    save_style(path, Style(info, *memory, change_of(renderer, generator.renderer)))
    return path

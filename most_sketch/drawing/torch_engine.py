"""The networks in torch, on any device."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from most_sketch.checkpoints.styles import Style, read_styles_of, with_styles
from most_sketch.checkpoints.weights import load_weights
from most_sketch.device import resolve_device
from most_sketch.machine import keep_freed_memory
from most_sketch.network.build import AnyGenerator, draw, person
from most_sketch.network.config import ModelConfig
from most_sketch.network.generator import Generator
from most_sketch.network.precision import autocast, drawing_precision
from most_sketch.photo.images import to_image, to_tensor
from most_sketch.photo.mtcnn import Cascade
from most_sketch.photo.mtcnn_networks import load_cascade

BATCH_SIZE = {"cpu": 1, "cuda": 32, "mps": 8}
"""Photos drawn at once. Measured: more than one gains nothing on a CPU, and would keep Ctrl-C waiting."""


class TorchEngine:
    """Draws with a generator, and finds faces with MTCNN, on one device."""

    def __init__(self, generator: AnyGenerator, device: torch.device, dtype: torch.dtype = torch.float32) -> None:
        # Measured: channels last draws faster on a CPU too.
        self._generator = generator.to(device).to(memory_format=torch.channels_last).eval()
        self.device = device
        self.dtype = dtype

    @classmethod
    def load(
        cls,
        weights: Path,
        called: str | Path,
        device: str = "auto",
        precision: str = "auto",
        styles: Sequence[Path] = (),
    ) -> TorchEngine:
        """Of the weights in a file, which are `called` so; the rest as `Sketcher.load` takes it."""
        where = resolve_device(device)
        if where.type == "cpu":
            keep_freed_memory()
        taught = read_styles_of(weights, called, styles)
        generator = with_styles(load_weights(weights), taught)
        return cls(generator, where, drawing_precision(precision))

    def with_styles(self, styles: Sequence[Style]) -> TorchEngine:
        """One that draws in more styles, after its own, and shares all else. Errors as `styles.with_styles`."""
        return TorchEngine(with_styles(self._generator, styles), self.device, self.dtype)

    @property
    def config(self) -> ModelConfig:
        """As `engine.Engine.config`."""
        config: ModelConfig = self._generator.config
        return config

    @property
    def papers(self) -> tuple[float, ...]:
        """As `engine.Engine.papers`."""
        return self._generator.paper if isinstance(self._generator, Generator) else (1.0,) * len(self.config.styles)

    @property
    def batch_size(self) -> int:
        """How many photos are drawn at once on this device."""
        return BATCH_SIZE[self.device.type]

    @torch.inference_mode()
    def draw(
        self, images: Sequence[Image.Image], styles: Sequence[int], frame_height: float | None = None
    ) -> list[Image.Image]:
        """As `engine.Engine.draw`."""
        photos = self._on_device(images)
        index = torch.tensor(styles, device=self.device)
        with autocast(self.device, self.dtype):
            drawn = draw(self._generator, photos, index, frame_height)
        return [to_image(sketch) for sketch in drawn.float().cpu()]

    @torch.inference_mode()
    def person(self, image: Image.Image) -> NDArray[np.float32] | None:
        """As `engine.Engine.person`."""
        with autocast(self.device, self.dtype):
            sureness = person(self._generator, self._on_device([image]))
        if sureness is None:
            return None
        places: NDArray[np.float32] = sureness[0, 0].float().cpu().numpy()
        return places

    def cascade(self) -> Cascade:
        """As `engine.Engine.cascade`."""
        return load_cascade(self.device)

    def _on_device(self, images: Sequence[Image.Image]) -> Tensor:
        photos = torch.stack([to_tensor(image) for image in images])
        return photos.to(device=self.device, memory_format=torch.channels_last)

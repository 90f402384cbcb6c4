"""What a person chooses: the network, and how photos are drawn and saved with it. No torch at import."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from most_sketch.checkpoints.find import DEFAULT_WEIGHTS, find_style, find_weights
from most_sketch.checkpoints.header import read_header
from most_sketch.checkpoints.hub import Hub
from most_sketch.network.config import ModelConfig
from most_sketch.photo.faces import MIN_CONFIDENCE

if TYPE_CHECKING:
    from most_sketch.drawing.sketcher import Sketcher

Layout = Literal["crop", "photo", "side-by-side"]
"""The sketch alone; in its place in the photo, on white paper; the photo in the frame with the sketch to its right."""


@dataclass(frozen=True)
class ModelSpec:
    """What a `Sketcher` is loaded from, and how."""

    weights: str | Path = DEFAULT_WEIGHTS
    """What `weights.find_weights` takes."""
    device: str = "auto"
    """`auto`, `cpu`, `cuda`, `cuda:N` or `mps`."""
    precision: str = "auto"
    """`auto`, `fp32` or `bf16`."""
    offline: bool = False
    """Make no connection."""
    styles: tuple[str, ...] = ()
    """Of styles that were taught to these weights: files, or addresses on the Hub."""
    engine: str = "torch"
    """`auto`, `torch` or `onnx`."""

    def load(self, photos: int | None = None) -> Sketcher:
        """To draw so many photos, if that is known."""
        from most_sketch.drawing.sketcher import Sketcher

        return Sketcher.load(
            self.weights,
            self.device,
            self.precision,
            engine=self.engine,
            styles=self.styles,
            offline=self.offline,
            photos=photos,
        )

    def must_export(self, photos: int | None = None) -> bool:
        """Does `load` have to export the network for ONNX Runtime first? Raises like `found` and `load`."""
        from most_sketch.checkpoints.onnx_files import find_graph, is_installed
        from most_sketch.drawing.engine import choose_engine

        # Nothing else is exported unasked.
        if self.engine != "onnx" or not is_installed():
            return False
        path = Path(self.found().weights)
        choose_engine(self.engine, path, self.device, self.precision, self.styles, photos)
        return find_graph(read_header(path).config) is None

    def found(self) -> ModelSpec:
        """The same with the files of its weights, which were compared with their checksum, and of its styles.

        Raises `WeightsError`.
        """
        hub = Hub(offline=self.offline)
        styles = tuple(str(find_style(style, hub)) for style in self.styles)
        return replace(self, weights=find_weights(self.weights, hub), styles=styles)

    def config(self) -> ModelConfig:
        """Without the tensors. Raises `WeightsError`, and `InputError` for a style's name that is there twice."""
        found = self.found()
        config = read_header(Path(found.weights)).config
        if not found.styles:
            return config
        from most_sketch.checkpoints.styles import read_style_info, with_names

        return with_names(config, [read_style_info(Path(path)).name for path in found.styles])


@dataclass(frozen=True)
class Options:
    """How photos are drawn and saved."""

    styles: tuple[str, ...]
    """Each photo is drawn in all of them."""
    name_styles: bool = False
    """Put the style into the sketch's name."""
    align: bool = True
    faces: int | None = 1
    """How many of the largest faces; None is all."""
    number_faces: bool = False
    """Put the face's number, from left to right, into the sketch's name."""
    min_confidence: float = MIN_CONFIDENCE
    size: int | None = None
    """Height of a sketch in pixels; None is what suits the photo."""
    layout: Layout = "crop"
    quality: int = 90
    overwrite: bool = False
    batch_size: int | None = None
    """None: what suits the device."""

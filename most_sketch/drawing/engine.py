"""What draws: torch, or ONNX Runtime, which starts in a fraction of the time. No torch at import."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from most_sketch.checkpoints.header import read_header
from most_sketch.checkpoints.onnx_files import find_graph, is_installed
from most_sketch.errors import InputError
from most_sketch.machine import may_have_gpu
from most_sketch.network.config import ModelConfig
from most_sketch.photo.mtcnn import Cascade

EngineName = Literal["auto", "torch", "onnx"]


class Engine(Protocol):
    """The networks, as a `Sketcher` uses them. Several threads may use one."""

    @property
    def config(self) -> ModelConfig:
        """Of the network that draws, with all styles."""

    @property
    def papers(self) -> tuple[float, ...]:
        """The tone of each style's paper, in [-1, 1]."""

    @property
    def batch_size(self) -> int:
        """How many photos are drawn at once."""

    def draw(
        self, images: Sequence[Image.Image], styles: Sequence[int], frame_height: float | None = None
    ) -> list[Image.Image]:
        """The sketches, grey, of RGB images that are all of one size, each in the style of this index.

        `frame_height` is that of the frame at their scale; None if they are the frame.
        """

    def person(self, image: Image.Image) -> NDArray[np.float32] | None:
        """How surely each place of an RGB image shows the person: (h, w) in [0, 1]; None where the network has no
        matte. Exact for images whose sides are multiples of the network's feature stride."""

    def cascade(self) -> Cascade:
        """The networks that find faces, loaded anew. Raises `WeightsError`."""


def choose_engine(
    asked: str, weights: Path, device: str, precision: str, styles: Sequence[object], photos: int | None
) -> Literal["torch", "onnx"]:
    """What draws so many photos (None: nobody knows) with the weights in a file.

    `auto` is onnx on a CPU, where ONNX Runtime is installed and there is a graph of the weights' network; but torch for
    taught styles, and for several photos where there may be a GPU. Raises `InputError` for an engine that there is not,
    and for onnx together with what it cannot do, and `WeightsError`.
    """
    if asked not in get_args(EngineName):
        raise InputError(f"unknown engine {asked!r}; use auto, torch or onnx")
    if asked == "torch":
        return "torch"
    obstacle = _obstacle(device, precision, styles)
    if asked == "onnx":
        if obstacle:
            raise InputError(f"the engine onnx draws {obstacle}; use torch")
        return "onnx"
    if obstacle or not is_installed() or find_graph(read_header(weights).config) is None:
        return "torch"
    return "torch" if device == "auto" and may_have_gpu() and photos != 1 else "onnx"


def _obstacle(device: str, precision: str, styles: Sequence[object]) -> str:
    """Why ONNX Runtime cannot draw so, if it cannot."""
    if device not in ("auto", "cpu"):
        return f"on the CPU only, not on {device}"
    if precision not in ("auto", "fp32"):
        return f"in float32 only, not in {precision}"
    return "in the weights' own styles only, not in taught ones" if styles else ""

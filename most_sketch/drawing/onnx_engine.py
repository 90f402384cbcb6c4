"""The networks in ONNX Runtime, on a CPU: the same pictures as torch's in float32, without its start. No torch here."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from most_sketch.checkpoints.header import CONFIG_KEY, load_json
from most_sketch.checkpoints.onnx_files import (
    CASCADE_FILES,
    GENERATOR_FILE,
    INSTALL,
    exported_folder,
    is_exported,
    is_installed,
)
from most_sketch.config import from_dict
from most_sketch.errors import InputError, WeightsError, first_line
from most_sketch.network.config import ModelConfig
from most_sketch.photo.images import array_to_image, to_array
from most_sketch.photo.mtcnn import Cascade, Network

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


class OnnxEngine:
    """Draws and finds faces with what `onnx_export.export_weights` wrote into a folder."""

    batch_size = 1
    """As on a CPU with torch: more at once gain nothing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        path = folder / GENERATOR_FILE
        self._generator = _session(path)
        try:
            about = self._generator.get_modelmeta().custom_metadata_map
            self.config = from_dict(ModelConfig, load_json(about[CONFIG_KEY]))
        except (KeyError, ValueError, WeightsError) as error:
            raise WeightsError(f"{path}: does not say which network it is; export it anew") from error

    @property
    def papers(self) -> tuple[float, ...]:
        """White: it draws in the weights' own styles only."""
        return (1.0,) * len(self.config.styles)

    @classmethod
    def load(cls, weights: Path) -> OnnxEngine:
        """Of the weights in a file, which are exported first if they never were.

        Raises `WeightsError`, and `InputError` where packages are missing.
        """
        if not is_installed():
            raise InputError(f"the engine onnx needs ONNX Runtime: {INSTALL}")
        folder = exported_folder(weights)
        if not is_exported(folder):
            from most_sketch.checkpoints.onnx_export import export_weights

            export_weights(weights, folder)
        return cls(folder)

    def draw(self, images: Sequence[Image.Image], styles: Sequence[int]) -> list[Image.Image]:
        """As `engine.Engine.draw`, and as `network.build.draw` with torch."""
        photos = np.stack([to_array(image) for image in images])
        height, width = photos.shape[-2:]
        scale = self.config.drawn_height(height) / height
        if scale != 1:
            photos = _resized(photos, (round(width * scale), round(height * scale)))
        (sketches,) = self._generator.run(None, {"photo": photos, "style": np.array(styles, dtype=np.int64)})
        if scale != 1:
            sketches = _resized(sketches, (width, height))
        return [array_to_image(sketch) for sketch in sketches]

    def cascade(self) -> Cascade:
        """As `engine.Engine.cascade`."""
        return Cascade(*(_network(_session(self._folder / name)) for name in CASCADE_FILES))


def _session(path: Path) -> InferenceSession:
    """What runs the graph in a file."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    # As torch has it, for those who share a machine; 0 is one for each core.
    threads = os.environ.get("OMP_NUM_THREADS", "")
    options.intra_op_num_threads = int(threads) if threads.isdecimal() else 0
    # Four sessions have threads of their own, and those of one are not to wait busily while another computes.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        # What it raises for a damaged file are kinds of its own, of no common base.
        raise WeightsError(
            f"{path}: cannot be used by ONNX Runtime ({first_line(error)[:200]}); remove it and export it anew"
        ) from error


def _network(session: InferenceSession) -> Network:
    (name,) = (each.name for each in session.get_inputs())

    def look(pictures: NDArray[Any]) -> list[NDArray[Any]]:
        answers: list[NDArray[Any]] = session.run(None, {name: pictures})
        return answers

    return look


def _resized(pictures: NDArray[Any], size: tuple[int, int]) -> NDArray[np.float32]:
    """Pictures (B, C, H, W) in [-1, 1] at another (width, height): what torch's bicubic `interpolate` with antialias
    computes, which is Pillow's filter."""
    planes = [
        [np.asarray(Image.fromarray(plane).resize(size, Image.Resampling.BICUBIC)) for plane in picture]
        for picture in pictures
    ]
    return np.array(planes, dtype=np.float32).clip(-1, 1)

"""The networks in ONNX Runtime, on a CPU: the same pictures as torch's in float32, without its start. No torch here."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from most_sketch.checkpoints.arrays import Array, read_arrays
from most_sketch.checkpoints.header import read_header
from most_sketch.checkpoints.onnx_files import (
    CASCADE_FILES,
    INSTALL,
    PERSON_PARTS,
    cached_graph,
    find_graph,
    graphs_folder,
    is_installed,
    person_graph,
)
from most_sketch.errors import InputError, WeightsError, first_line
from most_sketch.machine import keep_freed_memory
from most_sketch.network.config import ModelConfig
from most_sketch.photo.images import array_to_image, to_array
from most_sketch.photo.mtcnn import Cascade, Network
from most_sketch.photo.mtcnn_weights import read_cascade_weights

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


class OnnxEngine:
    """Draws and finds faces with graphs as `onnx_graphs` makes them, and the weights of the files that torch reads."""

    batch_size = 1
    """As on a CPU with torch: more at once gain nothing."""

    def __init__(self, graph: Path, weights: Mapping[str, Array], config: ModelConfig, called: Path) -> None:
        self._generator = _session(graph, weights, called)
        self._graph, self._weights, self._called = graph, weights, called
        self.config = config

    @property
    def papers(self) -> tuple[float, ...]:
        """White: it draws in the weights' own styles only."""
        return (1.0,) * len(self.config.styles)

    @classmethod
    def load(cls, weights: Path) -> OnnxEngine:
        """Of the weights in a file. The graph of their network is made, and kept, if there is none yet.

        Raises `WeightsError`, and `InputError` where packages are missing.
        """
        if not is_installed():
            raise InputError(f"the engine onnx needs ONNX Runtime: {INSTALL}")
        keep_freed_memory()
        config = read_header(weights).config
        arrays = read_arrays(weights)
        graph = find_graph(config)
        if graph is None:
            return cls(_made_graph(weights, config), arrays, config, weights)
        try:
            return cls(graph, arrays, config, weights)
        except WeightsError as error:
            if graph != cached_graph(config):
                raise
            # Perhaps it is cut or empty, by a full disk say.
            try:
                graph = _made_graph(weights, config)
            except WeightsError:
                raise error from None
            return cls(graph, arrays, config, weights)

    def draw(
        self, images: Sequence[Image.Image], styles: Sequence[int], frame_height: float | None = None
    ) -> list[Image.Image]:
        """As `engine.Engine.draw`, and as `network.build.draw` with torch."""
        photos = np.stack([to_array(image) for image in images])
        height, width = photos.shape[-2:]
        drawn_size = self.config.drawn_size((width, height), frame_height or height)
        if drawn_size != (width, height):
            photos = _resized(photos, drawn_size)
        inputs = {"photo": photos, "style": np.array(styles, dtype=np.int64)}
        (sketches,) = self._generator.run(["sketch"], inputs)
        if drawn_size != (width, height):
            sketches = _resized(sketches, (width, height))
        return [array_to_image(sketch) for sketch in sketches]

    def person(self, image: Image.Image) -> NDArray[np.float32] | None:
        """As `engine.Engine.person`."""
        if not self.config.matting:
            return None
        (sureness,) = self._person.run(None, {"photo": to_array(image)[None]})
        places: NDArray[np.float32] = sureness[0, 0]
        return places

    # Two threads that ask first at the same moment load it twice, which does no harm.
    @cached_property
    def _person(self) -> InferenceSession:
        weights = {name: array for name, array in self._weights.items() if name.startswith(PERSON_PARTS)}
        return _session(person_graph(self._graph), weights, self._called)

    def cascade(self) -> Cascade:
        """As `engine.Engine.cascade`."""
        graphs = (graphs_folder() / name for name in CASCADE_FILES)
        weights = read_cascade_weights()
        return Cascade(*(_network(_session(*each, "MTCNN")) for each in zip(graphs, weights, strict=True)))


def _made_graph(weights: Path, config: ModelConfig) -> Path:
    """The graph of a network, made anew and kept. Raises as `make_graph`."""
    from most_sketch.checkpoints.onnx_graphs import make_graph

    graph = cached_graph(config)
    make_graph(weights, graph)
    return graph


def _session(graph: Path, weights: Mapping[str, Array], called: Path | str) -> InferenceSession:
    """What runs the graph in a file with these weights, which are `called` so. Raises `WeightsError`."""
    # ONNX Runtime 1.29 and later report on their use, to its makers, but for those who say this before the import; on
    # Windows all versions may, and there it is the call that counts.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    # As torch has it, for those who share a machine; 0 is one for each core.
    threads = os.environ.get("OMP_NUM_THREADS", "")
    options.intra_op_num_threads = int(threads) if threads.isdecimal() else 0
    # Four sessions have threads of their own, and those of one are not to wait busily while another computes.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # One block of memory for all of a drawing, planned at its first size, is asked for beside what that drawing took:
    # 752 MiB instead of 477 at 640 x 800, and the next of another size is no faster.
    options.enable_mem_pattern = False
    values = [onnxruntime.OrtValue.ortvalue_from_numpy(array) for array in weights.values()]
    options.add_external_initializers(list(weights), values)
    try:
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        # What it raises for a damaged file are kinds of its own, of no common base.
        raise WeightsError(
            f"{called}: cannot be drawn with by ONNX Runtime ({first_line(error)[:200]}); it may be with engine='torch'"
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

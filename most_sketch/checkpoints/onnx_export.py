"""Write the networks as ONNX files for other programs: generator and face detector, each whole in one file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from most_sketch import __version__
from most_sketch.checkpoints.header import CONFIG_KEY
from most_sketch.checkpoints.manifest import checksum
from most_sketch.checkpoints.onnx_files import CASCADE_FILES, GENERATOR_FILE, INSTALL, find_graph, graphs_folder
from most_sketch.checkpoints.onnx_graphs import generator_graph
from most_sketch.checkpoints.styles import Style, style_alone
from most_sketch.checkpoints.weights import load_weights
from most_sketch.config import to_dict
from most_sketch.errors import InputError
from most_sketch.photo.images import write_bytes
from most_sketch.photo.mtcnn_weights import read_cascade_weights

if TYPE_CHECKING:
    from onnx import ModelProto, TensorProto

SMALL = 1024
"""Numbers of a tensor that is not worth a node to be kept in half precision."""


def export_weights(weights: Path, folder: Path, style: Style | None = None) -> None:
    """Write the `onnx_files.FILES` of the weights in a file into a folder; with a style taught to them, of that alone.

    They are graphs as `onnx_graphs` has them, with their weights; the generator's metadata hold its `ModelConfig`.
    Raises `WeightsError`, and `InputError` where packages are missing.
    """
    if find_spec("onnx") is None:
        raise InputError(f"to export weights onnx must be installed: {INSTALL}")
    import onnx

    generator = load_weights(weights)
    if style is not None:
        generator = style_alone(generator, style)
    graph = None if style else find_graph(generator.config)
    model = onnx.load(graph, load_external_data=False) if graph else generator_graph(generator)
    about = {"made_by": f"most-sketch {__version__}", "weights_sha256": checksum(weights)}
    # The generator last: where it is, all are.
    for name, arrays in zip(CASCADE_FILES, read_cascade_weights(), strict=True):
        _write(folder / name, onnx.load(graphs_folder() / name, load_external_data=False), arrays, about)
    state = {name: tensor.numpy() for name, tensor in generator.state_dict().items()}
    _write(folder / GENERATOR_FILE, model, state, about | {CONFIG_KEY: json.dumps(to_dict(generator.config))})


def _write(path: Path, model: ModelProto, weights: Mapping[str, NDArray[Any]], about: Mapping[str, str]) -> None:
    """A graph with its weights and what is to be said of it, in full or not at all."""
    casts = [node for tensor in model.graph.initializer for node in _fill(tensor, weights)]
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    del model.metadata_props[:]
    for key, value in about.items():
        model.metadata_props.add(key=key, value=value)
    write_bytes(path, model.SerializeToString())


def _fill(tensor: TensorProto, weights: Mapping[str, NDArray[Any]]) -> Iterator[Any]:
    """Put the weights into their place in a graph, if it is one.

    In half precision, with a node that makes them float32 again, where they lose nothing by it, as those of the
    bundled files: half the size.
    """
    from onnx import TensorProto, helper, numpy_helper

    name = tensor.name
    if tensor.data_location != TensorProto.EXTERNAL:
        return
    values = weights[name]
    with np.errstate(over="ignore"):
        halves = values.astype(np.float16)
    if values.size < SMALL or not np.array_equal(halves.astype(np.float32), values):
        tensor.CopyFrom(numpy_helper.from_array(values, name))
        return
    tensor.CopyFrom(numpy_helper.from_array(halves, f"{name}.half"))
    yield helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT)

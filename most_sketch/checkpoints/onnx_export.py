"""Write the networks as ONNX files: the generator and the three that find faces, each whole in one file."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from most_sketch import __version__
from most_sketch.checkpoints.header import CONFIG_KEY
from most_sketch.checkpoints.manifest import checksum
from most_sketch.checkpoints.onnx_files import CASCADE_FILES, GENERATOR_FILE, INSTALL
from most_sketch.checkpoints.styles import Style, style_alone
from most_sketch.checkpoints.weights import load_weights
from most_sketch.config import to_dict
from most_sketch.errors import InputError
from most_sketch.network.config import ModelConfig
from most_sketch.photo.images import write_bytes
from most_sketch.photo.mtcnn_networks import load_networks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnx import ModelProto

OPSET = 18
"""The oldest that the exporter writes, for the sake of old programs."""

Axes = Mapping[int, str]
"""Those axes of a tensor that may have any length, by what the length is of."""
PICTURES: Axes = {0: "pictures"}
AREA: Axes = {0: "pictures", 2: "height", 3: "width"}


def export_weights(weights: Path, folder: Path, style: Style | None = None) -> None:
    """Write the `onnx_files.FILES` of the weights in a file into a folder; with a style taught to them, of that alone.

    The generator takes `photo` (B, 3, H, W) float32 RGB in [-1, 1] and `style` (B,) int64, and gives `sketch`
    (B, 1, H, W) in [-1, 1]; its metadata hold the `ModelConfig`. Raises `WeightsError`, and `InputError` where packages
    are missing.
    """
    missing = [name for name in ("onnx", "onnxscript") if find_spec(name) is None]
    if missing:
        raise InputError(f"to export weights {' and '.join(missing)} must be installed: {INSTALL}")
    generator = load_weights(weights)
    if style is not None:
        generator = style_alone(generator, style)
    about = {"made_by": f"most-sketch {__version__}", "weights_sha256": checksum(weights)}
    # The generator last: where it is, all are.
    for name, network, side in zip(CASCADE_FILES, load_networks(torch.device("cpu")), (35, 24, 48), strict=True):
        outputs = ("probabilities", "offsets", "landmarks")[: 3 if name == "o_net.onnx" else 2]
        axes = AREA if name == "p_net.onnx" else PICTURES
        model = _traced(network, {"pictures": (torch.zeros(2, 3, side, side + 6 * (axes is AREA)), axes)}, outputs)
        _write(folder / name, model, about)
    inputs = {"photo": (torch.zeros(2, 3, 237, 205), AREA), "style": (torch.tensor([0, 0]), PICTURES)}
    model = _traced(generator, inputs, ("sketch",))
    config: ModelConfig = generator.config
    _write(folder / GENERATOR_FILE, model, about | {CONFIG_KEY: json.dumps(to_dict(config))})


def _traced(network: nn.Module, inputs: Mapping[str, tuple[Tensor, Axes]], outputs: Sequence[str]) -> ModelProto:
    """A network as a graph of named inputs and outputs; of each input an example and its axes of any length."""
    any_length = torch.export.Dim.DYNAMIC
    with _silence(), torch.no_grad():
        program = torch.onnx.export(
            network,
            tuple(example for example, _ in inputs.values()),
            dynamo=True,
            opset_version=OPSET,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_shapes=tuple(dict.fromkeys(axes, any_length) for _, axes in inputs.values()),
            verbose=False,
        )
    if program is None:
        raise AssertionError("without a file to write the exporter returns the program")
    model: ModelProto = program.model_proto
    for value in model.graph.input:
        for axis, name in inputs[value.name][1].items():
            value.type.tensor_type.shape.dim[axis].dim_param = name
    return model


def _write(path: Path, model: ModelProto, about: Mapping[str, str]) -> None:
    """In full or not at all, without what the exporter notes of our sources and their folders."""
    graph = model.graph
    for part in (*graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer, graph):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    del model.metadata_props[:]
    for key, value in about.items():
        model.metadata_props.add(key=key, value=value)
    _halve(model)
    write_bytes(path, model.SerializeToString())


def _halve(model: ModelProto) -> None:
    """Keep in half precision the weights that lose nothing by it, as those of the bundled files: half the size."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(tensor)
        with np.errstate(over="ignore"):
            halves = values.astype(np.float16)
        if values.size < 1024 or not np.array_equal(halves.astype(np.float32), values):
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(halves, f"{name}.half"))
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


@contextmanager
def _silence() -> Iterator[None]:
    """The exporter warns and logs of what is right so."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)

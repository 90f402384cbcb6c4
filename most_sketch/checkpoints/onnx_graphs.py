"""Make the graphs of networks: what they compute, as ONNX, with places for the weights.

After a network has changed this makes those that come with the package anew:

    python -m most_sketch.checkpoints.onnx_graphs
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from most_sketch.checkpoints.find import bundled_weights
from most_sketch.checkpoints.header import read_header
from most_sketch.checkpoints.onnx_files import (
    CASCADE_FILES,
    INSTALL,
    graph_name,
    graphs_folder,
    person_graph,
    structure,
)
from most_sketch.checkpoints.weights import load_weights
from most_sketch.errors import InputError
from most_sketch.network.build import AnyGenerator
from most_sketch.network.generator import Generator
from most_sketch.photo.images import write_bytes
from most_sketch.photo.mtcnn_networks import o_net, p_net, r_net

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET = 18
"""The oldest that the exporter writes, for the sake of old programs."""

PLACE = "weights"
"""The file in which a graph says its weights to be. There is none: `onnx_engine` hands them over."""

PHOTO, STYLE, SKETCH, PERSON = "photo", "style", "sketch", "person"
"""What a generator's graph takes and gives."""

Axes = Mapping[int, str]
"""Those axes of a tensor that may have any length, by what the length is of."""
PICTURES: Axes = {0: "pictures"}
AREA: Axes = {0: "pictures", 2: "height", 3: "width"}


def make_graph(weights: Path, path: Path) -> None:
    """Write the graph of the network that the weights in a file are of, and its `person_graph` if it has a matte.

    Raises `WeightsError`, and `InputError` where packages are missing.
    """
    # With the weights, though none of them is kept: what they say of their network is believed only once they fit it.
    graph = generator_graph(load_weights(weights))
    if PERSON in [output.name for output in graph.graph.output]:
        from onnx.utils import Extractor

        # First: where the generator's is, both are.
        write_bytes(person_graph(path), Extractor(graph).extract_model([PHOTO], [PERSON]).SerializeToString())
    write_bytes(path, graph.SerializeToString())


def generator_graph(generator: AnyGenerator) -> ModelProto:
    """A generator's graph, with places for its state.

    It takes `photo` (B, 3, H, W) float32 RGB in [-1, 1] and `style` (B,) int64, and gives `sketch` (B, 1, H, W) in
    [-1, 1] and, where the network has a matte, `person` (B, 1, h, w) in [0, 1], as `Generator.person` has it. Raises
    `InputError` where packages are missing.
    """
    inputs = {PHOTO: (torch.zeros(2, 3, 237, 205), AREA), STYLE: (torch.tensor([0, 0]), PICTURES)}
    if isinstance(generator, Generator) and generator.matte is not None:
        graph = _traced(_WithPerson(generator), inputs, (SKETCH, PERSON))
    else:
        graph = _traced(generator, inputs, (SKETCH,))
    graph.metadata_props.add(key="structure", value=structure(generator.config))
    return graph


class _WithPerson(nn.Module):
    """A generator that gives what its matte says too. Its parts have the names that they have in the generator."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        # Hidden from torch, which would put the name before those of all parts.
        self.__dict__["generator"] = generator
        for name, part in generator.named_children():
            self.add_module(name, part)

    def forward(self, photo: Tensor, style: Tensor) -> tuple[Tensor, Tensor | None]:
        generator: Generator = self.__dict__["generator"]
        return generator(photo, style), generator.person(photo)


def cascade_graphs() -> Iterator[ModelProto]:
    """The three graphs of the face detector, as `CASCADE_FILES` names them. Raises like `generator_graph`.

    Each takes `pictures` (n, 3, h, w) float32 RGB in [-1, 1] and gives `probabilities`, `offsets` and, O-Net,
    `landmarks`, as `mtcnn_networks.CascadeNetwork` has them.
    """
    for name, network, side in zip(CASCADE_FILES, (p_net(), r_net(), o_net()), (35, 24, 48), strict=True):
        outputs = ("probabilities", "offsets", "landmarks")[: 3 if name == "o_net.onnx" else 2]
        axes = AREA if name == "p_net.onnx" else PICTURES
        example = torch.zeros(2, 3, side, side + 6 * (axes is AREA))
        yield _traced(network.eval(), {"pictures": (example, axes)}, outputs)


def _traced(network: nn.Module, inputs: Mapping[str, tuple[Tensor, Axes]], outputs: Sequence[str]) -> ModelProto:
    """A network as a graph of named inputs and outputs; of each input an example and its axes of any length."""
    missing = [name for name in ("onnx", "onnxscript") if find_spec(name) is None]
    if missing:
        raise InputError(f"to export weights {' and '.join(missing)} must be installed: {INSTALL}")
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
            optimize=False,
        )
        if program is None:
            raise AssertionError("without a file to write the exporter returns the program")
        # As inputs, so that nothing is computed of them in advance.
        graph = program.model.graph
        places = [name for name in graph.initializers if name in network.state_dict()]
        for name in places:
            graph.initializers[name].const_value = None
            graph.inputs.append(graph.initializers.pop(name))
        program.optimize()
    model: ModelProto = program.model_proto
    _make_places(model, places)
    for value in model.graph.input:
        for axis, name in inputs[value.name][1].items():
            value.type.tensor_type.shape.dim[axis].dim_param = name
    _forget_sources(model)
    return model


def _make_places(model: ModelProto, names: Sequence[str]) -> None:
    """Make inputs of these names initializers that are said to be in a file `PLACE`."""
    from onnx import TensorProto

    shapes = {value.name: value.type.tensor_type for value in model.graph.input}
    others = [value for value in model.graph.input if value.name not in names]
    del model.graph.input[:]
    model.graph.input.extend(others)
    for name in names:
        tensor = model.graph.initializer.add(name=name, data_type=shapes[name].elem_type)
        tensor.dims.extend(axis.dim_value for axis in shapes[name].shape.dim)
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=PLACE)


def _forget_sources(model: ModelProto) -> None:
    """Take out what the exporter notes of our sources and their folders."""
    graph = model.graph
    for part in (*graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer, graph):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    del model.metadata_props[:]


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


if __name__ == "__main__":
    made = [graphs_folder() / name for name in CASCADE_FILES]
    for file, graph in zip(made, cascade_graphs(), strict=True):
        write_bytes(file, graph.SerializeToString())
    for weights_file in bundled_weights().values():
        generator = graphs_folder() / graph_name(read_header(weights_file).config)
        make_graph(weights_file, generator)
        made += [generator, person_graph(generator)]
    for file in {*graphs_folder().iterdir()} - {*made}:
        file.unlink()

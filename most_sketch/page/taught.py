"""Networks of the page that draw in taught styles: each a network of its own. With torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from most_sketch.checkpoints.onnx_graphs import generator_graph
from most_sketch.checkpoints.onnx_whole import whole_model
from most_sketch.checkpoints.styles import read_styles_of, style_alone
from most_sketch.checkpoints.weights import load_weights

Taught = tuple[str, str, int, bytes]
"""Name, description, grey level of the paper, and the ONNX file."""


def taught_networks(weights: Path, called: str | Path, files: Sequence[Path]) -> Iterator[Taught]:
    """Those of styles in files. Raises `WeightsError`, and `InputError` where packages are missing."""
    generator = load_weights(weights)
    for style in read_styles_of(weights, called, files):
        alone = style_alone(generator, style)
        state = {name: tensor.float().numpy() for name, tensor in alone.state_dict().items()}
        graph = generator_graph(alone).SerializeToString()
        paper = round((style.info.paper + 1) * 255 / 2)
        yield style.info.name, style.info.description, paper, whole_model(graph, state)

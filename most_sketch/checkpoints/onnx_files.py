"""The networks as ONNX files: what they are called, and where those are that `convert` draws with. No torch here.

`convert` needs no more than a network's graph, without weights: all weights of one architecture share it. Those of the
bundled weights and of the face detector come with the package, in `graphs/`; others are made once, into the cache.
"""

from __future__ import annotations

import hashlib
import json
from importlib.util import find_spec
from pathlib import Path

from most_sketch.config import to_dict
from most_sketch.errors import InputError
from most_sketch.machine import cache_folder
from most_sketch.network.config import ModelConfig

CASCADE_FILES = ("p_net.onnx", "r_net.onnx", "o_net.onnx")
GENERATOR_FILE = "generator.onnx"
FILES = (*CASCADE_FILES, GENERATOR_FILE)
"""What `export_weights` writes, in that order: with their weights, for other programs. The first three are also what
the face detector's graphs are called."""

PERSON_PARTS = ("warp.", "photo_encoder.", "matte.")
"""How the names of the weights begin that a network's `person_graph` has places for."""

GRAPHS = 3
"""To be counted up whenever the graphs of networks change: what the cache holds is not found then."""

INSTALL = "pip install 'most-sketch[onnx]'"


def is_installed() -> bool:
    """Is there an ONNX Runtime? It is not imported."""
    return find_spec("onnxruntime") is not None


def graphs_folder() -> Path:
    """Where the graphs lie that come with the package."""
    return Path(__file__).parent / "graphs"


def graph_name(config: ModelConfig) -> str:
    """What the graph of a network is called."""
    return f"{GENERATOR_FILE.removesuffix('.onnx')}-{hashlib.sha256(structure(config).encode()).hexdigest()[:16]}.onnx"


def person_graph(graph: Path) -> Path:
    """The part of a network's graph that tells the person, beside it; there is one only if the network has a matte."""
    return graph.with_name(graph.name.replace(GENERATOR_FILE.removesuffix(".onnx"), "person", 1))


def structure(config: ModelConfig) -> str:
    """What a graph depends on, as JSON: not what the styles are called, nor the frame's height.

    Nor what is as it is by default: a new setting leaves the names of graphs as they are.
    """
    usual = to_dict(ModelConfig())
    values = {name: value for name, value in to_dict(config).items() if value != usual[name]}
    values.pop("frame_height", None)
    return json.dumps(values | {"styles": len(config.styles)}, sort_keys=True)


def packaged_graph(config: ModelConfig) -> Path | None:
    """The graph of a network, if it comes with the package."""
    path = graphs_folder() / graph_name(config)
    return path if path.is_file() else None


def cached_graph(config: ModelConfig) -> Path:
    """Where the graph of a network is kept once it was made. Raises `InputError`."""
    try:
        folder = cache_folder()
    except RuntimeError as error:
        raise InputError(f"there is no folder to keep ONNX files in ({error}); set XDG_CACHE_HOME") from error
    return folder / "onnx" / str(GRAPHS) / graph_name(config)


def find_graph(config: ModelConfig) -> Path | None:
    """The graph of a network: the package's, else the one in the cache, if there is one that can be read."""
    packaged = packaged_graph(config)
    if packaged:
        return packaged
    try:
        cached = cached_graph(config)
        return cached if cached.is_file() else None
    except (InputError, OSError):  # no home, or one that cannot be read
        return None

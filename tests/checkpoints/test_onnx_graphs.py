"""The graphs that come with the package are of today's networks, and fit the weights that do."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image
from safetensors.torch import load_file, save_file

from most_sketch.checkpoints import onnx_graphs
from most_sketch.checkpoints.arrays import read_arrays
from most_sketch.checkpoints.find import bundled_weights
from most_sketch.checkpoints.header import CONFIG_KEY, read_header
from most_sketch.checkpoints.onnx_files import (
    CASCADE_FILES,
    cached_graph,
    find_graph,
    graph_name,
    graphs_folder,
    packaged_graph,
    person_graph,
)
from most_sketch.checkpoints.onnx_graphs import make_graph
from most_sketch.config import to_dict
from most_sketch.drawing.sketcher import Sketcher
from most_sketch.errors import InputError, WeightsError
from most_sketch.network.config import ModelConfig
from most_sketch.photo.mtcnn_weights import read_cascade_weights

AGAIN = (
    "the graphs in the package are not of today's networks: run python -m most_sketch.checkpoints.onnx_graphs, "
    "and count onnx_files.GRAPHS up if they draw otherwise than before"
)
BUNDLED = bundled_weights()


def places(graph: Path) -> dict[str, tuple[int, ...]]:
    """Where weights go: names and shapes."""
    tensors = onnx.load(graph, load_external_data=False).graph.initializer
    return {tensor.name: tuple(tensor.dims) for tensor in tensors if tensor.external_data}


def test_there_is_one_for_each_of_the_bundled_weights_and_none_else() -> None:
    configs = [read_header(path).config for path in BUNDLED.values()]
    wanted = {graph_name(config) for config in configs} | {*CASCADE_FILES}
    wanted |= {person_graph(Path(graph_name(config))).name for config in configs if config.matting}
    assert {path.name for path in graphs_folder().iterdir()} == wanted, AGAIN
    assert sum(path.stat().st_size for path in graphs_folder().iterdir()) < 500_000


@pytest.mark.parametrize("name", BUNDLED)
def test_the_bundled_weights_are_drawn_as_their_network_draws(name: str, portrait: Image.Image) -> None:
    path = BUNDLED[name]
    graph = packaged_graph(read_header(path).config)
    assert graph, AGAIN
    assert places(graph) == {name: array.shape for name, array in read_arrays(path).items()}, AGAIN
    reference, ours = (Sketcher.load(path, "cpu", "fp32", engine=engine) for engine in ("torch", "onnx"))
    # At a size that is no multiple of the stride, whatever the frame of the weights.
    for sketcher in (reference, ours):
        object.__setattr__(sketcher.config, "frame_height", None)
    images = [portrait.resize((190, 237))] * len(ours.styles)
    for sketch, wanted in zip(*(each.draw(images, range(len(images))) for each in (ours, reference)), strict=True):
        difference = np.abs(np.asarray(sketch).astype(int) - np.asarray(wanted).astype(int))
        assert difference.max() <= 1, AGAIN
        assert np.ptp(np.asarray(wanted)) > 100


def test_the_face_detectors_graphs_have_places_for_its_weights() -> None:
    for name, arrays in zip(CASCADE_FILES, read_cascade_weights(), strict=True):
        assert places(graphs_folder() / name) == {name: array.shape for name, array in arrays.items()}, AGAIN


def test_no_mean_is_of_more_than_there_is() -> None:
    """Where padding is counted, most versions of ONNX Runtime divide by the whole window beyond the border too."""
    nodes = [
        node for graph in graphs_folder().iterdir() for node in onnx.load(graph, load_external_data=False).graph.node
    ]
    means = [{each.name: each.i for each in node.attribute} for node in nodes if node.op_type == "AveragePool"]
    assert means
    assert not [mean for mean in means if mean["ceil_mode"] and mean["count_include_pad"]]


def test_a_graph_tells_nothing_of_the_machine_that_made_it() -> None:
    for graph in graphs_folder().iterdir():
        for trace in (b"stack_trace", b"site-packages", b".py", str(Path.home()).encode() + b"/"):
            assert trace not in graph.read_bytes()


def test_networks_that_compute_the_same_share_a_graph() -> None:
    config = ModelConfig(("a", "b"), slots=8)
    assert graph_name(config) == graph_name(replace(config, styles=("c", "d"), frame_height=300))
    others = [{"styles": ("a",)}, {"slots": 9}, {"temperature": 0.1}, {"skip": False}, {"matting": True}]
    assert len({graph_name(replace(config, **other)) for other in others} | {graph_name(config)}) == 6


def test_what_was_made_is_found(onnx_weights: Path, tiny_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, never = (read_header(path).config for path in (onnx_weights, tiny_weights))
    assert find_graph(made) == cached_graph(made)
    assert packaged_graph(made) is None
    assert find_graph(never) is None

    def no_home() -> Path:
        raise RuntimeError("no home")

    monkeypatch.setattr("most_sketch.checkpoints.onnx_files.cache_folder", no_home)
    assert find_graph(made) is None
    with pytest.raises(InputError, match=r"no folder to keep ONNX files in \(no home\); set XDG_CACHE_HOME"):
        cached_graph(made)


def test_packages_that_are_missing_are_named(
    tiny_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_graphs, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"onnx and onnxscript must be installed: pip install 'most-sketch\[onnx\]'"):
        make_graph(tiny_weights, tmp_path / "graph.onnx")
    assert not list(tmp_path.iterdir())


def test_no_network_is_built_that_the_tensors_do_not_fit(tiny_weights: Path, tmp_path: Path) -> None:
    hostile = tmp_path / "hostile.safetensors"
    # More than a terabyte of weights.
    config = replace(read_header(tiny_weights).config, channels=1 << 14, encoder_blocks=64)
    save_file(load_file(tiny_weights), hostile, {CONFIG_KEY: json.dumps(to_dict(config))})
    with pytest.raises(WeightsError, match="tensors do not fit the network"):
        make_graph(hostile, tmp_path / "graph.onnx")
    assert not (tmp_path / "graph.onnx").exists()

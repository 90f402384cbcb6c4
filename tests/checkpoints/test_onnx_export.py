"""What the ONNX files hold, and what keeps them from being written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from conftest import STYLES
from onnx import TensorProto, numpy_helper
from taught_styles import style_file

from most_sketch.checkpoints import onnx_export
from most_sketch.checkpoints.header import CONFIG_KEY
from most_sketch.checkpoints.manifest import checksum
from most_sketch.checkpoints.onnx_export import export_weights
from most_sketch.checkpoints.onnx_files import FILES, GENERATOR_FILE
from most_sketch.checkpoints.styles import read_style, with_styles
from most_sketch.checkpoints.weights import load_weights
from most_sketch.errors import InputError


@pytest.fixture(scope="module")
def folder(onnx_weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    export_weights(onnx_weights, folder)
    return folder


def test_every_file_is_a_whole_model_that_tells_nothing_of_this_machine(folder: Path, onnx_weights: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    for name in FILES:
        model = onnx.load(folder / name, load_external_data=False)
        onnx.checker.check_model(model, full_check=True)
        assert not any(tensor.external_data for tensor in model.graph.initializer)
        about = {entry.key: entry.value for entry in model.metadata_props}
        assert about["weights_sha256"] == checksum(onnx_weights)
        assert about["made_by"].startswith("most-sketch ")
        content = (folder / name).read_bytes()
        for trace in (b"stack_trace", b"site-packages", b".py", str(Path.home()).encode() + b"/"):
            assert trace not in content


def test_the_generator_is_of_any_size_and_says_what_it_is(folder: Path) -> None:
    graph = onnx.load(folder / GENERATOR_FILE).graph
    shapes = {
        value.name: [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]
        for value in graph.input
    }
    assert shapes == {"photo": ["pictures", 3, "height", "width"], "style": ["pictures"]}
    # Which part of the photo shows the person is asked for before it is framed.
    assert [value.name for value in graph.output] == ["sketch", "person"]
    about = {entry.key: entry.value for entry in onnx.load(folder / GENERATOR_FILE).metadata_props}
    assert all(f'"{style}"' in about[CONFIG_KEY] for style in STYLES)


def test_weights_in_half_precision_stay_so_and_lose_nothing(folder: Path, onnx_weights: Path) -> None:
    tensors = {tensor.name: tensor for tensor in onnx.load(folder / GENERATOR_FILE).graph.initializer}
    own = load_weights(onnx_weights).state_dict()
    name = "photo_encoder.blocks.1.conv1.weight"
    assert tensors[f"{name}.half"].data_type == TensorProto.FLOAT16
    kept = numpy_helper.to_array(tensors[f"{name}.half"]).astype(np.float32)
    assert torch.equal(torch.from_numpy(kept), own[name])
    # The memory is float32 in the weights too.
    for name in ("memory.keys", "memory.values"):
        assert tensors[name].data_type == TensorProto.FLOAT
        assert torch.equal(torch.from_numpy(numpy_helper.to_array(tensors[name]).copy()), own[name])


def test_a_taught_style_is_drawn_alone_as_torch_draws_it(
    onnx_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "1")
    from onnxruntime import InferenceSession

    style = read_style(style_file(tmp_path / "chalk.safetensors", onnx_weights, paper=-0.7))
    export_weights(onnx_weights, tmp_path / "onnx", style)
    about = {entry.key: entry.value for entry in onnx.load(tmp_path / "onnx" / GENERATOR_FILE).metadata_props}
    assert json.loads(about[CONFIG_KEY])["styles"] == ["chalk"]
    torch.manual_seed(0)
    photo = torch.rand(1, 3, 52, 44) * 2 - 1
    session = InferenceSession(tmp_path / "onnx" / GENERATOR_FILE)
    (drawn,) = session.run(["sketch"], {"photo": photo.numpy(), "style": np.zeros(1, np.int64)})
    wanted = with_styles(load_weights(onnx_weights), [style])(photo, torch.tensor([len(STYLES)]))
    torch.testing.assert_close(torch.from_numpy(drawn), wanted, atol=2e-3, rtol=0)


def test_packages_that_are_missing_are_named(
    onnx_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_export, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"onnx must be installed: pip install 'most-sketch\[onnx\]'"):
        export_weights(onnx_weights, tmp_path / "onnx")
    assert not (tmp_path / "onnx").exists()

"""Without torch, the tensors of a weights file are what they are with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import STYLES

from most_sketch.checkpoints.arrays import NUMBERS, read_arrays
from most_sketch.checkpoints.header import ITEM_SIZES
from most_sketch.checkpoints.weights import Networks, load_weights, save_weights
from most_sketch.errors import WeightsError
from most_sketch.network.config import ModelConfig
from most_sketch.network.encoder import Encoder
from most_sketch.network.generator import Generator

CONFIG = ModelConfig(STYLES, channels=8, stem_channels=8, slots=8, injection_channels=8)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_the_same_as_with_torch(tmp_path: Path, dtype: torch.dtype) -> None:
    path = tmp_path / "weights.safetensors"
    save_weights(path, Networks(Generator(CONFIG), Encoder(1, CONFIG)), dtype)
    arrays, state = read_arrays(path), load_weights(path).state_dict()
    assert arrays.keys() == state.keys() - {"memory.started", "memory.idle"}
    for name, array in arrays.items():
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, state[name].numpy())


def test_every_type_that_weights_may_have_is_known() -> None:
    assert NUMBERS.keys() == ITEM_SIZES.keys()


def test_numbers_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    generator = Generator(CONFIG)
    torch.nn.init.constant_(generator.renderer.decoder.output.weight, float("nan"))
    save_weights(path, generator)
    with pytest.raises(WeightsError, match=r"decoder\.output\.weight holds values that are not finite numbers"):
        read_arrays(path)


@pytest.mark.parametrize("change", [lambda data: data[:-4], lambda data: data + b"more"])
def test_a_file_of_another_length_than_it_says(
    tmp_path: Path, tiny_weights: Path, change: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(change(tiny_weights.read_bytes()))
    with pytest.raises(WeightsError, match="not a safetensors file"):
        read_arrays(path)


def test_tensors_lie_one_behind_the_other(tmp_path: Path, tiny_weights: Path) -> None:
    data = tiny_weights.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    names = [name for name in header if name != "__metadata__"]
    (first, second, *_) = (
        name for name in names for other in names if name != other and header[name]["shape"] == header[other]["shape"]
    )
    header[first]["data_offsets"] = header[second]["data_offsets"]
    text = json.dumps(header).encode()
    path = tmp_path / "weights.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :])
    with pytest.raises(WeightsError, match="tensors that overlap, or bytes of none"):
        read_arrays(path)

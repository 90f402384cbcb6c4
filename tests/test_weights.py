"""A weights file rebuilds its own network, and what is no such file is refused before memory is taken."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from most_sketch.config import ModelConfig, to_dict
from most_sketch.errors import WeightsError
from most_sketch.network.generator import Generator
from most_sketch.weights import CONFIG_KEY, load_weights, save_weights

TINY = ModelConfig(("ink", "chalk"), channels=8, stem_channels=8, slots=8, injection_channels=8)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    save_weights(tmp_path / "tiny.safetensors", Generator(TINY))
    return tmp_path / "tiny.safetensors"


def with_metadata(file: Path, metadata: dict[str, str]) -> Path:
    save_file(load_file(file), file, metadata)
    return file


def test_a_file_rebuilds_the_network_and_its_drawing(tmp_path: Path) -> None:
    torch.manual_seed(0)
    generator = Generator(TINY).eval()
    save_weights(tmp_path / "tiny.safetensors", generator)
    loaded = load_weights(tmp_path / "tiny.safetensors")
    assert loaded.config == TINY
    photo, style = torch.rand(1, 3, 20, 16), torch.tensor([1])
    assert torch.equal(loaded(photo, style), generator(photo, style))


def test_half_precision_halves_the_network_but_not_the_memory(tmp_path: Path, file: Path) -> None:
    save_weights(tmp_path / "half.safetensors", load_weights(file), torch.float16)
    tensors = load_file(tmp_path / "half.safetensors")
    assert tensors["memory.keys"].dtype == torch.float32
    assert tensors["photo_encoder.stem.weight"].dtype == torch.float16
    photo, style = torch.rand(1, 3, 20, 16), torch.tensor([0])
    difference = load_weights(tmp_path / "half.safetensors")(photo, style) - load_weights(file)(photo, style)
    assert difference.abs().max() < 0.01


def test_training_state_and_sketch_encoder_are_left_out(file: Path) -> None:
    names = load_file(file).keys()
    assert not [name for name in names if "sketch_encoder" in name or "idle" in name or "started" in name]


def test_an_unknown_name_lists_what_there_is() -> None:
    with pytest.raises(WeightsError, match="most-net-cufs"):
        load_weights("no-such-weights")


def test_a_file_of_another_program_is_refused(file: Path) -> None:
    with pytest.raises(WeightsError, match="not weights of most-sketch"):
        load_weights(with_metadata(file, {"format": "pt"}))


@pytest.mark.parametrize(
    "config", ["not json", "[]", '{"channels": "many"}', '{"channels": true}', '{"unheard_of": 1}', '{"styles": []}']
)
def test_a_damaged_config_is_refused(file: Path, config: str) -> None:
    with pytest.raises(WeightsError):
        load_weights(with_metadata(file, {CONFIG_KEY: config}))


@pytest.mark.parametrize("change", [{"channels": 16}, {"slots": 10**9}, {"channels": 10**7}, {"injection_blocks": 2}])
def test_config_and_tensors_that_disagree_are_refused(file: Path, change: dict[str, int]) -> None:
    config = json.dumps(to_dict(TINY) | change)
    with pytest.raises(WeightsError, match=r"do not fit|larger"):
        load_weights(with_metadata(file, {CONFIG_KEY: config}))


def test_a_cut_or_oversized_file_is_refused(file: Path) -> None:
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsError, match="not a safetensors file"):
        load_weights(file)
    header = json.dumps({"x": {"dtype": "F32", "shape": [10**12], "data_offsets": [0, 4 * 10**12]}}).encode()
    file.write_bytes(struct.pack("<Q", len(header)) + header)
    with pytest.raises(WeightsError, match="not a safetensors file"):
        load_weights(file)


def test_saving_replaces_the_file_in_one_go(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = file.read_bytes()

    def fail(*_: object) -> bytes:
        raise RuntimeError("disk on fire")

    monkeypatch.setattr("most_sketch.weights.save", fail)
    with pytest.raises(RuntimeError):
        save_weights(file, Generator(TINY))
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == [file.name]

"""Weights files: a generator in, a safetensors file out, and a name or path back to a generator."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from most_sketch.config import ModelConfig, from_dict, to_dict
from most_sketch.errors import WeightsError
from most_sketch.images import atomic_write
from most_sketch.network import AnyGenerator, build_generator

CONFIG_KEY = "most_sketch_model"
DEFAULT_WEIGHTS = "most-net-cufs"
TRAINING_ONLY = ("memory.started", "memory.idle")
"""Buffers that matter while the memory is being updated; a released file leaves them out."""


def save_weights(path: Path, generator: AnyGenerator, dtype: torch.dtype = torch.float32) -> None:
    """Write a generator, its config in the metadata, atomically. The memory stays float32 whatever the dtype."""
    tensors = {
        name: tensor.contiguous() if name.startswith("memory.") else tensor.to(dtype).contiguous()
        for name, tensor in generator.state_dict().items()
        if name not in TRAINING_ONLY
    }
    metadata = {CONFIG_KEY: json.dumps(to_dict(generator.config))}
    with atomic_write(path) as file:
        file.write(save(tensors, metadata))


def load_weights(name_or_path: str | Path = DEFAULT_WEIGHTS) -> AnyGenerator:
    """The generator that a weights file describes, float32 on the CPU, ready to draw.

    `name_or_path` is a safetensors file, or the name of bundled weights. Raises `WeightsError` for a name
    that is unknown and a file that is no such weights or whose tensors do not fit its config.
    """
    path = find_weights(name_or_path)
    try:
        with safe_open(path, framework="pt") as file:
            config = _read_config(path, file.metadata())
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
            # On the meta device a wrong or hostile config costs no memory before it has been compared.
            with torch.device("meta"):
                generator = build_generator(config)
            wanted = {
                name: tuple(tensor.shape)
                for name, tensor in generator.state_dict().items()
                if name not in TRAINING_ONLY
            }
            if shapes != wanted:
                wrong = sorted(name for name in shapes.keys() | wanted.keys() if shapes.get(name) != wanted.get(name))
                raise WeightsError(f"{path}: tensors do not fit the network that its config describes: {wrong[0]}")
            state = {name: file.get_tensor(name).float() for name in shapes}
    except SafetensorError as error:
        raise WeightsError(f"{path}: not a safetensors file, or cut short ({error})") from error
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror or error})") from error
    if config.architecture == "most-net":
        state["memory.started"] = torch.ones(len(config.styles), dtype=torch.bool)
        state["memory.idle"] = torch.zeros(len(config.styles), config.slots, dtype=torch.long)
    generator.load_state_dict(state, assign=True)
    return generator.eval().requires_grad_(False)


def find_weights(name_or_path: str | Path) -> Path:
    """The file for a path or for the name of bundled weights. Raises `WeightsError` if there is none."""
    path = Path(name_or_path)
    if path.is_file():
        return path
    bundled = bundled_weights()
    if str(name_or_path) in bundled:
        return bundled[str(name_or_path)]
    raise WeightsError(f"{name_or_path}: no such weights file, nor bundled weights of that name ({', '.join(bundled)})")


def bundled_weights() -> dict[str, Path]:
    """Names and files of the weights that come with the package."""
    packed = Path(str(files("most_sketch"))) / "weights"
    # In a wheel the files lie inside the package; in a checkout or editable install beside it.
    folder = packed if packed.is_dir() else packed.parent.parent / "weights"
    return {path.stem: path for path in sorted(folder.glob("*.safetensors"))}


def _read_config(path: Path, metadata: dict[str, str] | None) -> ModelConfig:
    try:
        values = json.loads((metadata or {})[CONFIG_KEY])
    except (KeyError, ValueError) as error:
        raise WeightsError(f"{path}: not weights of most-sketch (no readable {CONFIG_KEY} in its metadata)") from error
    if not isinstance(values, dict):
        raise WeightsError(f"{path}: {CONFIG_KEY} in its metadata is not an object")
    return from_dict(ModelConfig, values)

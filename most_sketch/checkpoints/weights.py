"""Weights files: a generator in, a safetensors file out, and back to a generator."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from most_sketch.checkpoints.find import DEFAULT_WEIGHTS, find_weights
from most_sketch.checkpoints.header import CONFIG_KEY, HOLD_OUT, SKETCH_ENCODER, TRAINED, open_weights
from most_sketch.checkpoints.hub import Hub
from most_sketch.checkpoints.trained import Trained
from most_sketch.config import to_dict
from most_sketch.errors import WeightsError
from most_sketch.network.build import AnyGenerator, build_generator
from most_sketch.network.config import ModelConfig
from most_sketch.network.encoder import Encoder
from most_sketch.photo.images import write_bytes

TRAINING_ONLY = ("memory.started", "memory.idle")
"""Buffers that matter while the memory is being updated; a released file leaves them out."""


def save_weights(
    path: Path,
    generator: AnyGenerator,
    dtype: torch.dtype = torch.float32,
    hold_out: int | None = None,
    sketch_encoder: Encoder | None = None,
    trained: Trained | None = None,
) -> None:
    """Write a generator, its config in the metadata, atomically. The memory stays float32 whatever the dtype.

    `hold_out` is that of its training, where it was trained, and `trained` the photos that it was trained on. With the
    `sketch_encoder`, which drawing does not need, the weights can be trained on with, and their memory can be written.
    """
    state = generator.state_dict()
    if sketch_encoder is not None:
        state |= {f"{SKETCH_ENCODER}{name}": tensor for name, tensor in sketch_encoder.state_dict().items()}
    tensors = {
        name: tensor.contiguous() if name.startswith("memory.") else tensor.to(dtype).contiguous()
        for name, tensor in state.items()
        if name not in TRAINING_ONLY
    }
    values = to_dict(generator.config)
    if hold_out is not None:
        values[HOLD_OUT] = hold_out
    if trained is not None:
        values[TRAINED] = trained.to_dict()
    # In one entry: the library writes several in a random order, and equal weights are to be equal files.
    metadata = {CONFIG_KEY: json.dumps(values)}
    write_bytes(path, save(tensors, metadata))


def load_weights(name_or_path: str | Path = DEFAULT_WEIGHTS, *, offline: bool = False) -> AnyGenerator:
    """The generator that a weights file describes, float32 on the CPU, ready to draw. Raises like `load_networks`."""
    return load_networks(name_or_path, offline=offline)[0]


def load_networks(
    name_or_path: str | Path = DEFAULT_WEIGHTS, *, offline: bool = False
) -> tuple[AnyGenerator, Encoder | None]:
    """The generator that a weights file describes, and its sketch encoder where the file has it; as `load_weights`.

    `name_or_path` is what `find_weights` understands; `offline` takes only what is on this machine. Raises
    `WeightsError` for a name that is unknown and a file that is no such weights or whose tensors do not fit
    its config.
    """
    path = find_weights(name_or_path, Hub(offline=offline))
    with open_weights(path) as (file, header):
        config = header.config
        writes = any(name.startswith(SKETCH_ENCODER) for name in header.shapes)
        # On the meta device a wrong or hostile config costs no memory before it has been compared.
        with torch.device("meta"):
            generator = build_generator(config)
            sketch_encoder = Encoder(1, config) if writes else None
        expected = generator.state_dict()
        if sketch_encoder is not None:
            expected |= {f"{SKETCH_ENCODER}{name}": tensor for name, tensor in sketch_encoder.state_dict().items()}
        wanted = {name: tuple(tensor.shape) for name, tensor in expected.items() if name not in TRAINING_ONLY}
        if header.shapes != wanted:
            names = header.shapes.keys() | wanted.keys()
            wrong = min(name for name in names if header.shapes.get(name) != wanted.get(name))
            raise WeightsError(f"{path}: tensors do not fit the network that its config describes: {wrong[:80]}")
        file.seek(0)
        state = read_tensors(path, file.read(header.size))
    if config.architecture == "most-net" and config.memory:
        state |= _training_state(config)
    if sketch_encoder is not None:
        theirs = [name for name in state if name.startswith(SKETCH_ENCODER)]
        own = {name.removeprefix(SKETCH_ENCODER): state.pop(name) for name in theirs}
        sketch_encoder.load_state_dict(own, assign=True)
        sketch_encoder.eval().requires_grad_(False)
    generator.load_state_dict(state, assign=True)
    return generator.eval().requires_grad_(False), sketch_encoder


def average_weights(
    names_or_paths: Sequence[str | Path], *, offline: bool = False
) -> tuple[AnyGenerator, Encoder | None]:
    """A generator with the mean weights of several of one config, given as `load_weights` takes them.

    Likewise the sketch encoder, if all have one. Of one training at different times, or gone on with from one start:
    others do not lie near enough to each other. Raises `WeightsError` for different configs. Reference: Izmailov et
    al. 2018; Wortsman et al. 2022.
    """
    networks = {name: load_networks(name, offline=offline) for name in dict.fromkeys(names_or_paths)}
    first = networks[names_or_paths[0]][0]
    for name, (generator, _) in networks.items():
        if generator.config != first.config:
            raise WeightsError(f"{name}: not the same network as {names_or_paths[0]}; only such can be averaged")
    encoders = [encoder for encoder in (networks[name][1] for name in names_or_paths) if encoder is not None]
    _set_to_mean([networks[name][0] for name in names_or_paths])
    if len(encoders) < len(names_or_paths):
        return first, None
    _set_to_mean(encoders)
    return first, encoders[0]


def _set_to_mean(networks: Sequence[nn.Module]) -> None:
    """Give the first the mean weights of all; one that is there twice counts twice."""
    states = [network.state_dict() for network in networks]
    for name, tensor in states[0].items():
        if tensor.is_floating_point():
            tensor.copy_(torch.stack([state[name] for state in states]).mean(dim=0))


def read_tensors(path: Path, data: bytes) -> dict[str, Tensor]:
    """The tensors in a whole file, as float32. From bytes and not mapped: nobody can change them afterwards."""
    try:
        state = {name: tensor.float() for name, tensor in load(data).items()}
    except (SafetensorError, ValueError, KeyError) as error:
        raise WeightsError(f"{path}: not a safetensors file, or cut short ({error})") from error
    broken = [name for name, tensor in state.items() if not tensor.isfinite().all()]
    if broken:
        raise WeightsError(f"{path}: {broken[0]} holds values that are not finite numbers")
    return state


def _training_state(config: ModelConfig) -> dict[str, Tensor]:
    """The memory's `TRAINING_ONLY` buffers for weights that are drawn with."""
    return {
        "memory.started": torch.ones(len(config.styles), dtype=torch.bool),
        "memory.idle": torch.zeros(len(config.styles), config.slots, dtype=torch.long),
    }

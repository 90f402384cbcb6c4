"""Weights files: a generator in, a safetensors file out, and back to a generator."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from most_sketch.checkpoints.find import DEFAULT_WEIGHTS, find_weights
from most_sketch.checkpoints.header import (
    CONFIG_KEY,
    DISCRIMINATOR,
    HOLD_OUT,
    SKETCH_ENCODER,
    TRAINED,
    Header,
    open_weights,
)
from most_sketch.checkpoints.hub import Hub
from most_sketch.checkpoints.trained import Trained
from most_sketch.config import to_dict
from most_sketch.errors import WeightsError
from most_sketch.network.build import AnyGenerator, build_generator
from most_sketch.network.config import ModelConfig
from most_sketch.network.discriminator import PatchDiscriminator
from most_sketch.network.encoder import Encoder
from most_sketch.photo.images import write_bytes
from most_sketch.saved_names import current_tensors

TRAINING_ONLY = ("memory.started", "memory.idle")
"""Buffers that matter while the memory is being updated; a released file leaves them out."""


FIRST_OF_DISCRIMINATOR = f"{DISCRIMINATOR}stages.0.0.weight"
"""Of its channels nothing is in the config, which is the generator's."""
MOST_CHANNELS = 1 << 14


class Networks(NamedTuple):
    """What a weights file holds; only the generator is drawn with."""

    generator: AnyGenerator
    sketch_encoder: Encoder | None = None
    discriminator: PatchDiscriminator | None = None


def save_weights(
    path: Path,
    networks: Networks | AnyGenerator,
    dtype: torch.dtype = torch.float32,
    hold_out: int | None = None,
    trained: Trained | None = None,
) -> None:
    """Write a generator, its config in the metadata, atomically. The memory stays float32 whatever the dtype.

    `hold_out` is that of its training, where it was trained, and `trained` the photos that it was trained on. With the
    sketch encoder, which drawing does not need, the weights can be trained on with, and their memory can be written;
    with the discriminator training goes on without unlearning: a new one would first have to learn.
    """
    generator, sketch_encoder, discriminator = networks if isinstance(networks, Networks) else Networks(networks)
    state = generator.state_dict() | prefixed(SKETCH_ENCODER, sketch_encoder) | prefixed(DISCRIMINATOR, discriminator)
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
    return load_networks(name_or_path, offline=offline).generator


def load_networks(name_or_path: str | Path = DEFAULT_WEIGHTS, *, offline: bool = False) -> Networks:
    """The networks that a weights file holds, all as `load_weights` gives the generator.

    `name_or_path` is what `find_weights` understands; `offline` takes only what is on this machine. Raises
    `WeightsError` for a name that is unknown and a file that is no such weights or whose tensors do not fit
    its config.
    """
    path = find_weights(name_or_path, Hub(offline=offline))
    with open_weights(path) as (file, header):
        config = header.config
        # On the meta device a wrong or hostile config costs no memory before it has been compared.
        with torch.device("meta"):
            generator = build_generator(config)
            writes = any(name.startswith(SKETCH_ENCODER) for name in header.shapes)
            sketch_encoder = Encoder(1, config) if writes else None
            discriminator = _discriminator_in(header)
        expected = (
            generator.state_dict() | prefixed(SKETCH_ENCODER, sketch_encoder) | prefixed(DISCRIMINATOR, discriminator)
        )
        wanted = {name: tuple(tensor.shape) for name, tensor in expected.items() if name not in TRAINING_ONLY}
        if header.shapes != wanted:
            names = header.shapes.keys() | wanted.keys()
            wrong = min(name for name in names if header.shapes.get(name) != wanted.get(name))
            raise WeightsError(f"{path}: tensors do not fit the network that its config describes: {wrong[:80]}")
        file.seek(0)
        state = read_tensors(path, file.read(header.size))
    if config.architecture == "most-net" and config.memory:
        state |= _training_state(config)
    for prefix, network in ((SKETCH_ENCODER, sketch_encoder), (DISCRIMINATOR, discriminator)):
        if network is not None:
            theirs = [name for name in state if name.startswith(prefix)]
            own = {name.removeprefix(prefix): state.pop(name) for name in theirs}
            network.load_state_dict(own, assign=True)
            network.eval().requires_grad_(False)
    generator.load_state_dict(state, assign=True)
    return Networks(generator.eval().requires_grad_(False), sketch_encoder, discriminator)


def prefixed(prefix: str, network: nn.Module | None) -> dict[str, Tensor]:
    """A network's tensors by their names in a weights file."""
    return {} if network is None else {f"{prefix}{name}": tensor for name, tensor in network.state_dict().items()}


def _discriminator_in(header: Header) -> PatchDiscriminator | None:
    """One of as many channels as the file's, if it has any; other shapes are found out when all are compared."""
    first = header.shapes.get(FIRST_OF_DISCRIMINATOR)
    if not first or not 1 <= first[0] <= MOST_CHANNELS:
        return None
    return PatchDiscriminator(len(header.config.styles), first[0])


def average_weights(names_or_paths: Sequence[str | Path], *, offline: bool = False) -> Networks:
    """A generator with the mean weights of several of one config, given as `load_weights` takes them.

    Likewise the sketch encoder, if all have one; the discriminator is that of the first. Of one training at different
    times, or gone on with from one start: others do not lie near enough to each other. Raises `WeightsError` for
    different configs. Reference: Izmailov et al. 2018; Wortsman et al. 2022.
    """
    networks = {name: load_networks(name, offline=offline) for name in dict.fromkeys(names_or_paths)}
    first = networks[names_or_paths[0]]
    for name, network in networks.items():
        if network.generator.config != first.generator.config:
            raise WeightsError(f"{name}: not the same network as {names_or_paths[0]}; only such can be averaged")
    encoders = [encoder for name in names_or_paths if (encoder := networks[name].sketch_encoder) is not None]
    _set_to_mean([networks[name].generator for name in names_or_paths])
    if len(encoders) < len(names_or_paths):
        return first._replace(sketch_encoder=None)
    _set_to_mean(encoders)
    return first


def _set_to_mean(networks: Sequence[nn.Module]) -> None:
    """Give the first the mean weights of all; one that is there twice counts twice."""
    states = [network.state_dict() for network in networks]
    for name, tensor in states[0].items():
        if tensor.is_floating_point():
            tensor.copy_(torch.stack([state[name] for state in states]).mean(dim=0))


def read_tensors(path: Path, data: bytes) -> dict[str, Tensor]:
    """The tensors in a whole file, as float32. From bytes and not mapped: nobody can change them afterwards."""
    try:
        state = {name: tensor.float() for name, tensor in current_tensors(load(data)).items()}
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

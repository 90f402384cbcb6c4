"""A style's file: a memory that was taught to a network and a small change of its renderer, for those weights alone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from most_sketch.checkpoints.header import STYLE_KEY, Contents, brief, load_json, open_safetensors
from most_sketch.checkpoints.manifest import checksum
from most_sketch.checkpoints.weights import TRAINING_ONLY, read_tensors
from most_sketch.config import from_dict, to_dict
from most_sketch.errors import InputError, WeightsError
from most_sketch.network.build import AnyGenerator
from most_sketch.network.config import STYLE_NAME, ModelConfig
from most_sketch.network.generator import Generator, Renderer
from most_sketch.network.lora import changed
from most_sketch.photo.images import write_bytes

STYLE_FORMAT = 1
MAX_STYLE = 1 << 24
"""Bytes of the largest style that is read; those of `most-net` have 0.6 million."""
OFFSET = "offset"
CHANGE = "renderer."
"""Begins the names of a change's tensors."""
MAX_TEXT = 200
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class StyleInfo:
    """What a style's file says of itself. Raises `ValueError` for what no file of ours says."""

    format: int = STYLE_FORMAT
    name: str = "style"
    description: str = ""
    """What it looks like, in a few words."""
    weights: str = ""
    """What the weights that it was taught to were called then."""
    sha256: str = "0" * 64
    """The checksum of those weights' file."""
    pairs: int = 1
    """How many it was taught from."""
    made: str = ""
    """How."""
    paper: float = 1.0
    """Tone of its paper, from black at -1 to white at 1."""

    def __post_init__(self) -> None:
        if self.format != STYLE_FORMAT:
            raise ValueError(f"format {self.format} is not {STYLE_FORMAT}; written by a newer most-sketch?")
        check_name(self.name)
        for text in (self.description, self.weights, self.made):
            if len(text) > MAX_TEXT or not text.isprintable():
                raise ValueError(f"a text is one line of at most {MAX_TEXT} characters, not {text!r}")
        if not SHA256.fullmatch(self.sha256):
            raise ValueError(f"sha256 is 64 hexadecimal digits, not {self.sha256!r}")
        if self.pairs < 1:
            raise ValueError(f"pairs must be from 1, not {self.pairs}")
        if not -1 <= self.paper <= 1:
            raise ValueError(f"paper must be from -1 to 1, not {self.paper}")


@dataclass(frozen=True)
class Style:
    """A style that was taught, in float32."""

    info: StyleInfo
    keys: Tensor
    """(K, C), as `memory.Memory` has them for each style."""
    values: Tensor
    change: Mapping[str, Tensor] = field(default_factory=dict)
    """Of the renderer, as `lora.change_of` has it; empty if it is the network's own."""
    offset: Tensor | None = None
    """(C,), added to what is read from the memory, of weights with `style_offsets`."""

    def half(self) -> Style:
        """As it is after it was saved."""
        change = {name: tensor.half().float() for name, tensor in self.change.items()}
        offset = None if self.offset is None else self.offset.half().float()
        return Style(self.info, self.keys.half().float(), self.values.half().float(), change, offset)


def check_name(name: str) -> None:
    """Raises `ValueError` for what no new style can be called."""
    if not STYLE_NAME.fullmatch(name):
        raise ValueError(f"a style's name is up to 40 letters, digits, _, + and -, not {name!r}")
    if name == "all":
        raise ValueError("all means every style, and cannot be the name of one")


def save_style(path: Path, style: Style) -> None:
    """Write a style in half precision, in full or not at all. Raises `InputError` that says why not."""
    tensors = {"keys": style.keys, "values": style.values}
    tensors |= {} if style.offset is None else {OFFSET: style.offset}
    tensors |= {f"{CHANGE}{name}": tensor for name, tensor in style.change.items()}
    halves = {name: tensor.half().contiguous() for name, tensor in tensors.items()}
    write_bytes(path, save(halves, {STYLE_KEY: json.dumps(to_dict(style.info))}))


def read_style_info(path: Path) -> StyleInfo:
    """What a style's file says of itself, without its tensors. Raises `WeightsError`."""
    with open_safetensors(path) as (_, contents):
        return _info(path, contents)


def read_style(path: Path) -> Style:
    """The style in a file. Raises `WeightsError` for what cannot be one."""
    with open_safetensors(path) as (file, contents):
        info = _info(path, contents)
        shapes = contents.shapes
        memory = {name: shape for name, shape in shapes.items() if not name.startswith(CHANGE)}
        offset = memory.pop(OFFSET, None)
        if memory.keys() != {"keys", "values"} or memory["keys"] != memory["values"] or len(memory["keys"]) != 2:
            raise WeightsError(f"{path}: its tensors are not the keys and values of a memory")
        if offset is not None and offset != memory["keys"][1:]:
            raise WeightsError(f"{path}: its offset is of another shape than its memory")
        if any(len(name) > MAX_TEXT or not name.isprintable() for name in shapes):
            raise WeightsError(f"{path}: its tensors have names that no style's have")
        file.seek(0)
        tensors = read_tensors(path, file.read(contents.size))
    change = {name.removeprefix(CHANGE): tensor for name, tensor in tensors.items() if name.startswith(CHANGE)}
    return Style(info, tensors["keys"], tensors["values"], change, tensors.get(OFFSET))


def read_styles_of(weights: Path, called: str | Path, paths: Iterable[Path]) -> list[Style]:
    """The styles in files, all taught to the weights in a file, which are `called` so.

    Raises `WeightsError` for a style of other weights.
    """
    styles = [(path, read_style(path)) for path in paths]
    own = checksum(weights) if styles else ""
    for path, style in styles:
        info = style.info
        if info.sha256 != own:
            raise WeightsError(
                f"{path}: the style {info.name} belongs to the weights {info.weights} ({info.sha256[:12]}), "
                f"not to {called} ({own[:12]})"
            )
    return [style for _, style in styles]


def with_names(config: ModelConfig, names: Sequence[str]) -> ModelConfig:
    """The config with more styles after its own. Raises `InputError` for a name that is there already."""
    try:
        for name in names:
            if name in config.styles:
                raise ValueError(f"the weights have a style {name} already")
        return replace(config, styles=(*config.styles, *names))
    except ValueError as error:
        raise InputError(str(error)) from error


def with_styles(generator: AnyGenerator, styles: Sequence[Style]) -> AnyGenerator:
    """A generator that draws in more styles: the same tensors, and of each a memory and its renderer, if it has one.

    Raises `InputError` for a name that is there already, `WeightsError` for what does not fit the network.
    """
    if not styles:
        return generator
    config = with_names(generator.config, [style.info.name for style in styles])
    return _extended(generator, config, styles)


def style_alone(generator: AnyGenerator, style: Style) -> Generator:
    """A generator of the same network that draws in one taught style and no other. Errors as `with_styles`."""
    alone = _extended(generator, replace(generator.config, styles=(style.info.name,)), [replace(style, change={})])
    if style.change:
        alone.renderer = _changed(alone.renderer, style)
    return alone


def _extended(generator: AnyGenerator, config: ModelConfig, styles: Sequence[Style]) -> Generator:
    """A generator of this config, whose last styles are these, after the first of its own."""
    if not isinstance(generator, Generator) or not config.memory:
        raise WeightsError(f"the style {styles[0].info.name} is a memory, and these weights are without (memory=false)")
    own = len(config.styles) - len(styles)
    state = {name: tensor for name, tensor in generator.state_dict().items() if not name.startswith("own_renderers.")}
    memories = {"memory.keys": [style.keys for style in styles], "memory.values": [style.values for style in styles]}
    offsets = [style.offset for style in styles if style.offset is not None]
    if len(offsets) != (len(styles) if config.style_offsets else 0):
        raise WeightsError(f"the style {styles[0].info.name} is of another kind of memory than the weights'")
    if config.style_offsets:
        memories["memory.offsets"] = offsets
    for name, more in memories.items():
        for style, tensor in zip(styles, more, strict=True):
            if tensor.shape != state[name].shape[1:]:
                raise WeightsError(f"the memory of the style {style.info.name} is of another shape than the weights'")
        state[name] = torch.cat([state[name][:own], torch.stack(more).to(state[name])])
    for name, fresh in zip(TRAINING_ONLY, (True, 0), strict=True):
        more = state[name].new_full((len(styles), *state[name].shape[1:]), fresh)
        state[name] = torch.cat([state[name][:own], more])
    with torch.device("meta"):
        extended = Generator(config)
    extended.load_state_dict(state, assign=True)
    extended.paper = (*generator.paper[:own], *(style.info.paper for style in styles))
    extended.own_renderers.update({place: each for place, each in generator.own_renderers.items() if int(place) < own})
    for place, style in enumerate(styles, own):
        if style.change:
            extended.own_renderers[str(place)] = _changed(generator.renderer, style)
    return extended.eval().requires_grad_(False)


def _changed(renderer: Renderer, style: Style) -> Renderer:
    device = next(renderer.parameters()).device
    try:
        return changed(renderer, {name: tensor.to(device) for name, tensor in style.change.items()})
    except ValueError as error:
        raise WeightsError(f"the style {style.info.name} changes what the weights have not: {error}") from error


def _info(path: Path, contents: Contents) -> StyleInfo:
    metadata = contents.metadata
    text = metadata.get(STYLE_KEY) if isinstance(metadata, dict) else None
    if not isinstance(text, str):
        raise WeightsError(f"{path}: not a style of most-sketch (no {STYLE_KEY} in its metadata)")
    if contents.size > MAX_STYLE:
        raise WeightsError(f"{path}: larger than the {MAX_STYLE >> 20} MiB that a style may have")
    try:
        return from_dict(StyleInfo, load_json(text))
    except (ValueError, RecursionError, WeightsError) as error:
        raise WeightsError(f"{path}: {STYLE_KEY} in its metadata cannot be used ({brief(error)})") from error

"""What a weights file or a style's file claims to be: its header, checked before memory is taken or anything is built.

A safetensors file is eight bytes of length, a JSON header of that length, and the tensors' bytes. A file may come
from anywhere, so nothing in it is believed: every size is bounded, and compared with the file's own.
"""

from __future__ import annotations

import json
import math
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from most_sketch.checkpoints.trained import Trained
from most_sketch.config import from_dict
from most_sketch.errors import WeightsError
from most_sketch.network.config import ModelConfig
from most_sketch.saved_names import current_tensors

CONFIG_KEY = "most_sketch_model"
"""Where the metadata of a weights file holds its `ModelConfig`, as JSON."""

STYLE_KEY = "most_sketch_style"
"""Where the metadata of a style's file holds its `styles.StyleInfo`, as JSON."""

STYLE_SUFFIX = ".safetensors"
"""Where a style can be named or be a file, what ends so is a file: no style's name has a point."""

HOLD_OUT = "hold_out"
"""What may be beside that: which pairs the training held out, `TrainConfig.hold_out`."""

TRAINED = "trained"
"""And what it was trained on, `Trained`."""

SKETCH_ENCODER = "sketch_encoder."
DISCRIMINATOR = "discriminator."
"""What the names of the tensors of networks begin with that only training has, in a file that has them."""
NOT_DRAWN_WITH = (SKETCH_ENCODER, DISCRIMINATOR)

MAX_FILE = 1 << 31
"""Bytes of the largest file that is read or downloaded; the paper's network in float32 has 60 million."""

MAX_HEADER = 1 << 20
"""Bytes of the largest header that is parsed; ours have 30 thousand."""

ITEM_SIZES = {"F32": 4, "F16": 2, "BF16": 2}
"""Types of tensors that weights may have, and the bytes of an element."""


class Place(NamedTuple):
    """Of a tensor: its type, one of `ITEM_SIZES`, and where its bytes begin and end, counted behind the header."""

    dtype: str
    begin: int
    end: int


@dataclass(frozen=True)
class Contents:
    """What a safetensors file says to hold: tensors that it has room for, and metadata that nobody has checked."""

    metadata: Any
    shapes: dict[str, tuple[int, ...]]
    places: dict[str, Place]
    dtypes: frozenset[str]
    size: int
    """Bytes of the whole file."""


@dataclass(frozen=True)
class Header:
    """The network that a file describes and the tensors that it says to hold."""

    config: ModelConfig
    hold_out: int | None
    """Every n-th pair of each database was held out of the training, 0: none was; None if that is not known."""
    trained: Trained | None
    """The photos that it was trained on, None if that is not known."""
    shapes: dict[str, tuple[int, ...]]
    places: dict[str, Place]
    dtypes: frozenset[str]
    size: int
    """Bytes of the whole file."""

    @property
    def parameters(self) -> int:
        """Numbers in all tensors together."""
        return sum(map(math.prod, self.shapes.values()))


@contextmanager
def open_safetensors(path: Path) -> Iterator[tuple[BufferedReader, Contents]]:
    """The open file, after its header, and what that says. Raises `WeightsError` for what is no such file."""
    try:
        if path.is_dir():
            raise WeightsError(f"{path}: is a folder, not a file")
        # Opening a FIFO would wait for a writer for ever.
        if path.exists() and not path.is_file():
            raise WeightsError(f"{path}: not a regular file")
        with path.open("rb") as file:
            yield file, _parse(path, file)
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror or error})") from error


@contextmanager
def open_weights(path: Path) -> Iterator[tuple[BufferedReader, Header]]:
    """The open file, after its header, and what that says. Raises `WeightsError` for what cannot be weights."""
    with open_safetensors(path) as (file, contents):
        config = _config(path, contents.metadata)
        yield file, Header(*config, contents.shapes, contents.places, contents.dtypes, contents.size)


def read_header(path: Path) -> Header:
    """What a weights file says about itself. Raises like `open_weights`."""
    with open_weights(path) as (_, header):
        return header


def is_style(path: Path) -> bool:
    """Does a file say that it is a style, whether or not it can be used? Raises like `open_safetensors`."""
    with open_safetensors(path) as (_, contents):
        return isinstance(contents.metadata, dict) and STYLE_KEY in contents.metadata


def _parse(path: Path, file: BufferedReader) -> Contents:
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        raise WeightsError(f"{path}: not a regular file")
    if status.st_size > MAX_FILE:
        raise WeightsError(f"{path}: larger than the {MAX_FILE >> 30} GiB that weights may have")
    length = int.from_bytes(file.read(8), "little")
    body = status.st_size - 8 - length
    if length < 2 or body < 0:
        raise WeightsError(f"{path}: not a safetensors file, or cut short")
    if length > MAX_HEADER:
        raise WeightsError(f"{path}: its header is larger than the {MAX_HEADER >> 20} MiB that are read")
    try:
        header = load_json(file.read(length))
        metadata = header.pop("__metadata__", {})
        shapes = current_tensors({name: _shape(tensor, body) for name, tensor in header.items()})
        if len(shapes) < len(header):
            raise ValueError("a tensor by its old and its new name")
        places = current_tensors(
            {name: Place(tensor["dtype"], *tensor["data_offsets"]) for name, tensor in header.items()}
        )
        _fill(places.values(), body)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise WeightsError(f"{path}: not a safetensors file that can be read ({brief(error)})") from error
    return Contents(metadata, shapes, places, frozenset(place.dtype for place in places.values()), status.st_size)


def _fill(places: Iterable[Place], body: int) -> None:
    """Raises `ValueError` unless tensors lie one behind the other from the first byte to the last."""
    end = 0
    for place in sorted(places, key=lambda place: place.begin):
        if place.begin != end:
            raise ValueError("tensors that overlap, or bytes of none")
        end = place.end
    if end != body:
        raise ValueError("another length than that of its tensors")


def _shape(tensor: dict[str, Any], body: int) -> tuple[int, ...]:
    """The shape of one entry of the header."""
    shape, (begin, end) = tensor["shape"], tensor["data_offsets"]
    dtype = tensor["dtype"]
    if dtype not in ITEM_SIZES:
        raise ValueError(f"a tensor of type {dtype}; there are {', '.join(ITEM_SIZES)}")
    sizes = [*shape, begin, end]
    # Not `isinstance`: true is an int as well.
    if not all(type(size) is int and 0 <= size <= MAX_FILE for size in sizes) or 0 in shape or end > body:
        raise ValueError("a tensor that is not in the file")
    # At most eight factors of 31 bits each.
    if len(shape) > 8 or math.prod(shape) * ITEM_SIZES[dtype] != end - begin:
        raise ValueError("a tensor of another size than its shape")
    return tuple(shape)


def _config(path: Path, metadata: Any) -> tuple[ModelConfig, int | None, Trained | None]:
    text = metadata.get(CONFIG_KEY) if isinstance(metadata, dict) else None
    if isinstance(metadata, dict) and text is None and STYLE_KEY in metadata:
        raise WeightsError(f"{path}: is a style, not weights; draw in it with --style {path}")
    if not isinstance(text, str):
        raise WeightsError(f"{path}: not weights of most-sketch (no {CONFIG_KEY} in its metadata)")
    try:
        values = load_json(text)
        hold_out = values.pop(HOLD_OUT, None)
        # Not `isinstance`: true is an int as well.
        if hold_out is not None and (type(hold_out) is not int or hold_out < 0):
            raise ValueError(f"{HOLD_OUT} is no number from 0 up")
        trained = Trained.parse(values.pop(TRAINED)) if TRAINED in values else None
        return from_dict(ModelConfig, values), hold_out, trained
    except (ValueError, RecursionError, WeightsError) as error:
        raise WeightsError(f"{path}: {CONFIG_KEY} in its metadata cannot be used ({brief(error)})") from error


def load_json(text: str | bytes) -> dict[str, Any]:
    """A JSON object, without the liberties of Python's parser: no name twice, no NaN. Raises `ValueError`."""
    if isinstance(text, bytes):
        # `json.loads` would guess at UTF-16 and UTF-32.
        text = text.decode()
    value = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse)
    if not isinstance(value, dict):
        raise ValueError("no JSON object")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("a name twice")
    return values


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")


def brief(error: Exception) -> str:
    """An error's message, of which a hostile file may have made a megabyte."""
    text = str(error) or type(error).__name__
    return text if len(text) <= 200 else f"{text[:200]}..."

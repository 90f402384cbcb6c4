"""A graph and its weights as one ONNX file, for the browser. Without the onnx package, which not everybody has.

An ONNX file is a protocol buffer: fields, each a tag (its number and kind) and a value. Those that are not looked at
here are copied as they are. Reference: onnx.proto of ONNX, and protobuf's page on its encoding.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from most_sketch.checkpoints.arrays import Array
from most_sketch.errors import WeightsError

SMALL = 1024
"""Numbers of a tensor that is not worth a node to be kept smaller."""

VARINT, LENGTH = 0, 2
FIXED = {1: 8, 5: 4}
"""Kinds of fields: a number, so many bytes, and numbers of fixed lengths."""

MODEL_GRAPH = 7
GRAPH_NODE, GRAPH_INITIALIZER = 1, 5
NODE_INPUT, NODE_OUTPUT, NODE_TYPE, NODE_ATTRIBUTE = 1, 2, 4, 5
ATTRIBUTE_NAME, ATTRIBUTE_INT, ATTRIBUTE_TYPE = 1, 3, 20
TENSOR_DIMS, TENSOR_TYPE, TENSOR_NAME, TENSOR_RAW, TENSOR_LOCATION = 1, 2, 8, 9, 14
EXTERNAL = 1
INT_ATTRIBUTE = 2
FLOAT = 1
TYPES = {"float32": FLOAT, "float16": 10}
"""Numbers of fields and values, as onnx.proto has them."""


def whole_model(graph: bytes, weights: Mapping[str, Array]) -> bytes:
    """A graph as `onnx_graphs` makes it, with the weights in its places. Raises `WeightsError` where one is missing."""
    return b"".join(
        _field(number, _filled(value, weights)) if number == MODEL_GRAPH else raw
        for number, value, raw in _fields(graph)
    )


def _filled(graph: bytes, weights: Mapping[str, Array]) -> bytes:
    tensors, nodes, others = [], [], []
    for number, value, raw in _fields(graph):
        if number == GRAPH_INITIALIZER and (name := _place(value)) is not None:
            if name not in weights:
                raise WeightsError(f"the weights have no tensor {name}, which their network needs")
            more_tensors, more_nodes = _stored(name, weights[name])
            tensors += more_tensors
            nodes += more_nodes
        else:
            others.append(raw)
    # Nodes in the order in which they can be computed.
    return b"".join((*nodes, *others, *tensors))


def _place(tensor: bytes) -> str | None:
    """The name of a tensor that is said to be in another file, None of any other."""
    values = {number: value for number, value, _ in _fields(tensor)}
    return values[TENSOR_NAME].decode() if values.get(TENSOR_LOCATION) == EXTERNAL else None


def _stored(name: str, values: Array) -> tuple[list[bytes], list[bytes]]:
    """A tensor as initializers, and the nodes that make float32 numbers of them.

    In half precision where that loses nothing, as of all bundled weights: half the size.
    """
    if values.size < SMALL:
        return [_tensor(name, values)], []
    with np.errstate(over="ignore"):
        halves = values.astype(np.float16)
    if np.array_equal(halves.astype(np.float32), values):
        return [_tensor(f"{name}.half", halves)], [_cast(f"{name}.half", name)]
    return [_tensor(name, values)], []


def _tensor(name: str, values: NDArray[Any]) -> bytes:
    dims = b"".join(_field(TENSOR_DIMS, side) for side in values.shape)
    kind = _field(TENSOR_TYPE, TYPES[values.dtype.name])
    raw = np.ascontiguousarray(values).astype(values.dtype.newbyteorder("<")).tobytes()
    return _field(GRAPH_INITIALIZER, dims + kind + _field(TENSOR_NAME, name.encode()) + _field(TENSOR_RAW, raw))


def _cast(name: str, into: str) -> bytes:
    """A node that makes float32 numbers of a tensor."""
    attribute = _field(ATTRIBUTE_NAME, b"to") + _field(ATTRIBUTE_INT, FLOAT) + _field(ATTRIBUTE_TYPE, INT_ATTRIBUTE)
    parts = (
        (NODE_INPUT, name.encode()),
        (NODE_OUTPUT, into.encode()),
        (NODE_TYPE, b"Cast"),
        (NODE_ATTRIBUTE, attribute),
    )
    return _field(GRAPH_NODE, b"".join(_field(number, value) for number, value in parts))


def _field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3 | VARINT) + _varint(value)
    return _varint(number << 3 | LENGTH) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; the eighth says that more come."""
    parts = [value >> shift & 0x7F for shift in range(0, max(value.bit_length(), 1), 7)]
    return bytes([*(part | 0x80 for part in parts[:-1]), parts[-1]])


def _fields(message: bytes) -> Iterator[tuple[int, Any, bytes]]:
    """The number of each field, its value (of fixed lengths None), and the bytes of it all."""
    place = 0
    while place < len(message):
        start = place
        tag, place = _read_varint(message, place)
        number, kind = tag >> 3, tag & 7
        value: int | bytes | None = None
        if kind == VARINT:
            value, place = _read_varint(message, place)
        elif kind == LENGTH:
            length, place = _read_varint(message, place)
            value, place = message[place : place + length], place + length
        elif kind in FIXED:
            place += FIXED[kind]
        else:
            raise WeightsError("the network's graph is damaged; install most-sketch anew")
        if place > len(message):
            raise WeightsError("the network's graph is cut short; install most-sketch anew")
        yield number, value, message[start:place]


def _read_varint(message: bytes, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(message):
            raise WeightsError("the network's graph is cut short; install most-sketch anew")
        byte = message[place]
        value, place = value | (byte & 0x7F) << shift, place + 1
        if byte < 0x80:
            return value, place
    raise WeightsError("the network's graph is damaged; install most-sketch anew")

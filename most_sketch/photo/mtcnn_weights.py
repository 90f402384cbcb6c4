"""The weights of MTCNN's three networks, as the facenet-pytorch package carries them. No torch here.

They are files of the kind that `torch.save` wrote before version 1.6: pickles of a magic number, the version, what the
machine was like, the tensors, and the names of their memories; then each memory, its length before it.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from most_sketch.errors import WeightsError

WEIGHTS_PACKAGE = "facenet_pytorch"
NETWORKS = ("pnet", "rnet", "onet")

Arrays = dict[str, NDArray[np.float32]]


def read_cascade_weights() -> tuple[Arrays, Arrays, Arrays]:
    """Those of P-Net, R-Net and O-Net, by their names. Raises `WeightsError` where they are missing or damaged."""
    # Found, not imported: the package brings torchvision.
    spec = find_spec(WEIGHTS_PACKAGE)
    if spec is None or spec.origin is None:
        raise WeightsError("the face detector's weights are missing; pip install facenet-pytorch brings them")
    folder = Path(spec.origin).parent / "data"
    p_net, r_net, o_net = (_read(folder / f"{name}.pt") for name in NETWORKS)
    return p_net, r_net, o_net


def _read(path: Path) -> Arrays:
    try:
        with path.open("rb") as file:
            for _ in range(3):
                _Tensors(file).load()
            reader = _Tensors(file)
            tensors = reader.load()
            for key in _Tensors(file).load():
                memory = reader.memories[key]
                # Eight bytes of its length, which the tensors have told.
                file.seek(8, 1)
                memory[:] = np.frombuffer(file.read(memory.nbytes), "<f4")
        return {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    except Exception as error:
        # What a damaged pickle raises is not told: EOFError, UnpicklingError, KeyError, ValueError, ...
        raise WeightsError(f"{path}: not the face detector's weights; install facenet-pytorch anew") from error


class _Tensors(pickle.Unpickler):
    """Reads tensors as views of memories that are filled later. Nothing else is called, whatever a file says."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file)
        self.memories: Arrays = {}

    def find_class(self, module: str, name: str) -> Any:
        """What a pickle may name."""
        return {
            "collections.OrderedDict": OrderedDict,
            "torch._utils._rebuild_tensor_v2": _view,
            "torch.FloatStorage": None,
        }[f"{module}.{name}"]

    def persistent_load(self, identity: Any) -> NDArray[np.float32]:
        """A memory of so many numbers."""
        _, _, key, _, count, _ = identity
        return self.memories.setdefault(key, np.empty(count, np.float32))


def _view(
    memory: NDArray[np.float32], start: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object
) -> NDArray[np.float32]:
    last = start + sum((length - 1) * stride for length, stride in zip(shape, strides, strict=True))
    if min(start, *strides, *shape) < 0 or last >= len(memory):
        raise ValueError("a tensor that is not in its memory")
    return as_strided(memory[start:], shape, [stride * memory.itemsize for stride in strides])

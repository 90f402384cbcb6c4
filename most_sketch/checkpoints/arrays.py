"""The tensors of a weights file as numpy arrays. No torch here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, deserialize

from most_sketch.checkpoints.header import NOT_DRAWN_WITH, open_weights
from most_sketch.errors import WeightsError
from most_sketch.saved_names import current_tensor

Array = NDArray[np.float32]

TO_FLOAT32: dict[str, Callable[[Any], Array]] = {
    "F32": lambda data: np.frombuffer(data, "<f4"),
    "F16": lambda data: np.frombuffer(data, "<f2").astype(np.float32),
    # The upper half of float32's bits.
    "BF16": lambda data: (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32),
}
"""For each of `header.ITEM_SIZES`."""


def read_arrays(path: Path) -> dict[str, Array]:
    """What is drawn with of the tensors in a weights file, float32. Raises `WeightsError` as `weights.read_tensors`."""
    with open_weights(path) as (file, header):
        file.seek(0)
        try:
            tensors = deserialize(file.read(header.size))  # type: ignore[no-untyped-call]
        except (SafetensorError, ValueError) as error:
            raise WeightsError(f"{path}: not a safetensors file, or cut short ({error})") from error
    arrays = {
        current_tensor(name): TO_FLOAT32[tensor["dtype"]](tensor["data"]).reshape(tensor["shape"])
        for name, tensor in tensors
        if not name.startswith(NOT_DRAWN_WITH)
    }
    broken = [name for name, array in arrays.items() if not np.isfinite(array).all()]
    if broken:
        raise WeightsError(f"{path}: {broken[0]} holds values that are not finite numbers")
    return arrays

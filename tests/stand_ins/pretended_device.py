"""A GPU that a CPU pretends to be: counts what a GPU would be waited for, and refuses what a GPU would refuse."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakTensorKeyDictionary

aten = torch.ops.aten
READS = {
    overload
    for packet in (
        aten._local_scalar_dense,
        aten.nonzero,
        aten.masked_select,
        aten.equal,
        aten._unique2,
        aten.is_nonzero,
    )
    for overload in (getattr(packet, name) for name in packet.overloads())
}
"""Operators whose result, or its size, the host must know."""
INDEXED = {aten.index.Tensor, aten.index_put.default, aten.index_put_.default, aten._unsafe_index.Tensor}
"""Operators that read a mask back to know how much it chooses."""
TO_THE_HOST = {Tensor.tolist, Tensor.cpu, Tensor.numpy}
TO_THE_DEVICE = {torch.tensor, torch.as_tensor, Tensor.new_tensor}


class PretendedDevice:
    """Tensors that were moved to the device, and all that was computed of them, against those of the host."""

    def __init__(self, tensors: Iterable[Tensor]) -> None:
        self._there: Any = WeakTensorKeyDictionary()
        self.waits: Counter[str] = Counter()
        for tensor in tensors:
            self.put(tensor)

    def put(self, tensor: Tensor) -> Tensor:
        self._there[tensor] = True
        return tensor

    def has(self, tensor: object) -> bool:
        return isinstance(tensor, Tensor) and tensor in self._there

    @contextmanager
    def watched(self) -> Iterator[Counter[str]]:
        """Count by name, while the context lasts, the calls that would wait for a GPU."""
        self.waits.clear()
        with _Calls(self), _Operators(self):
            yield self.waits


class _Operators(TorchDispatchMode):
    """What reaches the device, gradients too."""

    def __init__(self, device: PretendedDevice) -> None:
        super().__init__()
        self.device = device

    def __torch_dispatch__(self, operator: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        there = [tensor for tensor in given if self.device.has(tensor)]
        if there:
            masks = operator in INDEXED and any(
                leaf.dtype is torch.bool for leaf in tree_leaves(args[1]) if leaf is not None
            )
            if operator in READS or masks:
                self.device.waits[str(operator)] += 1
            strangers = [tensor for tensor in given if tensor.ndim and not self.device.has(tensor)]
            if strangers:
                raise RuntimeError(f"{operator}: tensors on two devices, {[tuple(t.shape) for t in given]}")
        result = operator(*args, **(kwargs or {}))
        if there and operator not in READS:
            for leaf in tree_leaves(result):
                if isinstance(leaf, Tensor):
                    self.device.put(leaf)
        return result


class _Calls(TorchFunctionMode):
    """What is asked for in Python: on a CPU moving a tensor does nothing that an operator would see."""

    def __init__(self, device: PretendedDevice) -> None:
        super().__init__()
        self.device = device

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(function, "__name__", str(function))
        if function in TO_THE_HOST and self.device.has(args[0]):
            self.device.waits[name] += 1
        result = function(*args, **kwargs)
        if not isinstance(result, Tensor):
            return result
        if function is Tensor.to and any(isinstance(value, torch.device) for value in (*args[1:], *kwargs.values())):
            if self.device.has(args[0]):
                return result
            self.device.waits["to, waiting"] += not kwargs.get("non_blocking")
            # On a CPU it is the host's own.
            return self.device.put(result.clone())
        # What asks for "cpu" by that name, as optimisers do for their counts, means the host.
        made_there = isinstance(kwargs.get("device"), torch.device)
        if function in TO_THE_DEVICE and (self.device.has(args[0]) or made_there):
            self.device.waits[name] += 1
        return self.device.put(result) if made_there else result

"""Networks that torchvision has trained on ImageNet: from its cache, else from its server.

`torch.hub` does the work. What is ours: offline makes no connection, a server that stays silent ends in a time-out, and
what lies in the cache is compared with its checksum.
"""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import torch
from torch import Tensor

from most_sketch.checkpoints.hub import is_offline
from most_sketch.errors import WeightsError, first_line

PATIENCE = 4.0
"""Seconds to wait for a server to answer at all."""
SILENCE = 20.0
"""Seconds without a byte after which a download counts as broken off."""


def torchvision_weights(url: str, *, offline: bool = False) -> Mapping[str, Tensor]:
    """The tensors of a network by the address that torchvision has for it, `.../NAME-CHECKSUM.pth`, on the CPU.

    Raises `WeightsError` that says in a few words why they are not to be had.
    """
    cached = Path(torch.hub.get_dir()) / "checkpoints" / Path(url).name
    try:
        if cached.is_file():
            if not _is_intact(cached):
                raise WeightsError(f"the copy in torchvision's cache is damaged; delete {cached.name} there")
        elif is_offline(offline):
            raise WeightsError("not in torchvision's cache, and no connection was made")
        else:
            _knock(url)
        with _time_out(SILENCE):
            state: Mapping[str, Tensor] = torch.hub.load_state_dict_from_url(
                url, map_location="cpu", progress=False, check_hash=True, weights_only=True
            )
    except (OSError, RuntimeError) as error:
        raise WeightsError(f"could not be downloaded: {first_line(error)}") from error
    return state


def _is_intact(cached: Path) -> bool:
    """Whether a file has the checksum that torchvision puts into its name, as in `alexnet-owt-7be5be79.pth`."""
    digest = hashlib.sha256()
    with cached.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest().startswith(cached.stem.rpartition("-")[2])


def _knock(url: str) -> None:
    """Raise `OSError` unless the server takes a connection soon, or a proxy is to be asked in its place."""
    from urllib.request import getproxies

    address = urlsplit(url)
    if address.scheme not in getproxies():
        port = address.port or {"http": 80}.get(address.scheme, 443)
        socket.create_connection((address.hostname or "", port), PATIENCE).close()


@contextmanager
def _time_out(seconds: float) -> Iterator[None]:
    """For all new connections of the process: `torch.hub` takes no time-out, and would wait for ever."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)

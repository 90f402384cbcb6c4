"""Networks of torchvision: no connection where none is wanted, and no waiting for ever where nobody answers."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from most_sketch.checkpoints import torchvision_weights as module
from most_sketch.checkpoints.torchvision_weights import torchvision_weights
from most_sketch.errors import WeightsError


@pytest.fixture
def silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a network on a server that takes connections and never answers; an empty cache."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(module, "SILENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/network-0123abcd.pth"


def test_a_silent_server_ends_in_a_time_out(silent: str) -> None:
    with pytest.raises(WeightsError, match=r"could not be downloaded: .*timed out"):
        torchvision_weights(silent)
    assert socket.getdefaulttimeout() is None


@pytest.mark.parametrize("by_variable", [False, True])
def test_offline_makes_no_connection(silent: str, by_variable: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        pytest.fail("a connection was made")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", by_variable)
    with pytest.raises(WeightsError, match="no connection was made"):
        torchvision_weights(silent, offline=not by_variable)


def test_nobody_there_is_told(silent: str) -> None:
    with pytest.raises(WeightsError, match=r"could not be downloaded: .*refused"):
        torchvision_weights(silent.replace(silent.split(":")[2].split("/")[0], "1"))

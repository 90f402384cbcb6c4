"""Weights from and to a Hub: every case is spoken over HTTP with a server on this machine."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from conftest import Command
from hub_server import CHUNK, OWNER_TOKEN, Fault, HubServer
from huggingface_hub import constants
from huggingface_hub.utils import close_session

from most_sketch.checkpoints.find import find_weights
from most_sketch.checkpoints.hub import Address, Hub
from most_sketch.checkpoints.weights import load_weights
from most_sketch.errors import WeightsError

REPOSITORY = "anna/sketches"


def cached_files(tmp_path: Path) -> list[Path]:
    """Files and links in the cache that could be taken for a download, without the library's own notes."""
    found = [path for path in (tmp_path / "cache").rglob("*") if path.is_file() or path.is_symlink()]
    return [path for path in found if {"blobs", "snapshots"} & set(path.parts) and path.suffix != ".incomplete"]


@pytest.mark.parametrize(
    ("text", "address"),
    {
        "anna/sketches": Address("anna/sketches"),
        "anna/sketches@v1": Address("anna/sketches", "v1"),
        "anna/sketches:ink.safetensors": Address("anna/sketches", file="ink.safetensors"),
        "anna/sketches@refs/pr/1:more/ink.safetensors": Address("anna/sketches", "refs/pr/1", "more/ink.safetensors"),
        "anna/sketches@../../secrets": None,
        "anna/sketches:../../secrets": None,
        "anna/sketches:/etc/passwd": None,
        "../anna": None,
        "runs/mine/weights": None,
        "runs/mine.safetensors": None,
        "/anna/sketches": None,
        "anna/ske tches": None,
        "most-net-cufs": None,
        "anna/sketches\n": None,
        "": None,
    }.items(),
)
def test_an_address_is_a_repository_a_revision_and_a_file(text: str, address: Address | None) -> None:
    assert Address.parse(text) == address
    assert address is None or str(address) == text


def test_weights_are_downloaded_once_and_then_found_without_a_request(server: HubServer, weights: bytes) -> None:
    server.add(REPOSITORY, {"weights.safetensors": weights})
    path = find_weights(REPOSITORY)
    assert path.read_bytes() == weights
    assert load_weights(path).config.styles == ("pencil", "ink")
    asked = len(server.requests)
    assert find_weights(REPOSITORY) == path
    assert load_weights(REPOSITORY, offline=True).config.styles == ("pencil", "ink")
    assert len(server.requests) == asked


def test_pull_brings_what_has_changed_since(server: HubServer, weights: bytes, command: Command) -> None:
    server.add(REPOSITORY, {"weights.safetensors": b"of last week"})
    assert find_weights(REPOSITORY).read_bytes() == b"of last week"
    server.add(REPOSITORY, {"weights.safetensors": weights})
    answer = command("weights", "pull", REPOSITORY)
    assert answer.code == 0, answer.err
    assert Path(answer.out.decode().strip()) == find_weights(REPOSITORY)
    assert find_weights(REPOSITORY).read_bytes() == weights


def test_a_revision_and_a_file_can_be_named(server: HubServer, weights: bytes) -> None:
    commit = server.add(REPOSITORY, {"ink.safetensors": weights}, "v1")
    server.add(REPOSITORY, {"weights.safetensors": b"another"})
    for revision in ("v1", commit):
        assert find_weights(f"{REPOSITORY}@{revision}:ink.safetensors").read_bytes() == weights
    server.moved["anna/old-name"] = REPOSITORY
    assert find_weights("anna/old-name@v1:ink.safetensors").read_bytes() == weights


def test_a_small_file_is_checked_by_its_name_in_git(server: HubServer) -> None:
    server.add(REPOSITORY, {"README.md": b"# Sketches"})
    assert find_weights(f"{REPOSITORY}:README.md").read_bytes() == b"# Sketches"
    with pytest.raises(WeightsError, match="not a safetensors file"):
        load_weights(f"{REPOSITORY}:README.md")


@pytest.mark.parametrize("fault", ["truncate", "stall"])
def test_a_download_that_breaks_off_goes_on_where_it_was(
    server: HubServer, weights: bytes, fault: Fault, capfd: pytest.CaptureFixture[str]
) -> None:
    server.add(REPOSITORY, {"weights.safetensors": weights})
    server.faults = [fault]
    # Some versions of the library go on by themselves, others with what is there when they are asked again.
    with suppress(WeightsError):
        find_weights(REPOSITORY)
    assert find_weights(REPOSITORY).read_bytes() == weights
    assert [request.range for request in server.downloads] == [None, f"bytes={len(weights) // 2 // CHUNK * CHUNK}-"]
    assert "Traceback" not in capfd.readouterr().err


FAULTS: dict[Fault, tuple[int, str]] = {
    "tamper": (1, "not what its checksum on the Hub says"),
    "short": (1, "broke off .*size"),
    "500": (1, "error 500"),
    "truncate": (99, "broke off"),
    "stall": (99, "broke off .*timed out"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_not_whole_is_never_used(server: HubServer, weights: bytes, tmp_path: Path, fault: Fault) -> None:
    times, message = FAULTS[fault]
    server.add(REPOSITORY, {"weights.safetensors": weights})
    server.faults = [fault] * times
    with pytest.raises(WeightsError, match=message) as error:
        load_weights(REPOSITORY)
    assert "\n" not in str(error.value)
    assert cached_files(tmp_path) == []
    server.faults = []
    assert find_weights(REPOSITORY).read_bytes() == weights


def test_a_killed_download_leaves_nothing_that_is_used(server: HubServer, weights: bytes, tmp_path: Path) -> None:
    server.add(REPOSITORY, {"weights.safetensors": weights})
    server.faults = ["stall"]
    program = f"from most_sketch.checkpoints.hub import Address, Hub; Hub().download(Address({REPOSITORY!r}))"
    environment = os.environ | {"HF_ENDPOINT": server.url, "HF_HUB_CACHE": str(tmp_path / "cache")}
    with subprocess.Popen([sys.executable, "-c", program], env=environment) as process:
        assert server.stalled.wait(60)
        process.send_signal(signal.SIGKILL)
    assert Hub().cached(Address(REPOSITORY)) is None
    assert find_weights(REPOSITORY).read_bytes() == weights


def test_a_file_that_changes_in_the_cache_is_removed(server: HubServer, weights: bytes) -> None:
    server.add(REPOSITORY, {"weights.safetensors": weights})
    path = find_weights(REPOSITORY)
    path.write_bytes(weights[:-1] + b"?")
    with pytest.raises(WeightsError, match="was removed"):
        load_weights(REPOSITORY)
    assert not path.exists()
    assert find_weights(REPOSITORY).read_bytes() == weights


def test_without_links_a_download_is_checked_all_the_same(
    server: HubServer, weights: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_SYMLINKS", True, raising=False)
    server.add(REPOSITORY, {"weights.safetensors": weights})
    server.faults = ["tamper"]
    with pytest.raises(WeightsError, match="checksum"):
        find_weights(REPOSITORY)
    assert find_weights(REPOSITORY).read_bytes() == find_weights(REPOSITORY).read_bytes() == weights


def test_a_file_of_terabytes_is_not_even_begun(server: HubServer, weights: bytes) -> None:
    server.add(REPOSITORY, {"weights.safetensors": weights})
    server.head_faults = ["huge"]
    with pytest.raises(WeightsError, match="more than the 2 GiB"):
        find_weights(REPOSITORY)
    assert server.downloads == []


def test_errors_say_what_to_do(server: HubServer, weights: bytes) -> None:
    server.add(REPOSITORY, {"weights.safetensors": weights})
    server.add("anna/gated", {"weights.safetensors": weights})
    server.repositories["anna/gated"].access = "gated"
    server.head_faults = ["500"]
    for name, message in {
        REPOSITORY: "error 500.*try again later",
        "anna/nothing": "no such repository.*log in",
        f"{REPOSITORY}@v9": "no such revision",
        f"{REPOSITORY}:x.safetensors": "no such file; name one as",
        "anna/gated": "grants access on its page",
        "anna/two--dashes": "Cannot have --",
    }.items():
        with pytest.raises(WeightsError, match=f"(?s)^{name}: .*{message}") as error:
            find_weights(name)
        assert "\n" not in str(error.value)


def test_no_server_is_one_line(server: HubServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(WeightsError, match=r"broke off .*refused"):
        Hub(endpoint=f"http://127.0.0.1:{port}").download(Address(REPOSITORY))
    assert server.requests == []


def test_a_private_repository_needs_the_token_which_the_storage_never_sees(
    server: HubServer, weights: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.add(REPOSITORY, {"weights.safetensors": weights})
    server.repositories[REPOSITORY].access = "private"
    with pytest.raises(WeightsError, match="if it is private, log in"):
        find_weights(REPOSITORY)
    monkeypatch.setenv("HF_TOKEN", OWNER_TOKEN)
    assert find_weights(REPOSITORY).read_bytes() == weights
    assert [request.token for request in server.downloads] == [None]


@pytest.mark.parametrize("by_environment", [True, False])
def test_offline_makes_no_connection_at_all(
    server: HubServer, weights: bytes, tmp_path: Path, by_environment: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.add(REPOSITORY, {"weights.safetensors": weights})
    path = find_weights(REPOSITORY)
    asked = len(server.requests)

    def connect(*_: object) -> None:
        raise AssertionError("a connection")

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", by_environment)
    hub = Hub(offline=not by_environment)
    assert find_weights(REPOSITORY, hub) == path
    for missing in ("anna/nothing", f"{REPOSITORY}@v1"):
        with pytest.raises(WeightsError, match=f"not in the cache; .*weights pull {missing}"):
            find_weights(missing, hub)
    assert len(server.requests) == asked
    assert cached_files(tmp_path)


def test_the_command_honours_the_environment(server: HubServer, weights: bytes, tmp_path: Path) -> None:
    """In a process of its own: settings are read when `huggingface_hub` is imported."""
    server.add(REPOSITORY, {"weights.safetensors": weights})
    server.repositories[REPOSITORY].access = "private"
    environment = os.environ | {"HF_ENDPOINT": server.url, "HF_HOME": str(tmp_path / "home"), "HF_TOKEN": OWNER_TOKEN}

    def call(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "most_sketch", "weights", *arguments]
        return subprocess.run(line, env=environment | settings, capture_output=True, text=True, check=False)

    pulled = call("pull", REPOSITORY)
    assert (pulled.returncode, pulled.stderr) == (0, "")
    assert pulled.stdout.startswith(str(tmp_path / "home"))
    asked = len(server.requests)
    # No note of the library's is left that could spare it a request.
    for note in (tmp_path / "home").glob(".*.json"):
        note.unlink()
    known = call("info", REPOSITORY, "--json", HF_HUB_OFFLINE="1")
    assert json.loads(known.stdout)["styles"] == ["pencil", "ink"]
    refused = call("pull", REPOSITORY, HF_HUB_OFFLINE="1")
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"most-sketch: error: {REPOSITORY}: ")
    assert refused.stderr.count("\n") == 1
    assert len(server.requests) == asked


def test_a_hub_that_stays_silent_ends_a_push(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("most_sketch.checkpoints.hub.SILENCE", 0.2)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    close_session()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hub = Hub(endpoint=f"http://127.0.0.1:{silent.getsockname()[1]}", token=OWNER_TOKEN)
        with pytest.raises(WeightsError, match=r"broke off \(.*timed out"):
            hub.push(REPOSITORY, {}, "nothing", private=True, tag=None)
    close_session()

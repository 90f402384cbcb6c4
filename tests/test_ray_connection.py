"""Where there is no Ray, or no cluster, that is said at once and in one line, and nothing is written."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from conftest import Command


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.0.0.1:one", "no.such.host.invalid"])
def test_there_is_no_cluster(convert: Command, portrait_file: Path, tmp_path: Path, address: str) -> None:
    pytest.importorskip("ray", reason="comes with most-sketch[ray]")
    answer = convert(portrait_file, "-o", tmp_path / "sketch.png", "--ray", address)
    assert (answer.code, answer.out) == (1, b"")
    assert answer.err.startswith(f"most-sketch: error: --ray {address}: no Ray cluster there (")
    assert answer.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_ray_is_not_installed(
    convert: Command, portrait_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    answer = convert(portrait_file, "-o", tmp_path / "sketch.png", "--ray", "local")
    assert (answer.code, answer.out) == (1, b"")
    assert answer.err == "most-sketch: error: --ray: Ray is not installed; pip install 'most-sketch[ray]'\n"


def test_pyarrow_is_not_installed(convert: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.fs", None)
    answer = convert("s3://a-bucket-of-its-own/photos", "-o", "sketches")
    assert (answer.code, answer.out) == (1, b"")
    assert answer.err.endswith("stores are read with pyarrow: pip install 'most-sketch[ray]'\n")
    assert answer.err.count("\n") == 1

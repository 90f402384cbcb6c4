"""Where there is no Ray, or no cluster, that is said at once and in one line, and nothing is written."""

from __future__ import annotations

import subprocess
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


def test_plain_convert_starts_without_either(tiny_weights: Path, portrait_file: Path, tmp_path: Path) -> None:
    program = """
import subprocess
import sys
from most_sketch.cli import main
try:
    main()
finally:
    print(sorted({name.partition(".")[0] for name in sys.modules} & {"ray", "pyarrow"}))
"""
    arguments = ["convert", str(portrait_file), "-o", str(tmp_path / "a.png"), "--weights", str(tiny_weights)]
    answer = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
    assert answer.stdout == "[]\n"
    assert (tmp_path / "a.png").exists()

"""The networks as ONNX files: what they are called, and where those are that `convert` draws with. No torch here."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from most_sketch.checkpoints.manifest import checksum
from most_sketch.errors import InputError
from most_sketch.machine import cache_folder

CASCADE_FILES = ("p_net.onnx", "r_net.onnx", "o_net.onnx")
GENERATOR_FILE = "generator.onnx"
FILES = (*CASCADE_FILES, GENERATOR_FILE)
"""In the order in which they are written."""

EXPORT = 1
"""To be counted up whenever the files of the same weights change: older ones are not found then."""

INSTALL = "pip install 'most-sketch[onnx]'"


def is_installed() -> bool:
    """Is there an ONNX Runtime? It is not imported."""
    return find_spec("onnxruntime") is not None


def exported_folder(weights: Path) -> Path:
    """Where the ONNX files of the weights in a file are kept, if they were exported. Raises `InputError`."""
    try:
        folder = cache_folder()
    except RuntimeError as error:
        raise InputError(f"there is no folder to keep ONNX files in ({error}); set XDG_CACHE_HOME") from error
    return folder / "onnx" / f"{checksum(weights)[:32]}-{EXPORT}"


def is_exported(folder: Path) -> bool:
    """Are all of them in this folder?"""
    return all((folder / name).is_file() for name in FILES)

"""Files that come with the package: weights and example portraits."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def weights_folder() -> Path:
    """Where the bundled weights lie."""
    return _folder("weights")


def examples_folder() -> Path:
    """Where the example portraits lie."""
    return _folder("examples")


def _folder(name: str) -> Path:
    packed = Path(str(files("most_sketch"))) / name
    # In a wheel the files lie inside the package; in a checkout or editable install beside it.
    return packed if packed.is_dir() else packed.parent.parent / name

"""The example portraits that come with the package."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def examples_folder() -> Path:
    """Where the example portraits lie."""
    packed = Path(str(files("most_sketch"))) / "examples"
    # In a wheel they lie inside the package; in a checkout or editable install beside it.
    return packed if packed.is_dir() else packed.parent.parent / "examples"

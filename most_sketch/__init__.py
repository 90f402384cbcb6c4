"""Hand-drawn face sketches from photos: MOST-Net.

    from most_sketch import Sketcher
    sketch = Sketcher.load().sketch(photo)

The public names are loaded when they are first used, so that the command line answers `--help` without torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from most_sketch.drawing.cluster import DrawSketches
    from most_sketch.drawing.sketcher import Sketcher
    from most_sketch.errors import FaceError, InputError, MostSketchError, WeightsError
    from most_sketch.network.config import ModelConfig
    from most_sketch.teaching.teach import teach

__version__ = "0.1.0"
__all__ = [
    "DrawSketches",
    "FaceError",
    "InputError",
    "ModelConfig",
    "MostSketchError",
    "Sketcher",
    "WeightsError",
    "__version__",
    "teach",
]

_HOME = {
    "DrawSketches": "most_sketch.drawing.cluster",
    "FaceError": "most_sketch.errors",
    "InputError": "most_sketch.errors",
    "ModelConfig": "most_sketch.network.config",
    "MostSketchError": "most_sketch.errors",
    "Sketcher": "most_sketch.drawing.sketcher",
    "WeightsError": "most_sketch.errors",
    "teach": "most_sketch.teaching.teach",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

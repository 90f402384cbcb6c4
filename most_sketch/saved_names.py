"""Old names of settings, tensors, states and options. No torch here.

Weights files, styles and runs' folders are read by all later code, and scripts keep their options. This is the one
place that knows the old names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from most_sketch.errors import WeightsError

RENAMED_SETTINGS = {
    "habits": "warp_domains",
    "teach_warp": "train_warp",
    "own_kind": "identity",
}
"""Settings of networks, training runs and loss weights: old name to new. The terms in a run's log are called alike."""

DELETED_SETTINGS: dict[str, Any] = {
    "fixed_memory": False,
    "episodes": 0.0,
    "support": 4,
    "feature_matching": 0.0,
}
"""Settings that are gone, each with the value that says the same as leaving it out."""

UNHEARD_WITHOUT = {"support": "episodes"}
"""Settings that did nothing unless another one was given too."""

RENAMED_STATES = {"artist": "model"}
"""Parts of a run's `state.pt`."""

RENAMED_TENSORS = (
    (re.compile(r"(^|\.)warp\.moves\."), r"\1warp.offsets."),
    (re.compile(r"(^|\.)warp\.habit\."), r"\1warp.domain_logits."),
    (re.compile(r"^judge\."), "photo_discriminator."),
)
"""Parts of the names of tensors."""

KEEP_PREDICTABLE_OFFSET = "--keep-habit"
"""The option of `prepare` that is `--keep-predictable-offset` now."""

Value = TypeVar("Value")


def current_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by the names of today, without those that are gone. Raises `WeightsError` for one by two names."""
    settings = {RENAMED_SETTINGS.get(name, name): value for name, value in values.items()}
    if len(settings) < len(values):
        twice = ", ".join(sorted(RENAMED_SETTINGS.keys() & values.keys()))
        raise WeightsError(f"given by its old name and by its new one: {twice}")
    return {name: value for name, value in settings.items() if name not in DELETED_SETTINGS}


def ignored_settings(values: Mapping[str, Any]) -> list[str]:
    """The names of settings that are gone and were in use: what is computed now is not what these values asked for."""
    used = [name for name, unused in DELETED_SETTINGS.items() if values.get(name, unused) != unused]
    return [name for name in used if UNHEARD_WITHOUT.get(name, name) in used]


def current_tensor(name: str) -> str:
    """The name of today of a tensor."""
    for old, new in RENAMED_TENSORS:
        name = old.sub(new, name)
    return name


def current_tensors(tensors: Mapping[str, Value]) -> dict[str, Value]:
    """Tensors, or what is known of them, by their names of today."""
    return {current_tensor(name): value for name, value in tensors.items()}

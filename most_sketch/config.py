"""Frozen dataclasses of settings, to and from plain dicts: what a file says of a network or a training run.

The settings themselves are `network.config.ModelConfig` and `training.config.TrainConfig`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from most_sketch.errors import WeightsError
from most_sketch.saved_names import current_settings

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Config = TypeVar("Config", bound="DataclassInstance")


def to_dict(config: DataclassInstance) -> dict[str, Any]:
    """A plain dict that JSON can hold; `from_dict` is its inverse."""
    return asdict(config)


def from_dict(kind: type[Config], values: Mapping[str, Any]) -> Config:
    """Build a config from a plain dict that may come from an untrusted file.

    Fields may have their old names; fields that are gone are left out (`saved_names`). Missing fields take their
    defaults. Unknown fields and values of another type raise `WeightsError`.
    """
    values = current_settings(values)
    known = {field.name: field.default for field in fields(kind)}
    for name in values:
        if name not in known:
            raise WeightsError(f"unknown {kind.__name__} field {name!r}; written by a newer most-sketch?")
    converted: dict[str, Any] = {}
    for name, value in values.items():
        default = known[name]
        try:
            converted[name] = _like(default, value)
        except (TypeError, ValueError, OverflowError) as error:
            raise WeightsError(f"{kind.__name__} field {name!r} has the unusable value {value!r}") from error
    try:
        return replace(kind(), **converted)
    except (TypeError, ValueError) as error:
        raise WeightsError(f"{kind.__name__}: {error}") from error


def _like(default: object, value: Any) -> object:
    """`value` as the type of `default`, without accepting anything that would change its meaning."""
    if is_dataclass(default) and not isinstance(default, type):
        return from_dict(type(default), value)
    if isinstance(default, tuple):
        if not isinstance(value, list | tuple):
            raise TypeError
        return tuple(_like(default[0] if default else "", item) for item in value)
    if isinstance(default, bool) or isinstance(value, bool):
        if type(default) is not type(value):
            raise TypeError
        return value
    if default is None:
        if value is not None and not isinstance(value, int):
            raise TypeError
        return value
    if isinstance(default, float) and isinstance(value, int | float):
        if not math.isfinite(value):
            raise ValueError
        return float(value)
    if not isinstance(value, type(default)):
        raise TypeError
    return value

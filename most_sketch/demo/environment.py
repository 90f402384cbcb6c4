"""Variables of the environment while something lasts. Does not import Gradio, which looks at them when imported."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

WITHOUT_PROXY = {"NO_PROXY": "*", "no_proxy": "*"}
"""For Gradio, which asks nobody but itself."""


@contextmanager
def environment(settings: Mapping[str, str]) -> Iterator[None]:
    """Set variables while the context lasts."""
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

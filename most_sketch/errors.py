"""The exceptions that a user can meet. The command line turns each into one line and an exit code."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class MostSketchError(Exception):
    """Base of all errors that are the input's fault, with a message fit for a person."""


class InputError(MostSketchError):
    """A photo, folder, pair or option that cannot be used."""


class FaceError(InputError):
    """A photo in which no usable face was found."""


class WeightsError(MostSketchError):
    """A weights file or training state that is missing, damaged or of another shape."""


def first_line(error: BaseException) -> str:
    """What a library's error says, without the traces that some bring along."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean ink?` for a word that is nearly one of those known, else nothing."""
    names = {name.lower(): name for name in known}
    close = get_close_matches(word.lower(), names, 1)
    return f"; did you mean {names[close[0]]}?" if close else ""

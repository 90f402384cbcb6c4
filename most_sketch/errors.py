"""The exceptions that a user can meet. The command line turns each into one line and an exit code."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

NO_MEMORY = "not enough memory; try a smaller batch_size or size, or device='cpu'"
NO_CPUINFO = "torch cannot learn what processor this is, for /proc cannot be read here; mount it, or use engine='onnx'"
LIBRARIES_SAY = {
    r"bad_alloc|failed to allocate memory|can't allocate memory|cannot allocate memory|out of memory": NO_MEMORY,
    r"failed to initialize cpuinfo": NO_CPUINFO,
}
"""How torch and ONNX Runtime, which are not imported here, call what is nobody's fault, and what it means."""


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


def known_fault(error: BaseException) -> str | None:
    """What a library's error means, where it is one of the machine and not of a program."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return NO_MEMORY
    said = str(error)
    return next((what for call, what in LIBRARIES_SAY.items() if re.search(call, said, re.IGNORECASE)), None)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean ink?` for a word that is nearly one of those known, else nothing."""
    names = {name.lower(): name for name in known}
    close = get_close_matches(word.lower(), names, 1)
    return f"; did you mean {names[close[0]]}?" if close else ""

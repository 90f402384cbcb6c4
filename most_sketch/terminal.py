"""What the commands say to a person: always on standard error, always one line at a time; and the streams for it."""

from __future__ import annotations

import codecs
import io
import os
import re
import sys

PLAIN = {"↑": "^", "↓": "v", "…": "...", "·": "-"}
"""What stands for our own signs where an encoding, such as cp1252, has none for them."""
ARGUMENT = re.compile(
    r"\b(?P<name>align|device|engine|name|perceptual|precision|styles?)=(?P<value>'[^']*'|False|[A-Z]+)"
    r"|\b(?P<alone>batch_size)\b"
)
"""An argument of Python as our errors name it."""
ERRORS = "most-sketch-plain"
"""Name of the handler that puts them in."""


def in_options(message: str) -> str:
    """What the library says of its arguments, such as `align=False`, in the command line's options: `--no-align`."""
    return ARGUMENT.sub(_option, message)


def _option(argument: re.Match[str]) -> str:
    if argument["alone"]:
        return f"--{argument['alone'].replace('_', '-')}"
    name, value = argument["name"], argument["value"]
    return f"--no-{name}" if value == "False" else f"--{name} {value}".replace("'", "")


def say(message: str) -> None:
    """Write one line to standard error, whatever control characters or broken encodings a file name brings."""
    line = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in message)
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def prepare_streams() -> None:
    """Give the standard streams what they may lack: one that is closed, and signs that an encoding does not have.

    Reading a closed standard input and writing to a closed standard output fail as on any bad descriptor; what goes to
    a closed standard error is lost. No file that is opened later gets their descriptors, and their output.
    """
    for name, access, mode in (("stdin", os.O_WRONLY, "r"), ("stdout", os.O_RDONLY, "w"), ("stderr", os.O_WRONLY, "w")):
        if getattr(sys, name) is None:
            # The lowest descriptor that is free is the one that was closed.
            setattr(sys, name, os.fdopen(os.open(os.devnull, access), mode, encoding="utf-8", closefd=False))
    codecs.register_error(ERRORS, _plain)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors=ERRORS)


def let_go_of_stdout() -> None:
    """Drop what cannot be written to standard output: else Python would complain of it when it ends."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _plain(error: UnicodeError) -> tuple[str | bytes, int]:
    """A handler of `codecs`: bytes of file names as they are, our own signs in ASCII, any other as `?`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    char = error.object[error.start]
    if "\udc80" <= char <= "\udcff":
        return bytes([ord(char) - 0xDC00]), error.start + 1
    return PLAIN.get(char, "?"), error.start + 1

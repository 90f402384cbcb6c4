"""What the commands say to a person: always on standard error, always one line at a time."""

from __future__ import annotations

import sys


def say(message: str) -> None:
    """Write one line to standard error, whatever control characters or broken encodings a file name brings."""
    line = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in message)
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()

"""JPEG XL, which Pillow reads and writes with the optional pillow-jxl-plugin."""

from __future__ import annotations

from importlib import import_module

from most_sketch.errors import InputError

STARTS = (b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")
"""How files of it begin: pixels alone, and in a container."""


def is_jxl(start: bytes) -> bool:
    """Do these first bytes of a file say that it is JPEG XL?"""
    return start.startswith(STARTS)


def add_jxl(name: str) -> None:
    """Let Pillow read and write it. Raises `InputError` for the file of this name where the plug-in is missing."""
    try:
        # It makes itself known to Pillow.
        import_module("pillow_jxl")
    except ImportError as error:
        raise InputError(f"{name}: JPEG XL needs pillow-jxl-plugin: pip install 'most-sketch[jxl]'") from error

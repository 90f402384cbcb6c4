"""What in a folder is no data of its owner: what systems and programs hide or keep for themselves."""

from __future__ import annotations

CLUTTER = frozenset({"@eadir", "#recycle", "$recycle.bin", "__macosx", "lost+found", "thumbnails", "thumbs"})
"""Folders of thumbnails and of removed files, in lower case, that do not begin with a dot."""


def is_clutter(name: str) -> bool:
    """Is a file or folder of this name hidden, or one that a system keeps for itself?"""
    return name.startswith(".") or name.lower() in CLUTTER

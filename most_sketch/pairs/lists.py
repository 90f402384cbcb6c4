"""Lists of pairs that come with a set: which are trained on or tested with, and in which style each is drawn."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from most_sketch.errors import InputError
from most_sketch.pairs.layouts import composed
from most_sketch.pairs.pairs import Pair


def read_list(path: Path) -> dict[str, str]:
    """The names in a list of pairs, without endings, each with the folder of its style, such as `style0`.

    A list is a name a line, or FS2K's JSON with its `image_name`; the folder is empty where it has no `style`. Raises
    `InputError` if it is neither.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix.lower() == ".json":
            named = [
                (item["image_name"], item.get("style")) if isinstance(item, dict) else (item, None)
                for item in json.loads(text)
            ]
        else:
            named = [(line.split("#")[0].strip(), None) for line in text.splitlines()]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: no list of pairs ({error})") from error
    named = [(name, style) for name, style in named if name]
    if not named or not all(isinstance(name, str) for name, _ in named):
        raise InputError(f"{path}: no list of pairs; expected a name a line, or FS2K's JSON")
    return {_comparable(name): "" if style is None else f"style{style}" for name, style in named}


def entry_of(name: str, listed: Collection[str]) -> str | None:
    """What a list calls a pair: its name below the set's root, the end of that, or that without its `photos`."""
    parts = name.split("/")
    spellings = ["/".join(parts[place:]) for place in range(len(parts))]
    return next((each for each in (*spellings, name.replace("/photos/", "/")) if each in listed), None)


def name_below(pair: Pair, root: Path) -> str:
    """What a pair is called in lists and runs: its photo's place below the set's root, without ending."""
    return composed(pair.photo.relative_to(root).with_suffix("").as_posix())


def listing(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"{', '.join(names[:5])}{more}"


def listed_pairs(pairs: Sequence[Pair], root: Path, listed: Mapping[str, str]) -> list[Pair]:
    """The pairs that are in a list, sorted, those of each style in a database below its folder.

    Raises `InputError` for names that no pair has.
    """
    entries = [entry_of(name_below(pair, root), listed) for pair in pairs]
    if missing := sorted(listed.keys() - set(entries)):
        raise InputError(f"--list: no pairs have these names: {listing(missing)}")
    chosen = [
        replace(pair, database=f"{listed[entry]}/{pair.database}".lstrip("/"))
        for pair, entry in zip(pairs, entries, strict=True)
        if entry is not None
    ]
    return sorted(chosen, key=lambda pair: (pair.database, pair.photo.stem))


def _comparable(name: str) -> str:
    return composed(re.sub(r"\.(jpe?g|png|bmp|tiff?|webp)$", "", name.replace("\\", "/"), flags=re.IGNORECASE))

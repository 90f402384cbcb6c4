"""The weights that come with the package: what `weights/manifest.json` says of each, and whether a file is that.

After a file in `weights/` has changed, or an entry is new, this brings sizes and checksums up to date:

    python -m most_sketch.checkpoints.manifest weights/most-net-cufs.safetensors
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from most_sketch.checkpoints.packaged import weights_folder
from most_sketch.checkpoints.trained import Trained
from most_sketch.errors import WeightsError

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Entry:
    """All that is promised of one weights file."""

    name: str
    file: str
    """Its name in `weights/`."""
    size: int
    sha256: str
    licence: str
    figures: dict[str, float]
    """Scores of held-out pairs, as `most-sketch eval` gives them. Weights trained on all pairs have those of the run
    before, which held some out."""
    repository: str
    """Where on the Hub the same file is, as `hub.HUB_FILE`."""
    revision: str
    styles: dict[str, str] = field(default_factory=dict)
    """What each style looks like, in a few words."""
    trained: dict[str, Any] | None = None
    """What they were trained on, as `Trained.to_dict` has it, of files that do not say so themselves."""

    @property
    def trained_on(self) -> Trained | None:
        """The photos that they were trained on, None if that is not known."""
        return Trained.parse(self.trained) if self.trained else None


def read_manifest() -> dict[str, Entry]:
    """The weights that the package knows by name. Raises `WeightsError` if its manifest is missing or damaged."""
    path = weights_folder() / MANIFEST
    try:
        return {entry["name"]: Entry(**entry) for entry in json.loads(path.read_bytes())}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{path}: missing or damaged ({error}); install most-sketch anew") from error


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal. Raises `WeightsError` for a file that cannot be read."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror or error})") from error
    return digest.hexdigest()


def check(path: Path, entry: Entry) -> None:
    """Raise `WeightsError` unless the file is, bit for bit, the one that the manifest describes."""
    try:
        size = path.stat().st_size
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror or error})") from error
    # The size first, so that a file of terabytes is not read.
    if size != entry.size or checksum(path) != entry.sha256:
        raise WeightsError(
            f"{path}: is not the file that {MANIFEST} describes as {entry.name}; install most-sketch anew, "
            f"or get it with: most-sketch weights pull {entry.repository}@{entry.revision}"
        )


def update(path: Path) -> None:
    """Write size and checksum of a file in `weights/` into its entry. Raises `WeightsError` if it has none."""
    entries = read_manifest()
    mine = [entry for entry in entries.values() if entry.file == path.name]
    if not mine:
        raise WeightsError(f"{path}: no entry of {MANIFEST} has a file of this name; write one first")
    for entry in mine:
        entries[entry.name] = replace(entry, size=path.stat().st_size, sha256=checksum(path))
    text = json.dumps([asdict(entry) for entry in entries.values()], indent=2)
    (weights_folder() / MANIFEST).write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        update(Path(argument))

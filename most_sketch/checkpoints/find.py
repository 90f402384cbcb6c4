"""Where weights are: from a name, path or address to a file, without torch."""

from __future__ import annotations

from pathlib import Path

from most_sketch.checkpoints.header import read_header
from most_sketch.checkpoints.hub import HUB_FILE, Address, Hub
from most_sketch.checkpoints.manifest import Entry, check, read_manifest
from most_sketch.checkpoints.packaged import weights_folder
from most_sketch.checkpoints.trained import Trained
from most_sketch.errors import WeightsError, did_you_mean

DEFAULT_WEIGHTS = "most-net"
BENCHMARK_WEIGHTS = "most-net-cufs"
"""What is scored beside the paper's table: trained on CUFS alone, as the paper's."""


def held_out(name_or_path: str | Path, *, offline: bool = False) -> int | None:
    """The `TrainConfig.hold_out` that weights were trained with, None if they do not say. Raises `WeightsError`."""
    return read_header(find_weights(name_or_path, Hub(offline=offline))).hold_out


def trained_on(name_or_path: str | Path, *, offline: bool = False) -> Trained | None:
    """The photos that weights were trained on, None if neither they nor the manifest say. Raises `WeightsError`."""
    said = read_header(find_weights(name_or_path, Hub(offline=offline))).trained
    entry = read_manifest().get(str(name_or_path))
    return said or (entry.trained_on if entry else None)


def find_weights(name_or_path: str | Path, hub: Hub | None = None) -> Path:
    """The file of weights, wherever they are: the first of these that there is.

    1. a weights file, or the folder of a training run;
    2. a name in the manifest: the bundled file, else the same file on the Hub;
    3. an address, `owner/repo[@revision][:file]`: what was downloaded of it before, else the Hub.

    What the manifest names is compared with its checksum, what comes from the Hub with the Hub's.
    Raises `WeightsError` that says what was looked for.
    """
    hub, name, path = hub or Hub(), str(name_or_path), Path(name_or_path)
    entries = read_manifest()
    try:
        for candidate in (path, path / HUB_FILE):
            if candidate.is_file():
                return candidate
        if name not in entries and path.exists():
            raise WeightsError(f"{name}: neither a weights file nor the folder of a training run")
    except OSError as error:
        raise WeightsError(f"{name}: cannot be read ({error.strerror or error})") from error
    if name in entries:
        return find_entry(entries[name], hub)
    address = Address.parse(name)
    if address is None:
        known = ", ".join(entries)
        raise WeightsError(
            f"{name}: no such weights file, nor weights of that name ({known}){did_you_mean(name, entries)}"
        )
    return hub.find(address)


def find_entry(entry: Entry, hub: Hub) -> Path:
    """The bundled file of weights in the manifest, else the one on the Hub. Raises `WeightsError`."""
    path = weights_folder() / entry.file
    if not path.is_file():
        path = hub.find(address_of(entry))
    check(path, entry)
    return path


def address_of(entry: Entry) -> Address:
    """Where on the Hub weights in the manifest are."""
    return Address(entry.repository, entry.revision)


def bundled_weights() -> dict[str, Path]:
    """Names and files of the weights that come with the package."""
    paths = {name: weights_folder() / entry.file for name, entry in read_manifest().items()}
    return {name: path for name, path in paths.items() if path.is_file()}

"""Where weights are: from a name, path or address to a file, without torch."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

from most_sketch.checkpoints.header import STYLE_SUFFIX, read_header
from most_sketch.checkpoints.hub import HUB_FILE, STYLE_FILE, Address, Hub
from most_sketch.checkpoints.manifest import Entry, check, read_manifest
from most_sketch.checkpoints.packaged import weights_folder
from most_sketch.checkpoints.trained import Trained
from most_sketch.errors import WeightsError, did_you_mean

DEFAULT_WEIGHTS = "most-net"
BENCHMARK_WEIGHTS = MappingProxyType({"CUFS": "most-net-cufs", "CUFSF": "most-net-cufsf", "FS2K": DEFAULT_WEIGHTS})
"""What is scored beside each part of the paper's Table I. For CUFS and CUFSF trained on that set alone, as the paper's;
FS2K's three styles are three of `most-net`."""


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


def names_style_file(text: str) -> bool:
    """Is this where a style's file is, as `find_style` takes it, and not the name of a style of the weights?"""
    return text.endswith(STYLE_SUFFIX) or "/" in text


def find_style(path_or_address: str | Path, hub: Hub | None = None) -> Path:
    """The file of a style that was taught: this one, or that at an address, `owner/repo[@revision][:file]`.

    As `find_weights`: what was downloaded of an address before, else the Hub. Raises `WeightsError`.
    """
    path = Path(path_or_address)
    try:
        if path.exists():
            return path
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror or error})") from error
    address = Address.parse(str(path_or_address), STYLE_FILE)
    # Whoever reads a file that is not there says so.
    return path if address is None else (hub or Hub()).find(address)


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

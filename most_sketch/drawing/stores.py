"""Files in the stores that pyarrow reads: addresses such as s3://bucket/photos, gs://, hdfs:// and file://."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

from most_sketch.errors import InputError, first_line
from most_sketch.photo.folders import is_clutter
from most_sketch.photo.images import PART_PREFIX, PART_SUFFIX, write_bytes
from most_sketch.photo.provenance import START, find_record, is_untouched

ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
WHOLE_OR_NOT = frozenset({"s3", "gcs", "abfs"})
"""Pyarrow's names of the stores in which a file appears only once it is complete, and that have no folders."""


@dataclass(frozen=True)
class StoreFile:
    """A file or folder in a store. What it has in common with `Path` does the same; methods raise `InputError`."""

    address: str
    """As a person gave it: opens the store, with options such as `?region=eu-west-1`."""
    path: str
    """Within the store."""

    @classmethod
    def at(cls, address: str) -> StoreFile:
        """What an address names. Raises `InputError` for one that pyarrow cannot open."""
        return cls(address, _open(address)[1])

    def __str__(self) -> str:
        return f"{self.address.partition('://')[0]}://{self.path}"

    def __truediv__(self, below: PurePath) -> StoreFile:
        return replace(self, path=str(PurePosixPath(self.path) / below.as_posix()))

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).name

    @property
    def stem(self) -> str:
        return PurePosixPath(self.path).stem

    @property
    def suffix(self) -> str:
        return PurePosixPath(self.path).suffix

    def with_name(self, name: str) -> StoreFile:
        return replace(self, path=str(PurePosixPath(self.path).with_name(name)))

    def exists(self) -> bool:
        return self._kind() != "NotFound"

    def is_folder(self) -> bool:
        return self._kind() == "Directory"

    def search(self, recursive: bool) -> Iterator[tuple[StoreFile, PurePath]]:
        """The files in a folder by their names, without clutter, with their paths in it."""
        from pyarrow.fs import FileSelector, FileType

        store, _ = _open(self.address)
        with self._told("cannot be searched"):
            entries = store.get_file_info(FileSelector(self.path, recursive=recursive))
        for entry in sorted(entries, key=lambda entry: entry.path):
            relative = PurePosixPath(entry.path).relative_to(self.path)
            if entry.type == FileType.File and not any(map(is_clutter, relative.parts)):
                yield replace(self, path=entry.path), relative

    def read_bytes(self) -> bytes:
        store, _ = _open(self.address)
        with self._told("cannot be read"), store.open_input_file(self.path) as file:
            return bytes(file.readall())

    def read_ends(self, length: int) -> bytes:
        """Beginning and end of a file."""
        store, _ = _open(self.address)
        with self._told("cannot be read"), store.open_input_file(self.path) as file:
            size = int(file.size())
            ends = bytes(file.read(min(length, size)))
            if size > length:
                file.seek(max(length, size - length))
                ends += bytes(file.read(length))
            return ends

    def stat(self) -> tuple[int, int]:
        """Bytes of a file, and when it was changed, in nanoseconds."""
        store, _ = _open(self.address)
        with self._told("cannot be found"):
            entry = store.get_file_info(self.path)
        if entry.size is None:
            raise InputError(f"{self}: no such file")
        return int(entry.size), int(entry.mtime_ns or 0)

    def write_bytes(self, data: bytes) -> None:
        """Write a file in full or not at all."""
        store, _ = _open(self.address)
        with self._told("cannot be written"):
            if store.type_name in WHOLE_OR_NOT:
                with store.open_output_stream(self.path) as file:
                    file.write(data)
                return
            folder = PurePosixPath(self.path).parent
            part = str(folder / f"{PART_PREFIX}{secrets.token_hex(8)}{PART_SUFFIX}")
            store.create_dir(str(folder), recursive=True)
            try:
                with store.open_output_stream(part) as file:
                    file.write(data)
                store.move(part, self.path)
            except BaseException:
                with suppress(OSError):  # it may not have come into being, and the first error is the one to tell
                    store.delete_file(part)
                raise

    def _kind(self) -> str:
        store, _ = _open(self.address)
        with self._told("cannot be found"):
            return str(store.get_file_info(self.path).type.name)

    @contextmanager
    def _told(self, fault: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise InputError(f"{self}: no such file") from error
        except (OSError, ValueError) as error:  # Arrow's own errors are ValueErrors
            raise InputError(f"{self}: {fault} ({first_line(error)})") from error


Location = Path | StoreFile


def location(name: str | os.PathLike[str]) -> Location:
    """A path on this machine, or a file in a store if the name is an address."""
    return StoreFile.at(str(name)) if ADDRESS.match(str(name)) else Path(name)


QUICK, THOROUGH = 1 << 11, 1 << 16
"""Bytes of each end of a file in which a record is looked for: of one that is as we write it, and of any."""


def exists(place: Location) -> bool:
    """Is something there? A link that leads nowhere is nothing: what is written to it goes where it leads."""
    return os.path.exists(place) if isinstance(place, Path) else place.exists()  # noqa: PTH110 - it never raises


def read_ends(place: Location, length: int = QUICK) -> bytes | None:
    """Beginning and end of a file, of a short record the beginning alone; empty if it is no regular file, or cannot be
    read; None if there is none."""
    if not isinstance(place, Path):
        return place.read_ends(length) if place.exists() else None
    try:
        # No FIFO is waited for. A tenth of the time that pathlib and a file object take.
        file = os.open(place, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        return b""
    try:
        ends = os.read(file, length)
        if len(ends) == length and START not in ends:
            os.lseek(file, max(length, os.fstat(file).st_size - length), os.SEEK_SET)
            ends += os.read(file, length)
        return ends
    except OSError:  # such as a folder, or what has no end
        return b""
    finally:
        os.close(file)


def read_record(place: Location) -> dict[str, Any] | None:
    """What the file of a sketch says of itself; None if there is no file, or one that says nothing."""
    found = find_record(read_ends(place, THOROUGH) or b"")
    return found[0] if found else None


def is_as_written(place: Location) -> bool:
    """Is a file, byte for byte, a sketch as it was once written?"""
    try:
        return is_untouched(place.read_bytes())
    except OSError as error:
        raise InputError(f"{place}: cannot be read ({error.strerror or error})") from error


def write(place: Location, data: bytes) -> None:
    """Write a file in full or not at all, with the folders it lies in. Raises `InputError` that says why not."""
    if isinstance(place, Path):
        write_bytes(place, data)
    else:
        place.write_bytes(data)


@lru_cache(maxsize=64)
def _open(address: str) -> tuple[Any, str]:
    """The file system that an address is in, a `pyarrow.fs.FileSystem`, and the path in it."""
    try:
        from pyarrow.fs import FileSystem
    except ImportError as error:
        raise InputError(f"{address}: stores are read with pyarrow: pip install 'most-sketch[ray]'") from error
    try:
        store, path = FileSystem.from_uri(address)
    except (OSError, ValueError) as error:
        raise InputError(f"{address}: no address of a store ({first_line(error)})") from error
    return store, path.rstrip("/") or path

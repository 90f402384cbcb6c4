"""Weights on the Hugging Face Hub: addresses, the cache, downloads that are checked, and uploads.

`huggingface_hub` does the work. What is ours: the cache is asked before the network, offline makes no connection
at all, every file is compared with the checksum that the Hub names it by, and errors are one line.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from most_sketch.checkpoints.header import MAX_FILE
from most_sketch.errors import WeightsError

HUB_FILE = "weights.safetensors"
"""Name of the weights in a repository and in the folder of a training run."""

STYLE_FILE = "style.safetensors"
"""Name of a style that was taught, in a repository."""

PATTERN = re.compile(
    r"(?P<repository>\w[\w.-]*/\w[\w.-]*)(@(?P<revision>\w[\w./-]*))?(:(?P<file>\w[\w./ +-]*))?", re.ASCII
)
SILENCE = 60.0
"""Seconds without an answer after which an upload counts as broken off."""
FILE_SUFFIXES = (".safetensors", ".pt", ".pth", ".ckpt", ".bin")
"""A name that ends so is a file that is missing, not a repository."""


@dataclass(frozen=True)
class Address:
    """A file in a repository of the Hub, as `owner/repo[@revision][:file]`."""

    repository: str
    revision: str = "main"
    file: str = HUB_FILE

    @classmethod
    def parse(cls, text: str, file: str = HUB_FILE) -> Address | None:
        """The address that a text is, None if it is none; `file` is what it means where it names none."""
        match = PATTERN.fullmatch(text)
        if match is None or ".." in text or (not match["file"] and text.endswith(FILE_SUFFIXES)):
            return None
        return cls(match["repository"], match["revision"] or cls.revision, match["file"] or file)

    def __str__(self) -> str:
        revision = "" if self.revision == "main" else f"@{self.revision}"
        return f"{self.repository}{revision}" + ("" if self.file == HUB_FILE else f":{self.file}")


@dataclass(frozen=True)
class Hub:
    """How to reach the Hub. What is None is as `huggingface_hub` has it from its environment variables."""

    offline: bool = False
    """Make no connection at all; so does `HF_HUB_OFFLINE`."""
    endpoint: str | None = None
    cache: Path | None = None
    token: str | None = None

    def find(self, address: Address) -> Path:
        """The file from the cache, else from the Hub. Raises `WeightsError`."""
        return self.cached(address) or self.download(address)

    def cached(self, address: Address) -> Path | None:
        """The file as it was downloaded before, None if it was not. No connection is made.

        Raises `WeightsError` for a file that is not any more what was downloaded.
        """
        # Not `hf_hub_download(local_files_only=True)`: it may ask the Hub what to call itself in its user agent.
        from huggingface_hub import try_to_load_from_cache

        try:
            found = try_to_load_from_cache(address.repository, address.file, self.cache, address.revision)
        except (OSError, ValueError) as error:
            # The library's rules for names are stricter than our pattern.
            raise _explain(str(address), error) from error
        if not isinstance(found, str):
            return None
        path = Path(found)
        blob = path.resolve()
        # Where links are not supported, the cache has no blobs that are named by their checksum.
        if blob.parent.name == "blobs":
            _verify(address, path, blob.name)
        return path

    def download(self, address: Address) -> Path:
        """The file as it is on the Hub now; downloaded unless it is in the cache. Raises `WeightsError`."""
        from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url

        if self._is_offline():
            raise WeightsError(f"{address}: not in the cache; get it while online: most-sketch weights pull {address}")
        try:
            url = hf_hub_url(address.repository, address.file, revision=address.revision, endpoint=self.endpoint)
            remote = get_hf_file_metadata(url, token=self.token)
            if remote.size is None or remote.size > MAX_FILE:
                raise WeightsError(f"{address}: {remote.size} bytes are more than the {MAX_FILE >> 30} GiB accepted")
            path = hf_hub_download(
                address.repository,
                address.file,
                revision=address.revision,
                cache_dir=self.cache,
                endpoint=self.endpoint,
                token=self.token,
            )
        except WeightsError:
            raise
        except Exception as error:
            # The library's HTTP client has changed twice, and with it the base of its errors.
            raise _explain(str(address), error) from error
        _verify(address, Path(path), remote.etag)
        return Path(path)

    def push(
        self, repository: str, files: Mapping[str, bytes | Path], message: str, *, private: bool, tag: str | None
    ) -> str:
        """Commit files to a repository, which is made if need be, and tag the commit. Returns the commit's address.

        Raises `WeightsError`.
        """
        from huggingface_hub import CommitOperationAdd, HfApi, get_session

        if self._is_offline():
            raise WeightsError(f"{repository}: nothing can be pushed while HF_HUB_OFFLINE is set")
        # Downloads have time-outs of their own; for all else the library would wait for ever.
        get_session().timeout = SILENCE
        api = HfApi(endpoint=self.endpoint, token=self.token)
        additions = [CommitOperationAdd(name, content) for name, content in files.items()]
        try:
            api.create_repo(repository, private=private, exist_ok=True)
            commit = api.create_commit(repository, additions, commit_message=message)
            if tag is not None:
                api.create_tag(repository, tag=tag, revision=commit.oid)
        except Exception as error:
            raise _explain(repository, error) from error
        return commit.commit_url

    def _is_offline(self) -> bool:
        return is_offline(self.offline)


def is_offline(asked: bool) -> bool:
    """Is no connection to be made, because that was asked for here or by `HF_HUB_OFFLINE`?"""
    from huggingface_hub import constants

    return asked or constants.HF_HUB_OFFLINE


def _verify(address: Address, path: Path, etag: str | None) -> None:
    """Compare a file with its name on the Hub: SHA-256 of large files, git's SHA-1 of others.

    `huggingface_hub` compares sizes only. Removes a file that is not what it should be, and raises `WeightsError`.
    """
    try:
        data = path.read_bytes()
        git_name = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
        if etag in (hashlib.sha256(data).hexdigest(), git_name):
            return
        for damaged in {path.resolve(), path}:
            damaged.unlink(missing_ok=True)
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror or error})") from error
    raise WeightsError(
        f"{address}: the file is not what its checksum on the Hub says; it was removed, so try again: "
        f"most-sketch weights pull {address}"
    )


def _explain(what: str, error: Exception) -> WeightsError:
    """What an error of `huggingface_hub` or its HTTP client means to a person."""
    from huggingface_hub import errors

    status = error.response.status_code if isinstance(error, errors.HfHubHTTPError) else None
    lines = str(error).strip().splitlines() or [type(error).__name__]
    if isinstance(error, errors.GatedRepoError):
        reason = "its owner grants access on its page on the Hub; ask there, then log in with: hf auth login"
    elif isinstance(error, errors.RepositoryNotFoundError):
        reason = "no such file here and no such repository on the Hub; if it is private, log in with: hf auth login"
    elif isinstance(error, errors.RevisionNotFoundError):
        reason = "the repository has no such revision"
    elif isinstance(error, errors.EntryNotFoundError) and not isinstance(error, errors.LocalEntryNotFoundError):
        reason = "the repository has no such file; name one as owner/repo:FILE"
    elif status in (401, 403):
        reason = "the Hub does not accept this login for it; log in with: hf auth login, or set HF_TOKEN"
    elif status is not None:
        reason = f"the Hub answers with error {status} ({lines[0]}); try again later"
    elif isinstance(error, ValueError):
        reason = lines[0]
    else:
        reason = f"the download or upload broke off ({lines[0]}); try again, the cache keeps what is whole"
    return WeightsError(f"{what}: {reason}")

"""A Hub on this machine, for tests: speaks the HTTP protocol of the Hugging Face Hub, and can misbehave on request.

Large files are redirected to a second server, as the Hub redirects to its file storage.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

import pytest
from huggingface_hub import constants

Fault = Literal["500", "truncate", "stall", "tamper", "short", "huge"]
CHUNK = 1024
"""Bytes that a client keeps at a time of a download that breaks off; else 10 MB, more than a file here has."""
OWNER_TOKEN = "hf_owner"  # noqa: S105 - of a server that lives for one test


@dataclass
class Repository:
    """Revisions by name, each a commit and its files."""

    revisions: dict[str, tuple[str, dict[str, bytes]]] = field(default_factory=dict)
    access: Literal["public", "private", "gated"] = "public"

    def commit(self, files: dict[str, bytes], revision: str = "main") -> str:
        before = self.revisions.get(revision, ("", {}))[1]
        commit = hashlib.sha1(repr((sorted(self.revisions), sorted(files.items()))).encode()).hexdigest()  # noqa: S324
        self.revisions[revision] = self.revisions[commit] = (commit, before | files)
        return commit


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    token: str | None
    range: str | None


class HubServer:
    """Repositories and what was asked of them. `faults` are used up one a file's download; see `Fault`."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.moved: dict[str, str] = {}
        self.requests: list[Request] = []
        self.faults: list[Fault] = []
        self.head_faults: list[Fault] = []
        self.stalled = threading.Event()
        self.released = threading.Event()
        self.uploads: dict[str, bytes] = {}
        handler = type("Handler", (_Handler,), {"hub": self})
        self._servers = [ThreadingHTTPServer(("127.0.0.1", 0), handler) for _ in range(2)]
        self.url, self.storage_url = (f"http://127.0.0.1:{server.server_port}" for server in self._servers)

    def add(self, name: str, files: dict[str, bytes], revision: str = "main") -> str:
        """Commit files to a repository, new or not; returns the commit."""
        return self.repositories.setdefault(name, Repository()).commit(files, revision)

    @property
    def downloads(self) -> list[Request]:
        return [request for request in self.requests if request.path.startswith("/storage/")]

    @contextmanager
    def running(self) -> Iterator[HubServer]:
        threads = [threading.Thread(target=server.serve_forever, args=(0.01,)) for server in self._servers]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self.released.set()
            for server in self._servers:
                server.shutdown()
                server.server_close()
            for thread in threads:
                thread.join()


@contextmanager
def instead_of_the_hub(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """A Hub with nothing on it, which `huggingface_hub` takes for the real one; an empty cache, nobody logged in."""
    with HubServer().running() as server:
        settings = {
            "ENDPOINT": server.url,
            "HUGGINGFACE_CO_URL_TEMPLATE": server.url + "/{repo_id}/resolve/{revision}/{filename}",
            "HF_HUB_CACHE": str(folder / "cache"),
            "HF_TOKEN_PATH": str(folder / "token"),
            "AGENT_HARNESSES_PATH": str(folder / "harnesses"),
            "HF_HUB_OFFLINE": False,
            "HF_HUB_DISABLE_XET": True,
            "HF_HUB_DOWNLOAD_TIMEOUT": 0.3,
            "DOWNLOAD_CHUNK_SIZE": CHUNK,
        }
        for name, value in settings.items():
            # Versions of the library differ in which of these they have.
            monkeypatch.setattr(constants, name, value, raising=False)
        # The pauses between its attempts.
        monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda _: None)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        for variable in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
            monkeypatch.delenv(variable, raising=False)
        yield server


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: HubServer

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._get()

    def do_GET(self) -> None:
        self._get()

    def do_POST(self) -> None:
        self._note()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = unquote(urlsplit(self.path).path)
        if self._token() != OWNER_TOKEN:
            self._answer(401, {"X-Error-Message": "Invalid username or password."})
        elif path == "/api/repos/create":
            self._create(json.loads(body))
        elif path == "/api/validate-yaml":
            front_matter = json.loads(body)["content"].split("---\n")[1]
            errors = [] if "license:" in front_matter else [{"message": "license is missing"}]
            self._json({"errors": errors, "warnings": []}, 400 if errors else 200)
        elif match := re.fullmatch(r"/api/models/(.+/.+)/(preupload|commit|tag)/(.+)", path):
            repository = self.hub.repositories[match[1]]
            {"preupload": self._preupload, "commit": self._commit, "tag": self._tag}[match[2]](
                match[1], repository, match[3], body
            )
        elif match := re.fullmatch(r"/(.+/.+)\.git/info/lfs/objects/batch", path):
            self._lfs_batch(json.loads(body))
        else:
            self._answer(404)

    def do_PUT(self) -> None:
        self._note()
        length = self.headers.get("Content-Length")
        data = self.rfile.read(int(length)) if length else b"".join(self._chunks())
        oid = self.path.rsplit("/", 1)[1]
        if hashlib.sha256(data).hexdigest() != oid:
            self._answer(400)
            return
        self.hub.uploads[oid] = data
        self._answer(200)

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    # Downloads

    def _get(self) -> None:
        self._note()
        path = unquote(urlsplit(self.path).path)
        if path.startswith("/storage/"):
            self._serve_stored(path.rsplit("/", 1)[1])
        elif match := re.fullmatch(r"/([^/]+/[^/]+)/resolve/(.+?)/([^/]+)", path):
            self._resolve(*match.groups())
        else:
            self._answer(404)

    def _resolve(self, name: str, revision: str, file: str) -> None:
        if name in self.hub.moved:
            self._answer(307, {"Location": f"/{self.hub.moved[name]}/resolve/{revision}/{file}"})
            return
        repository, allowed = self.hub.repositories.get(name), self._token() == OWNER_TOKEN
        fault = self.hub.head_faults.pop(0) if self.hub.head_faults else None
        if fault == "500":
            self._answer(500)
        elif repository is None or (repository.access == "private" and not allowed):
            # The Hub does not tell strangers which repositories there are.
            self._error(404 if allowed else 401, "RepoNotFound")
        elif repository.access == "gated" and not allowed:
            self._error(403, "GatedRepo")
        elif revision not in repository.revisions:
            self._error(404, "RevisionNotFound")
        elif file not in repository.revisions[revision][1]:
            self._error(404, "EntryNotFound")
        else:
            commit, files = repository.revisions[revision]
            data, headers = files[file], {"X-Repo-Commit": commit}
            if not file.endswith(".safetensors"):
                git_name = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()  # noqa: S324
                self._answer(200, headers | {"ETag": f'"{git_name}"'}, data)
                return
            sha256 = hashlib.sha256(data).hexdigest()
            self.hub.uploads[sha256] = data
            size = 10**13 if fault == "huge" else len(data)
            headers |= {"X-Linked-ETag": f'"{sha256}"', "X-Linked-Size": str(size)}
            self._answer(302, headers | {"Location": f"{self.hub.storage_url}/storage/{sha256}"})

    def _serve_stored(self, sha256: str) -> None:
        data, status, headers = self.hub.uploads[sha256], 200, {"ETag": '"of the storage"'}
        fault = self.hub.faults.pop(0) if self.hub.faults else None
        if match := re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "")):
            start = int(match[1])
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
            data, status = data[start:], 206
        half = len(data) // 2
        if fault == "500":
            self._answer(500)
        elif fault == "tamper":
            self._answer(status, headers, data[:-1] + bytes([data[-1] ^ 1]))
        elif fault == "short":
            self._answer(status, headers, data[:half])
        elif fault in ("truncate", "stall"):
            self._answer(status, headers | {"Content-Length": str(len(data))}, data[:half])
            self.wfile.flush()
            if fault == "stall":
                self.hub.stalled.set()
                self.hub.released.wait()
            self.close_connection = True
        else:
            self._answer(status, headers, data)

    # Uploads

    def _create(self, wanted: dict[str, Any]) -> None:
        name = f"{wanted['organization']}/{wanted['name']}"
        there = name in self.hub.repositories
        if not there:
            private = wanted.get("visibility") == "private" or wanted.get("private")
            self.hub.repositories[name] = Repository({"main": ("0" * 40, {})}, "private" if private else "public")
        self._json({"url": f"{self.hub.url}/{name}", "name": name}, 409 if there else 200)

    def _preupload(self, _name: str, _repository: Repository, _revision: str, body: bytes) -> None:
        paths = [file["path"] for file in json.loads(body)["files"]]
        modes = {path: "lfs" if path.endswith(".safetensors") else "regular" for path in paths}
        self._json({"files": [{"path": path, "uploadMode": modes[path], "shouldIgnore": False} for path in paths]})

    def _lfs_batch(self, wanted: dict[str, Any]) -> None:
        objects = [
            {**item, "actions": {"upload": {"href": f"{self.hub.storage_url}/upload/{item['oid']}"}}}
            for item in wanted["objects"]
        ]
        self._json({"transfer": "basic", "objects": objects})

    def _commit(self, name: str, repository: Repository, revision: str, body: bytes) -> None:
        files: dict[str, bytes] = {}
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.hub.uploads[value["oid"]]
        commit = repository.commit(files, revision)
        self._json({"commitOid": commit, "commitUrl": f"{self.hub.url}/{name}/commit/{commit}"})

    def _tag(self, _name: str, repository: Repository, revision: str, body: bytes) -> None:
        tag = json.loads(body)["tag"]
        if tag in repository.revisions:
            self._answer(409)
            return
        repository.revisions[tag] = repository.revisions[revision]
        self._json({})

    # Answers

    def _note(self) -> None:
        self.hub.requests.append(Request(self.command, self.path, self._token(), self.headers.get("Range")))

    def _token(self) -> str | None:
        header = self.headers.get("Authorization")
        return header.removeprefix("Bearer ") if header else None

    def _error(self, status: int, code: str) -> None:
        self._answer(status, {"X-Error-Code": code, "X-Error-Message": f"{code}, says the server"})

    def _json(self, value: object, status: int = 200) -> None:
        self._answer(status, {"Content-Type": "application/json"}, json.dumps(value).encode())

    def _answer(self, status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

"""Serve a site on this machine, with the headers that let the browser draw with several threads."""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from urllib.parse import unquote, urlsplit

from most_sketch.errors import InputError

FIRST_PORT, PORTS = 7860, 100

TYPES = MappingProxyType(
    {
        "html": "text/html; charset=utf-8",
        "css": "text/css; charset=utf-8",
        "js": "text/javascript; charset=utf-8",
        "mjs": "text/javascript; charset=utf-8",
        "json": "application/json",
        "webmanifest": "application/manifest+json",
        "wasm": "application/wasm",
        "svg": "image/svg+xml",
        "jpg": "image/jpeg",
        "png": "image/png",
        "webp": "image/webp",
        "md": "text/markdown; charset=utf-8",
        "txt": "text/plain; charset=utf-8",
    }
)
"""By a file's ending; written down, since what a system knows of them differs."""

POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; "
    "style-src 'self'; img-src 'self' blob:; media-src 'self' blob:; manifest-src 'self'; base-uri 'none'; "
    "form-action 'none'"
)
"""What the page may ask for: nothing of any other host. The front page says it too, for hosts without headers."""

HEADERS = MappingProxyType(
    {
        # Both for memory that threads share.
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Embedder-Policy": "require-corp",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Content-Security-Policy": POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }
)


@contextmanager
def serving(files: Mapping[str, bytes], host: str = "127.0.0.1", port: int | None = None) -> Iterator[str]:
    """Serve a site while the context lasts; gives its address. Without a port the first free one from 7860.

    Raises `InputError` if it cannot be served there.
    """
    server = _server(files, host, port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        shown = f"[{host}]" if ":" in host else host
        yield f"http://{shown}:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


def _server(files: Mapping[str, bytes], host: str, port: int | None) -> ThreadingHTTPServer:
    class Handler(_Handler):
        site = files

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        # Another page on the same port would be found by whoever opens this one.
        allow_reuse_address = False
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

    ports = [port] if port else range(FIRST_PORT, FIRST_PORT + PORTS)
    for number in ports:
        try:
            return Server((host, number), Handler)
        except OSError as error:
            if error.errno == errno.EADDRINUSE and number != ports[-1]:
                continue
            where = f"{host}:{port}" if port else host
            raise InputError(
                f"the page cannot be served at {where}: {error.strerror or error}; choose another --host or --port"
            ) from error
    raise AssertionError("there is at least one port")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: Mapping[str, bytes]

    def do_GET(self) -> None:
        self._answer(with_content=True)

    def do_HEAD(self) -> None:
        self._answer(with_content=False)

    def _answer(self, with_content: bool) -> None:
        name = unquote(urlsplit(self.path).path).removeprefix("/") or "index.html"
        content = self.site.get(name)
        if content is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", TYPES.get(name.rpartition(".")[2], "application/octet-stream"))
        self.send_header("Content-Length", str(len(content)))
        # What lies in the folder that is named for its content never changes.
        self.send_header("Cache-Control", "public, max-age=31536000, immutable" if "/" in name else "no-cache")
        for header, value in HEADERS.items():
            self.send_header(header, value)
        self.end_headers()
        if with_content:
            self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        """Nothing: the terminal is for what the person should know."""

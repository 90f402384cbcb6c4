"""A connection to Ray: made quietly, ended in any case, its errors one line each."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from most_sketch.errors import InputError, MostSketchError, first_line

LOCAL = "local"
"""Starts Ray on this machine, for as long as the connection lasts."""
AUTO = "auto"
"""Finds the Ray that this machine is a node of."""
PORT = 6379
"""On which the head of a cluster listens where nothing else is said."""
ANSWER_SECONDS = 5
LOCAL_STORE_BYTES = 1 << 28
"""Ray's shared memory on this machine. Only the names of photos and what became of them pass through it."""
NEEDED = "; a cluster needs the same versions of Ray and Python, and some RAY_AUTH_MODE=token and a RAY_AUTH_TOKEN"
QUIET = {
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_DATA_LOG_LEVEL": "CRITICAL",
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",  # else what Ray says of lost workers goes to standard output
    "RAY_USAGE_STATS_ENABLED": "0",
}
"""Ray's environment, where the user has not set it: we say ourselves what matters, and nothing is sent home."""

IMPATIENT = {"RAY_NUM_REDIS_GET_RETRIES": "1"}
"""Else Ray tries for a quarter of an hour to reach a cluster that was killed."""


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """The module `ray`, connected. Raises `InputError` without Ray or a cluster, and where Ray gives up."""
    for name, value in (QUIET if address == LOCAL else QUIET | IMPATIENT).items():
        os.environ.setdefault(name, value)
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise InputError("--ray: Ray is not installed; pip install 'most-sketch[ray]'") from error
    own = not ray.is_initialized()
    if own:
        _connect(ray, address)
    try:
        yield ray
    except ray.exceptions.RayError as error:
        raise _in_one_line(error) from error
    finally:
        if own:
            ray.shutdown()


def _connect(ray: Any, address: str) -> None:
    here = address == LOCAL
    on_sigterm = signal.getsignal(signal.SIGTERM)
    try:
        _expect_an_answer(address)
    except (OSError, ValueError) as error:
        raise InputError(f"--ray {address}: no Ray cluster there ({first_line(error)})") from error
    try:
        with _without_stderr():
            ray.init(
                address,
                object_store_memory=LOCAL_STORE_BYTES if here else None,
                include_dashboard=False if here else None,
                log_to_driver=False,
                logging_level=logging.CRITICAL,
            )
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(f"--ray {address}: no connection ({first_line(error)}){NEEDED}") from error
    finally:
        # Ray's own handler would end the process there and then, with a trace.
        if on_sigterm is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, on_sigterm)


def _expect_an_answer(address: str) -> None:
    """Ray itself would not say what is wrong. Raises `OSError` or `ValueError`."""
    if address in (LOCAL, AUTO) or "://" in address:
        return
    host, _, port = address.partition(":")
    socket.create_connection((host, int(port or PORT)), ANSWER_SECONDS).close()


@contextmanager
def _without_stderr() -> Iterator[None]:
    """Ray's core says there that it will be quiet; what goes wrong it raises too."""
    kept = os.dup(2)
    with Path(os.devnull).open("wb") as nothing:
        os.dup2(nothing.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _in_one_line(error: Exception) -> MostSketchError:
    """What a worker raised if a person can understand that, else what Ray says."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, MostSketchError):
            return type(cause)(str(cause))
        # Of what was raised while a worker was being made, only the trace is handed on, as text.
        _, ours, told = str(cause).rpartition(f"{MostSketchError.__module__}.")
        if ours:
            return InputError(f"a worker failed with {told.splitlines()[0]}")
        cause = getattr(cause, "cause", None) or cause.__cause__
    return InputError(f"Ray: {first_line(error)}")

"""Serve the page on this machine, with all its files in one temporary folder, and no outside connection."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import gradio as gr
from gradio import processing_utils

from most_sketch.demo.contents import MAX_UPLOAD_MB
from most_sketch.demo.environment import WITHOUT_PROXY, environment
from most_sketch.demo.page import build_page
from most_sketch.drawing.sketcher import Sketcher
from most_sketch.errors import InputError

MAX_WAITING = 32
"""Requests that may wait for the network; more are told to come back."""

THEME = gr.themes.Soft(
    primary_hue="stone",
    secondary_hue="stone",
    neutral_hue="stone",
    # The themes' own fonts may be asked from Google.
    font=[gr.themes.Font("system-ui"), gr.themes.Font("sans-serif")],
    font_mono=[gr.themes.Font("ui-monospace"), gr.themes.Font("monospace")],
).set(
    body_background_fill="*neutral_100",
    block_border_width="1px",
    checkbox_border_color="*neutral_500",
    button_primary_background_fill="*primary_700",
)


@contextmanager
def serving(
    sketcher: Sketcher,
    host: str = "127.0.0.1",
    port: int | None = None,
    browser: bool = False,
    licence: str | None = None,
) -> Iterator[str]:
    """Serve the page while the context lasts; gives its address. Without a port the first free one from 7860.

    `licence` is that of the weights, for the page to say. Raises `InputError` if it cannot be served there.
    """
    with tempfile.TemporaryDirectory(prefix="most-sketch-", ignore_cleanup_errors=True) as folder:
        # Gradio takes these from nowhere else. Its start asks itself a question, for which it would use a proxy.
        own = {"GRADIO_TEMP_DIR": folder, "GRADIO_ANALYTICS_ENABLED": "False"}
        with environment(WITHOUT_PROXY | own), _fetching_nothing():
            page = build_page(sketcher, Path(folder).resolve(), licence)
            page.queue(default_concurrency_limit=1, max_size=MAX_WAITING)
            try:
                _, address, _ = page.launch(
                    inbrowser=browser,
                    server_name=host,
                    server_port=port,
                    share=False,
                    prevent_thread_lock=True,
                    quiet=True,
                    footer_links=[],
                    run_history=False,
                    max_file_size=f"{MAX_UPLOAD_MB}mb",
                    enable_monitoring=False,
                    ssr_mode=False,
                    mcp_server=False,
                    pwa=False,
                    state_session_capacity=100,
                    theme=THEME,
                    css_paths=Path(__file__).with_name("page.css"),
                )
            except OSError as error:
                where = f"{host}:{port}" if port else host
                raise InputError(
                    f"the page cannot be served at {where}: {error}; choose another --host or --port"
                ) from error
            try:
                yield address
            finally:
                page.close(verbose=False)


@contextmanager
def _fetching_nothing() -> Iterator[None]:
    """Gradio would download what a crafted request names instead of an upload; all its downloads go this way."""

    async def refuse(address: str) -> NoReturn:  # noqa: ARG001 - the signature of what it replaces
        raise gr.Error("only uploaded photos are drawn, no addresses", print_exception=False)

    downloads: Any = processing_utils
    before = downloads.async_ssrf_protected_get
    downloads.async_ssrf_protected_get = refuse
    try:
        yield
    finally:
        downloads.async_ssrf_protected_get = before

"""The page of `most-sketch demo`: a photo in, its sketch beside it. The library does all the work."""

from __future__ import annotations

import html
import math
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image, ImageDraw

from most_sketch.errors import FaceError, InputError, MostSketchError
from most_sketch.examples import examples_folder
from most_sketch.images import encode_image, read_image, write_bytes
from most_sketch.sketcher import Crop, Sketcher

MAX_UPLOAD = "50mb"
MAX_WAITING = 32
"""Requests that may wait for the network; more are told to come back."""
KEPT_SECONDS = 3600
"""The age at which uploads and sketches are removed, if the page is still open."""
SHOWN_SIDE = 800
"""Length to which a photo with several faces is reduced, to choose among them."""

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
CSS = """
.gradio-container { width: 100%; max-width: 1040px !important; margin: 0 auto !important; }
#sketch { min-height: 420px; }
#faces [data-testid=block-label], #styles [data-testid=block-label] { position: static; width: fit-content; }
#styles .grid-wrap { min-height: 0; }
#message p { border-left: 4px solid #c2410c; padding: 0.5em 0.8em; margin: 0; overflow-wrap: anywhere; }
"""


@dataclass(frozen=True, eq=False)
class Drawing:
    """What is known of the photo on the page, between one event and the next."""

    stem: str
    """Of the photo's file name."""
    shown: Image.Image
    """The photo, at most `SHOWN_SIDE` long, for choosing a face."""
    scale: float
    """Shown pixels per pixel of the photo."""
    crops: list[Crop]
    face: int
    """The place in `crops` of the face that is drawn."""
    sketches: list[Image.Image]
    """Of this face, one in each style."""


def draw_photo(sketcher: Sketcher, path: Path, align: bool) -> Drawing:
    """The largest face of a photo in all styles. Raises `MostSketchError` with the photo's name and no folder."""
    try:
        photo = read_image(path)
        crops = sketcher.crops(photo, None) if align else [sketcher.fit(photo)]
    except MostSketchError as error:
        raise type(error)(f"{path.name}: {str(error).removeprefix(f'{path}: ')}") from error
    shown = photo.copy()
    shown.thumbnail((SHOWN_SIDE, SHOWN_SIDE))
    areas = [crop.face.area if crop.face else 0.0 for crop in crops]
    drawing = Drawing(path.stem, shown, shown.width / photo.width, crops, 0, [])
    return draw_face(sketcher, drawing, areas.index(max(areas)))


def draw_face(sketcher: Sketcher, drawing: Drawing, face: int) -> Drawing:
    """Another face of the same photo, in all styles."""
    styles = range(len(sketcher.styles))
    return replace(drawing, face=face, sketches=sketcher.draw([drawing.crops[face].image] * len(styles), styles))


def face_boxes(drawing: Drawing) -> list[tuple[float, ...]]:
    """Where the faces are in the shown photo: left, top, right, bottom."""
    return [tuple(side * drawing.scale for side in crop.face.box) for crop in drawing.crops if crop.face]


def mark_faces(drawing: Drawing) -> Image.Image:
    """The shown photo with a frame around each face, a bold one around that which is drawn."""
    marked = drawing.shown.copy()
    pen = ImageDraw.Draw(marked)
    for index, box in enumerate(face_boxes(drawing)):
        chosen = index == drawing.face
        pen.rectangle(box, outline="white", width=8 if chosen else 4)
        pen.rectangle(box, outline="#c2410c" if chosen else "#57534e", width=5 if chosen else 2)
    return marked


def nearest_face(drawing: Drawing, x: float, y: float) -> int:
    """The face whose middle is nearest to a place in the shown photo."""
    boxes = face_boxes(drawing)
    middles = [((left + right) / 2, (top + bottom) / 2) for left, top, right, bottom in boxes]
    return min(range(len(boxes)), key=lambda face: math.dist(middles[face], (x, y)))


def build_page(sketcher: Sketcher, folder: Path) -> gr.Blocks:
    """The page, which keeps uploads and sketches in `folder`."""
    examples = sorted(examples_folder().glob("*.jpg"))
    several = len(sketcher.styles) > 1
    open_pages: set[str | None] = set()

    def named(drawing_: Drawing) -> list[tuple[Image.Image, str]]:
        return list(zip(drawing_.sketches, sketcher.styles, strict=True))

    page = gr.Blocks(title="most-sketch", analytics_enabled=False, delete_cache=(600, KEPT_SECONDS), fill_width=True)
    with page:
        drawing, style = gr.State(None, time_to_live=KEPT_SECONDS), gr.State(0)
        gr.Markdown("# Your portrait as a pencil sketch\nPhotos stay on this machine and are removed afterwards.")
        with gr.Row():
            with gr.Column():
                photo = gr.Image(label="Photo", elem_id="photo", type="filepath", height=420, buttons=[])
                message = gr.HTML(visible=False, elem_id="message")
                gr.Examples([str(path) for path in examples], photo, label="Or try one of these", elem_id="examples")
                cropped = gr.Checkbox(label="The photo is already cropped to the face (--no-align)", elem_id="cropped")
                faces = gr.Image(
                    label="Several faces: touch the one to draw",
                    elem_id="faces",
                    visible=False,
                    interactive=False,
                    buttons=[],
                )
            with gr.Column():
                slider = gr.ImageSlider(
                    label="Photo and sketch",
                    elem_id="sketch",
                    format="png",
                    interactive=False,
                    max_height=560,
                    buttons=["fullscreen"],
                )
                download = gr.DownloadButton(
                    "Download the sketch", elem_id="download", interactive=False, variant="primary"
                )
                styles = gr.Gallery(
                    named(draw_photo(sketcher, examples[0], align=True)) if several else None,
                    label="Styles: touch one to choose it",
                    elem_id="styles",
                    visible=several,
                    interactive=False,
                    allow_preview=False,
                    selected_index=0,
                    columns=4,
                    height="auto",
                    format="png",
                    buttons=[],
                )

        def show(drawing_: Drawing, index: int) -> dict[gr.Component, Any]:
            sketch = drawing_.sketches[index]
            # A folder of its own: two people may draw photos of the same name.
            file = Path(tempfile.mkdtemp(dir=folder)) / f"{drawing_.stem}.sketch.png"
            write_bytes(file, encode_image(sketch, ".png"))
            return {
                drawing: drawing_,
                message: gr.HTML(visible=False),
                faces: gr.Image(mark_faces(drawing_), visible=len(drawing_.crops) > 1),
                slider: (drawing_.crops[drawing_.face].image, sketch),
                download: gr.DownloadButton(value=file, interactive=True),
                styles: gr.Gallery(named(drawing_), selected_index=index),
            }

        def on_photo(
            upload: dict[str, Any] | None, is_cropped: bool, index: int, request: gr.Request
        ) -> dict[gr.Component, Any]:
            on_open(request)  # programs draw too, and never open the page
            nothing = {
                drawing: None,
                faces: gr.Image(None, visible=False),
                slider: None,
                download: gr.DownloadButton(value=None, interactive=False),
            }
            if not (upload and upload["path"]):
                return nothing
            try:
                return show(draw_photo(sketcher, Path(upload["path"]), not is_cropped), index)
            except MostSketchError as error:
                said = gr.HTML(f'<p role="alert">{html.escape(str(error))}</p>', visible=True)
                # A photo without a face may be drawn as cropped; what is no picture cannot even be shown.
                return nothing | {message: said} | ({} if isinstance(error, FaceError) else {photo: None})

        # After an hour nothing is known of the photo any more, and a touch changes nothing.
        def on_face(drawing_: Drawing | None, index: int, touched: gr.SelectData) -> dict[gr.Component, Any]:
            if drawing_ is None:
                return {}
            return show(draw_face(sketcher, drawing_, nearest_face(drawing_, *touched.index)), index)

        def on_style(drawing_: Drawing | None, touched: gr.SelectData) -> dict[gr.Component, Any]:
            return {style: touched.index} | (show(drawing_, touched.index) if drawing_ else {})

        def on_open(request: gr.Request) -> None:
            open_pages.add(request.session_hash)

        def on_close(request: gr.Request) -> None:
            open_pages.discard(request.session_hash)
            if not open_pages:
                for file in set(folder.rglob("*")) - kept:
                    if file.is_file():
                        file.unlink(missing_ok=True)

        outputs = [photo, drawing, style, message, faces, slider, download, styles]
        settings: dict[str, Any] = {
            "outputs": outputs,
            "concurrency_id": "network",
            "show_progress_on": slider,
            "scroll_to_output": True,
        }
        # Without `preprocess`, in which Gradio would open the upload before our limits are looked at.
        new = [photo.change, cropped.input]
        gr.on(new, on_photo, [photo, cropped, style], preprocess=False, api_name="draw", **settings)
        photo.clear(lambda: gr.HTML(visible=False), None, message, queue=False, api_visibility="private")
        faces.select(on_face, [drawing, style], api_visibility="private", **settings)
        styles.select(on_style, drawing, api_visibility="private", **settings)
        page.load(on_open, queue=False, api_visibility="private")
        page.unload(on_close)
    kept = set(folder.rglob("*"))
    return page


@contextmanager
def serving(
    sketcher: Sketcher, host: str = "127.0.0.1", port: int | None = None, browser: bool = False
) -> Iterator[str]:
    """Serve the page while the context lasts; gives its address. Without a port the first free one from 7860.

    Raises `InputError` if it cannot be served there.
    """
    with tempfile.TemporaryDirectory(prefix="most-sketch-", ignore_cleanup_errors=True) as folder:
        # Gradio takes these from nowhere else. Its start asks itself a question, for which it would use a proxy.
        own = {"GRADIO_TEMP_DIR": folder, "GRADIO_ANALYTICS_ENABLED": "False", "NO_PROXY": "*", "no_proxy": "*"}
        with _environment(own):
            page = build_page(sketcher, Path(folder).resolve())
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
                    max_file_size=MAX_UPLOAD,
                    enable_monitoring=False,
                    ssr_mode=False,
                    mcp_server=False,
                    pwa=False,
                    state_session_capacity=100,
                    theme=THEME,
                    css=CSS,
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
def _environment(settings: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

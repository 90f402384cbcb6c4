"""The page itself: what is on it, and what happens when it is touched. The library does all the work."""

from __future__ import annotations

import html
import tempfile
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from most_sketch.checkpoints.packaged import examples_folder
from most_sketch.demo.drawing import Drawing, draw_face, draw_photo, mark_faces, nearest_face
from most_sketch.drawing.sketcher import Sketcher
from most_sketch.errors import FaceError, MostSketchError
from most_sketch.photo.images import encode_image, write_bytes

DOWNLOAD = "Download the sketch"
KEPT_SECONDS = 3600
"""The age at which uploads and sketches are removed, if the page is still open."""


def say(text: str, role: str) -> gr.HTML:
    """A message, as an `alert` or a `status`; hidden if there is none."""
    return gr.HTML(f'<p role="{role}">{html.escape(text)}</p>', visible=bool(text))


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
        gr.Markdown("# Your portrait as a sketch\nPhotos stay on this machine and are removed afterwards.")
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
                download = gr.DownloadButton(DOWNLOAD, elem_id="download", interactive=False, variant="primary")
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
            file = Path(tempfile.mkdtemp(dir=folder)) / f"{Path(drawing_.name).stem}.sketch.png"
            write_bytes(file, encode_image(sketch, ".png"))
            return {
                drawing: drawing_,
                message: say(drawing_.notice, "status"),
                faces: gr.Image(mark_faces(drawing_), visible=len(drawing_.crops) > 1),
                slider: (drawing_.crops[drawing_.face].image, sketch),
                download: gr.DownloadButton(
                    f"{DOWNLOAD}, {sketch.width} x {sketch.height} pixels", value=file, interactive=True
                ),
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
                download: gr.DownloadButton(DOWNLOAD, value=None, interactive=False),
            }
            if not (upload and upload["path"]):
                return nothing
            try:
                return show(draw_photo(sketcher, Path(upload["path"]), not is_cropped), index)
            except MostSketchError as error:
                # A photo without a face may be drawn as cropped; what is no picture cannot even be shown.
                unshown = {} if isinstance(error, FaceError) else {photo: None}
                return nothing | {message: say(str(error), "alert")} | unshown

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

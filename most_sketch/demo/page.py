"""The page itself: what is on it, and what happens when it is touched. The library does all the work."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from most_sketch.checkpoints.packaged import examples_folder
from most_sketch.demo import contents, markup
from most_sketch.demo.contents import EXAMPLE, START, VIEWS
from most_sketch.demo.drawing import DRAW_WHOLE, archive, draw_faces, draw_photo, show_face
from most_sketch.demo.visit import Visit, with_style, without_style
from most_sketch.drawing.sketcher import Sketcher
from most_sketch.errors import FaceError, MostSketchError
from most_sketch.photo.images import encode_image, write_bytes

KEPT_SECONDS = 3600
"""The age at which uploads and sketches are removed, if the page is still open."""

DOWNLOAD, DOWNLOAD_ALL = "Download the sketch", "Download all styles"
DRAW_FACE = "Draw the face"

SCROLL = """() => {
  const seen = document.querySelector('#message [role=alert]')
    ?? (document.querySelector('#photo img, #own-style .file') && document.querySelector('#result'));
  seen?.scrollIntoView({block: 'nearest', behavior: 'smooth'});
}"""

Updates = dict[gr.components.Component, Any]


def build_page(sketcher: Sketcher, folder: Path, licence: str | None) -> gr.Blocks:
    """The page, which keeps uploads and sketches in `folder`, and says which `licence` the weights have."""
    examples, names = sorted(examples_folder().glob("*.jpg")), sketcher.styles
    example = draw_photo(sketcher, examples[0])
    first = Visit(sketcher, example)
    """What a visit begins with."""
    open_pages: set[str | None] = set()

    page = gr.Blocks(title="most-sketch", analytics_enabled=False, delete_cache=(600, KEPT_SECONDS), fill_width=True)
    with page:
        state = gr.State(None, time_to_live=KEPT_SECONDS)
        gr.Markdown("# Your portrait as a sketch\nPhotos stay on this machine and are removed afterwards.")
        with gr.Row(elem_id="desk"):
            with gr.Column(elem_id="photo-side"):
                photo = gr.Image(
                    label="Photo",
                    elem_id="photo",
                    type="filepath",
                    # The file as it is: Gradio makes 16-bit grey white when it converts.
                    image_mode=None,
                    height=420,
                    buttons=[],
                    alt_text="The photo as it was added",
                    placeholder=f"# Drop a photo here, or touch to choose one\n{contents.accepted()}",
                )
                message = gr.HTML(START, elem_id="message")
                whole = gr.Button(DRAW_WHOLE, elem_id="whole", size="sm", interactive=False)
            with gr.Column(elem_id="sketch-side"):
                result = gr.HTML(
                    contents.result(example, names, 0, "Sketch", EXAMPLE), js_on_load=markup.COMPARE, elem_id="result"
                )
                view = gr.Radio(list(VIEWS), value="Sketch", label="Show", show_label=False, elem_id="view")
                with gr.Row(elem_id="downloads"):
                    download = gr.DownloadButton(DOWNLOAD, elem_id="download", interactive=False, variant="primary")
                    download_all = gr.DownloadButton(DOWNLOAD_ALL, elem_id="download-all", interactive=False)
                styles = gr.HTML(
                    contents.style_choices(example, names, 0, "Styles of the example"),
                    js_on_load=markup.CHOOSE,
                    elem_id="styles",
                )
                faces = gr.HTML(js_on_load=markup.CHOOSE, elem_id="faces", visible=False)
                all_faces = gr.Button("Draw all faces", elem_id="all-faces", size="sm", visible=False)
            with gr.Column(elem_id="more"):
                gr.Examples([str(path) for path in examples], photo, label="Or try one of these", elem_id="examples")
                # Of any ending: a phone's chooser may know no other than those of pictures.
                own_style = gr.File(label=contents.OWN_STYLE, elem_id="own-style", height=120)
        gr.Markdown(contents.about(licence), elem_id="about")

        def keep(name: str, content: bytes) -> Path:
            # A folder of its own: two people may draw photos of the same name.
            file = Path(tempfile.mkdtemp(dir=folder)) / name
            write_bytes(file, content)
            return file

        def show(visit: Visit, seen: str, archived: bool = True) -> Updates:
            """A visitor's drawing, or the example in its place. Without `archived` the download of all stays."""
            drawn, shown, names, index = visit.drawing, visit.shown, visit.sketcher.styles, visit.style
            title = "Styles" if drawn else "Styles of the example"
            updates: Updates = {
                state: visit,
                result: contents.result(shown, names, index, seen, "" if drawn else EXAMPLE),
                styles: contents.style_choices(shown, names, index, title),
                faces: gr.HTML(contents.face_choices(shown, index), visible=len(shown.crops) > 1),
                all_faces: gr.Button(f"Draw all {len(shown.crops)} faces", visible=bool(shown.undrawn)),
            }
            if drawn is None:
                return updates | {
                    download: gr.DownloadButton(DOWNLOAD, value=None, interactive=False),
                    download_all: gr.DownloadButton(DOWNLOAD_ALL, value=None, interactive=False),
                }
            layout = VIEWS[seen]
            picture = drawn.picture(index, layout)
            file = keep(drawn.file_name(names[index], layout), encode_image(picture, ".png"))
            label = f"{DOWNLOAD}, {picture.width}\N{NO-BREAK SPACE}x\N{NO-BREAK SPACE}{picture.height}"
            if archived:
                all_of_it = keep(f"{Path(drawn.name).stem}.sketches.zip", archive(drawn, names, layout))
                label_all = contents.everything(drawn, len(names))
                updates[download_all] = gr.DownloadButton(label_all, value=all_of_it, interactive=True)
            return updates | {
                message: contents.told(drawn, names[index]),
                download: gr.DownloadButton(label, value=file, interactive=True),
                whole: gr.Button(DRAW_FACE if drawn.whole else DRAW_WHOLE, interactive=True),
            }

        def draw(upload: dict[str, Any] | None, visit: Visit, seen: str, whole_: bool) -> Updates:
            without_photo = replace(visit, drawing=None)
            if not (upload and upload["path"]):
                return show(without_photo, seen) | {whole: gr.Button(DRAW_WHOLE, interactive=False)}
            try:
                return show(replace(visit, drawing=draw_photo(visit.sketcher, Path(upload["path"]), whole_)), seen)
            except MostSketchError as error:
                # A photo without a face may be drawn whole; what is no picture cannot even be shown.
                without_face = isinstance(error, FaceError)
                refused = {
                    message: markup.message(str(error), "error"),
                    whole: gr.Button(DRAW_WHOLE, interactive=without_face),
                }
                return show(without_photo, seen) | refused | ({} if without_face else {photo: None})

        # After an hour nothing is known of a visit any more, and a touch shows the example.
        def on_photo(upload: dict[str, Any] | None, visit: Visit | None, seen: str, request: gr.Request) -> Updates:
            on_open(request)  # programs draw too, and never open the page
            return draw(upload, visit or first, seen, whole_=False)

        def on_whole(upload: dict[str, Any] | None, visit: Visit | None, seen: str) -> Updates:
            visit = visit or first
            return draw(upload, visit, seen, whole_=not (visit.drawing and visit.drawing.whole))

        def on_face(visit: Visit | None, seen: str, touched: gr.SelectData) -> Updates:
            visit = visit or first
            drawing = visit.drawing and show_face(visit.sketcher, visit.drawing, touched.index)
            return show(replace(visit, drawing=drawing), seen)

        def on_all_faces(visit: Visit | None, seen: str) -> Updates:
            visit = visit or first
            drawing = visit.drawing and draw_faces(visit.sketcher, visit.drawing, visit.drawing.undrawn)
            return show(replace(visit, drawing=drawing), seen)

        def on_style(visit: Visit | None, seen: str, touched: gr.SelectData) -> Updates:
            visit = visit or first
            known = touched.index < len(visit.sketcher.styles)
            return show(replace(visit, style=touched.index if known else 0), seen, archived=False)

        def on_view(visit: Visit | None, seen: str) -> Updates:
            return show(visit or first, seen)

        def on_own_style(upload: dict[str, Any] | None, visit: Visit | None, seen: str, request: gr.Request) -> Updates:
            on_open(request)
            visit = visit or first
            if not (upload and upload["path"]):
                return {message: START} | show(without_style(visit, sketcher), seen)
            try:
                visit = with_style(visit, sketcher, Path(upload["path"]))
            except MostSketchError as error:
                return {message: markup.message(str(error), "refused"), own_style: None}
            return {message: contents.added(visit.sketcher.styles[-1])} | show(visit, seen)

        def on_open(request: gr.Request) -> None:
            open_pages.add(request.session_hash)

        def on_close(request: gr.Request) -> None:
            open_pages.discard(request.session_hash)
            if not open_pages:
                for file in set(folder.rglob("*")) - kept:
                    if file.is_file():
                        file.unlink(missing_ok=True)

        outputs = [photo, state, message, result, download, download_all, styles, faces, all_faces, whole]
        public: dict[str, Any] = {"outputs": outputs, "concurrency_id": "network", "show_progress_on": result}
        private = public | {"api_visibility": "private"}
        # Without `preprocess`, in which Gradio would open the upload before our limits are looked at.
        uploaded = public | {"preprocess": False}
        given = {"inputs": [own_style, state, view], **uploaded, "outputs": [*outputs, own_style]}
        drawn_anew = [
            photo.change(on_photo, [photo, state, view], api_name="draw", **uploaded),
            whole.click(on_whole, [photo, state, view], api_name="draw_whole", **uploaded),
            faces.select(on_face, [state, view], **private),
            styles.select(on_style, [state, view], **private),
            gr.on([own_style.upload, own_style.clear], on_own_style, api_name="own_style", **given),
        ]
        for event in drawn_anew:
            event.then(None, js=SCROLL, api_visibility="private")
        all_faces.click(on_all_faces, [state, view], **private)
        view.input(on_view, [state, view], **private)
        photo.clear(lambda: START, None, message, queue=False, api_visibility="private")
        page.load(on_open, queue=False, api_visibility="private")
        page.unload(on_close)
    kept = set(folder.rglob("*"))
    return page

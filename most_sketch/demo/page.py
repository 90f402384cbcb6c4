"""The page itself: what is on it, and what happens when it is touched. The library does all the work."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from most_sketch.checkpoints.packaged import examples_folder
from most_sketch.demo import contents, markup
from most_sketch.demo.contents import EXAMPLE, START, VIEWS
from most_sketch.demo.drawing import DRAW_WHOLE, Drawing, archive, draw_faces, draw_photo, show_face
from most_sketch.drawing.sketcher import Sketcher
from most_sketch.errors import FaceError, MostSketchError
from most_sketch.photo.images import encode_image, write_bytes

KEPT_SECONDS = 3600
"""The age at which uploads and sketches are removed, if the page is still open."""

DOWNLOAD, DOWNLOAD_ALL = "Download the sketch", "Download all styles"
DRAW_FACE = "Draw the face"

SCROLL = """() => {
  const seen = document.querySelector('#message [role=alert]')
    ?? (document.querySelector('#photo img') && document.querySelector('#result'));
  seen?.scrollIntoView({block: 'nearest', behavior: 'smooth'});
}"""

Updates = dict[gr.components.Component, Any]


def build_page(sketcher: Sketcher, folder: Path, licence: str | None) -> gr.Blocks:
    """The page, which keeps uploads and sketches in `folder`, and says which `licence` the weights have."""
    examples, names = sorted(examples_folder().glob("*.jpg")), sketcher.styles
    example = draw_photo(sketcher, examples[0])
    open_pages: set[str | None] = set()

    page = gr.Blocks(title="most-sketch", analytics_enabled=False, delete_cache=(600, KEPT_SECONDS), fill_width=True)
    with page:
        drawing, style = gr.State(None, time_to_live=KEPT_SECONDS), gr.State(0)
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
                    visible=len(names) > 1,
                )
                faces = gr.HTML(js_on_load=markup.CHOOSE, elem_id="faces", visible=False)
                all_faces = gr.Button("Draw all faces", elem_id="all-faces", size="sm", visible=False)
            with gr.Column(elem_id="more"):
                gr.Examples([str(path) for path in examples], photo, label="Or try one of these", elem_id="examples")
        gr.Markdown(contents.about(licence), elem_id="about")

        def keep(name: str, content: bytes) -> Path:
            # A folder of its own: two people may draw photos of the same name.
            file = Path(tempfile.mkdtemp(dir=folder)) / name
            write_bytes(file, content)
            return file

        def show(drawn: Drawing | None, index: int, seen: str, archived: bool = True) -> Updates:
            """A drawing, or the example in its place. Without `archived` what is downloaded as a whole stays."""
            shown = drawn or example
            updates: Updates = {
                drawing: drawn,
                style: index,
                result: contents.result(shown, names, index, seen, "" if drawn else EXAMPLE),
                styles: contents.style_choices(shown, names, index, "Styles" if drawn else "Styles of the example"),
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

        def without_photo(index: int, seen: str) -> Updates:
            return show(None, index, seen) | {whole: gr.Button(DRAW_WHOLE, interactive=False)}

        def answer(draw: Callable[[], Drawing], index: int, seen: str) -> Updates:
            try:
                return show(draw(), index, seen)
            except MostSketchError as error:
                refused = without_photo(index, seen) | {message: markup.message(str(error), "error")}
                # A photo without a face may be drawn whole; what is no picture cannot even be shown.
                without_face = isinstance(error, FaceError)
                return refused | ({whole: gr.Button(DRAW_WHOLE, interactive=True)} if without_face else {photo: None})

        def on_photo(upload: dict[str, Any] | None, index: int, seen: str, request: gr.Request) -> Updates:
            on_open(request)  # programs draw too, and never open the page
            if not (upload and upload["path"]):
                return without_photo(index, seen)
            return answer(lambda: draw_photo(sketcher, Path(upload["path"])), index, seen)

        def on_whole(upload: dict[str, Any] | None, drawn: Drawing | None, index: int, seen: str) -> Updates:
            if not (upload and upload["path"]):
                return without_photo(index, seen)
            whole_ = not (drawn and drawn.whole)
            return answer(lambda: draw_photo(sketcher, Path(upload["path"]), whole_), index, seen)

        # After an hour nothing is known of the photo any more, and a touch shows the example.
        def on_face(drawn: Drawing | None, index: int, seen: str, touched: gr.SelectData) -> Updates:
            return show(drawn and show_face(sketcher, drawn, touched.index), index, seen)

        def on_all_faces(drawn: Drawing | None, index: int, seen: str) -> Updates:
            return show(drawn and draw_faces(sketcher, drawn, drawn.undrawn), index, seen)

        def on_style(drawn: Drawing | None, seen: str, touched: gr.SelectData) -> Updates:
            return show(drawn, touched.index, seen, archived=False)

        def on_open(request: gr.Request) -> None:
            open_pages.add(request.session_hash)

        def on_close(request: gr.Request) -> None:
            open_pages.discard(request.session_hash)
            if not open_pages:
                for file in set(folder.rglob("*")) - kept:
                    if file.is_file():
                        file.unlink(missing_ok=True)

        outputs = [photo, drawing, style, message, result, download, download_all, styles, faces, all_faces, whole]
        public: dict[str, Any] = {"outputs": outputs, "concurrency_id": "network", "show_progress_on": result}
        private = public | {"api_visibility": "private"}
        # Without `preprocess`, in which Gradio would open the upload before our limits are looked at.
        uploaded = public | {"preprocess": False}
        drawn_anew = [
            photo.change(on_photo, [photo, style, view], api_name="draw", **uploaded),
            whole.click(on_whole, [photo, drawing, style, view], api_name="draw_whole", **uploaded),
            faces.select(on_face, [drawing, style, view], **private),
            styles.select(on_style, [drawing, view], **private),
        ]
        for event in drawn_anew:
            event.then(None, js=SCROLL, api_visibility="private")
        all_faces.click(on_all_faces, [drawing, style, view], **private)
        view.input(show, [drawing, style, view], **private)
        photo.clear(lambda: START, None, message, queue=False, api_visibility="private")
        page.load(on_open, queue=False, api_visibility="private")
        page.unload(on_close)
    kept = set(folder.rglob("*"))
    return page

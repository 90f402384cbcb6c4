"""What each part of the page shows and says of a drawing."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, metadata
from importlib.util import find_spec
from types import MappingProxyType

from most_sketch import __version__
from most_sketch.demo import markup
from most_sketch.demo.drawing import Drawing
from most_sketch.drawing.options import Layout

MAX_UPLOAD_MB = 50

VIEWS: MappingProxyType[str, Layout] = MappingProxyType(
    {"Sketch": "crop", "Compare": "crop", "Photo": "crop", "Side by side": "side-by-side", "In the photo": "photo"}
)
"""What can be looked at, and the layout of the command line that is downloaded then."""

EXAMPLE = "Example"
START = markup.message("This is an example. Add a photo to draw yours.", "status")
OWN_STYLE = "Your own style, a file of most-sketch teach"
PAPER = "https://arxiv.org/abs/2202.03596"


def accepted() -> str:
    """What may be uploaded."""
    heic = ", HEIC" if find_spec("pillow_heif") else ""
    return f"JPEG, PNG, WebP, TIFF{heic}; up to {MAX_UPLOAD_MB} MB"


def about(licence: str | None) -> str:
    """Where the method and the code come from, and what may be done with sketches. Markdown."""
    code = code_address()
    links = [f"[the paper]({PAPER})", *([f"[the code]({code})"] if code else [])]
    terms = licence or "their own licence says what may be done with sketches"
    return f"**Weights:** {terms}. Drawn by MOST-Net with most-sketch {__version__}: {', '.join(links)}."


def code_address() -> str | None:
    """Where the project's code is, if the installed package says so."""
    try:
        addresses = metadata("most-sketch").get_all("Project-URL") or []
    except PackageNotFoundError:
        return None
    return dict(address.split(", ", 1) for address in addresses).get("Source")


def result(drawing: Drawing, styles: Sequence[str], style: int, view: str, caption: str = "") -> str:
    """The large picture, as it is looked at in this view of `VIEWS`."""
    return markup.pane(_looked_at(drawing, styles[style], style, view), caption)


def _looked_at(drawing: Drawing, name: str, style: int, view: str) -> str:
    photo = "Photo" if drawing.whole else "Photo of the face"
    sketch = f"Sketch in the style {name}"
    crop = drawing.crops[drawing.face].image
    if view == "Compare":
        return markup.comparison(crop, drawing.picture(style), photo, sketch)
    if view == "Photo":
        return markup.picture(crop, photo)
    place = {"Side by side": "Photo to the left, to the right: ", "In the photo": "Where the faces are in the photo: "}
    return markup.picture(drawing.picture(style, VIEWS[view]), f"{place.get(view, '')}{sketch}")


def style_choices(drawing: Drawing, styles: Sequence[str], style: int, title: str) -> str:
    """The shown face in every style."""
    return markup.choices(title, drawing.sketches[drawing.face], styles, style)


def face_choices(drawing: Drawing, style: int) -> str:
    """All faces: photos of those that are not drawn yet, sketches of the others."""
    pictures = [
        drawing.sketches[face][style] if face in drawing.sketches else crop.image
        for face, crop in enumerate(drawing.crops)
    ]
    return markup.choices("Faces", pictures, [f"face {face}" for face in range(1, len(pictures) + 1)], drawing.face)


def told(drawing: Drawing, style: str) -> str:
    """The line about a drawing: what is shown, or what was noticed."""
    if drawing.notice:
        return markup.message(drawing.notice, "notice")
    face = f", face {drawing.face + 1} of {len(drawing.crops)}" if len(drawing.crops) > 1 else ""
    return markup.message(f"{drawing.name}{face}, drawn in {style}", "status")


def added(style: str) -> str:
    """The line about a style of the visitor's own, while there is no photo."""
    return markup.message(f"The example is drawn in {style} too. Add a photo to draw yours.", "status")


def everything(drawing: Drawing, styles: int) -> str:
    """What to call the download of all that is drawn."""
    faces = f"{len(drawing.sketches)} faces in " if len(drawing.sketches) > 1 else ""
    return f"Download {faces}{f'all {styles} styles' if styles > 1 else 'all'}"

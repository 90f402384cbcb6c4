"""What the page knows of a photo: its faces, the chosen one, and the sketches of it. No Gradio here."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image, ImageDraw

from most_sketch.drawing.sketcher import Crop, Sketcher
from most_sketch.errors import MostSketchError
from most_sketch.photo.faces import face_notice
from most_sketch.photo.images import read_image

SHOWN_SIDE = 800
"""Length to which a photo with several faces is reduced, to choose among them."""


@dataclass(frozen=True, eq=False)
class Drawing:
    """What is known of the photo on the page, between one event and the next."""

    name: str
    """The photo's file name."""
    shown: Image.Image
    """The photo, at most `SHOWN_SIDE` long, for choosing a face."""
    scale: float
    """Shown pixels per pixel of the photo."""
    crops: list[Crop]
    face: int
    """The place in `crops` of the face that is drawn."""
    sketches: list[Image.Image]
    """Of this face, one in each style."""

    @property
    def notice(self) -> str:
        """What the command line would say of this face, if anything."""
        face = self.crops[self.face].face
        return face_notice(self.name, [face] if face else [])


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
    drawing = Drawing(path.name, shown, shown.width / photo.width, crops, 0, [])
    return draw_face(sketcher, drawing, areas.index(max(areas)))


def draw_face(sketcher: Sketcher, drawing: Drawing, face: int) -> Drawing:
    """Another face of the same photo, in all styles."""
    return replace(drawing, face=face, sketches=sketcher.draw_every_style(drawing.crops[face].image))


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

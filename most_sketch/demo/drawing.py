"""What the page knows of a photo: its faces, the chosen one, and the sketches that are drawn. No Gradio here."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from most_sketch.drawing.crop import Crop
from most_sketch.drawing.options import Layout
from most_sketch.drawing.sketcher import Sketcher
from most_sketch.errors import FaceError, MostSketchError
from most_sketch.photo.faces import face_notice
from most_sketch.photo.frame import on_paper, side_by_side
from most_sketch.photo.images import encode_image, read_image

DRAW_WHOLE = "Draw the whole picture"
"""What the page calls the remedy where no face is found."""


@dataclass(frozen=True, eq=False)
class Drawing:
    """What is known of the photo on the page, between one event and the next."""

    name: str
    """The photo's file name."""
    photo_size: tuple[int, int]
    crops: list[Crop]
    """Of all faces, from left to right; of the whole picture if that is drawn."""
    face: int
    """The place in `crops` of what is shown."""
    sketches: Mapping[int, list[Image.Image]]
    """Of each place in `crops` that is drawn, one sketch in each style."""
    papers: tuple[int, ...]
    """Of each style, as `Sketcher.papers` has them."""

    @property
    def whole(self) -> bool:
        """Is the whole picture drawn, and no face looked for?"""
        return self.crops[0].face is None

    @property
    def undrawn(self) -> list[int]:
        return [face for face in range(len(self.crops)) if face not in self.sketches]

    @property
    def notice(self) -> str:
        """What the command line would say of this face, if anything."""
        face = self.crops[self.face].face
        return face_notice(self.name, [face] if face else [])

    def picture(self, style: int, layout: Layout = "crop", face: int | None = None) -> Image.Image:
        """What is to be seen or saved: of this face, or the shown one; in the photo all that are drawn."""
        shown = self.face if face is None else face
        if layout == "photo":
            places = sorted(self.sketches)
            sketches = [self.sketches[place][style] for place in places]
            placements = [self.crops[place].placement for place in places]
            return on_paper(self.photo_size, sketches, placements, self.papers[style])
        sketch = self.sketches[shown][style]
        return sketch if layout == "crop" else side_by_side(self.crops[shown].image, sketch)

    def file_name(self, style: str, layout: Layout = "crop", face: int | None = None) -> str:
        """`group.2.ink.side-by-side.sketch.png`, without what goes without saying."""
        number = str((self.face if face is None else face) + 1) if len(self.crops) > 1 and layout != "photo" else ""
        tags = [number, style, "" if layout == "crop" else layout]
        return ".".join([Path(self.name).stem, *filter(None, tags), "sketch.png"])


def draw_photo(sketcher: Sketcher, path: Path, whole: bool = False) -> Drawing:
    """The largest face of a photo, or the whole picture, in all styles.

    Raises `MostSketchError` with the photo's name and no folder.
    """
    try:
        photo = read_image(path)
        crops = [sketcher.fit(photo)] if whole else sketcher.crops(photo, None)
    except FaceError as error:
        raise FaceError(f"{path.name}: no face found; a portrait can be drawn as it is: {DRAW_WHOLE}") from error
    except MostSketchError as error:
        raise named(error, path) from error
    areas = [crop.face.area if crop.face else 0.0 for crop in crops]
    largest = areas.index(max(areas))
    drawing = Drawing(path.name, photo.size, crops, largest, {}, sketcher.papers)
    return draw_faces(sketcher, drawing, [largest])


def named(error: MostSketchError, path: Path) -> MostSketchError:
    """The same error about an upload, with its name and no folder."""
    return type(error)(f"{path.name}: {str(error).removeprefix(f'{path}: ')}")


def show_face(sketcher: Sketcher, drawing: Drawing, face: int) -> Drawing:
    """Another face of the same photo, drawn in all styles if it is not yet."""
    return draw_faces(sketcher, replace(drawing, face=face), {face}.intersection(drawing.undrawn))


def draw_faces(sketcher: Sketcher, drawing: Drawing, faces: Iterable[int]) -> Drawing:
    """More faces of the same photo, in all styles."""
    new = {face: sketcher.draw_every_style(drawing.crops[face]) for face in faces}
    return replace(drawing, sketches={**drawing.sketches, **new})


def draw_styles(sketcher: Sketcher, drawing: Drawing, same: int) -> Drawing:
    """What is drawn of a photo, in the styles of another sketcher, the first of which are the same and stay."""
    more = range(same, len(sketcher.styles))
    sketches = {
        face: [*drawn[:same], *sketcher.draw_crops([drawing.crops[face]] * len(more), more)]
        for face, drawn in drawing.sketches.items()
    }
    return replace(drawing, sketches=sketches, papers=sketcher.papers)


def archive(drawing: Drawing, styles: Sequence[str], layout: Layout) -> bytes:
    """A ZIP file of all faces that are drawn, in all styles; in the photo, one picture a style."""
    faces = [drawing.face] if layout == "photo" else sorted(drawing.sketches)
    content = io.BytesIO()
    # PNG is compressed already.
    with zipfile.ZipFile(content, "w") as file:
        for face in faces:
            for place, style in enumerate(styles):
                picture = encode_image(drawing.picture(place, layout, face), ".png")
                file.writestr(drawing.file_name(style, layout, face), picture)
    return content.getvalue()

"""What one visitor has on the page: a photo's drawing, and perhaps a style of their own. No Gradio here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from most_sketch.demo.drawing import Drawing, draw_styles, named
from most_sketch.drawing.sketcher import Sketcher
from most_sketch.errors import MostSketchError


@dataclass(frozen=True, eq=False)
class Visit:
    """What the page knows of one visitor, between one event and the next."""

    sketcher: Sketcher
    """Draws in the page's styles, and in the visitor's own after them."""
    example: Drawing
    """In all of these styles; it is shown where there is no photo."""
    drawing: Drawing | None = None
    """Of the photo."""
    style: int = 0
    """The place of what is shown in the sketcher's styles."""

    @property
    def shown(self) -> Drawing:
        return self.drawing or self.example


def with_style(visit: Visit, page: Sketcher, file: Path) -> Visit:
    """The visit with a taught style, which is shown; it takes the place of the one that was there.

    `page` draws in the page's styles alone. Raises `MostSketchError` with the file's name and no folder.
    """
    try:
        sketcher = page.with_style(file)
    except MostSketchError as error:
        raise named(error, file) from error
    return replace(_drawn_by(sketcher, visit, page), style=len(page.styles))


def without_style(visit: Visit, page: Sketcher) -> Visit:
    """The visit without a style of the visitor's own; where it was shown, the first is."""
    return replace(_drawn_by(page, visit, page), style=visit.style if visit.style < len(page.styles) else 0)


def _drawn_by(sketcher: Sketcher, visit: Visit, page: Sketcher) -> Visit:
    """The visit with a sketcher that has the page's styles and others: only the others are drawn."""
    same = len(page.styles)
    drawing = visit.drawing and draw_styles(sketcher, visit.drawing, same)
    return replace(visit, sketcher=sketcher, example=draw_styles(sketcher, visit.example, same), drawing=drawing)

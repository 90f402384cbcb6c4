"""What of a photo is drawn, and how a drawing of it comes to be a sketch. No torch at import."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from most_sketch.photo.canvas import Canvas, overlap, photo_box
from most_sketch.photo.faces import Face
from most_sketch.photo.finish import cut_out, faded
from most_sketch.photo.frame import FRAME_HEIGHT, FRAME_WIDTH, Placement, scale_shift, to_canvas

BEYOND = 4.0
"""Frame pixels that a network is shown beyond the photo's edges: it draws worst at the border of what it sees."""


@dataclass(frozen=True)
class Crop:
    """What a sketch shows of a photo."""

    drawn: Image.Image
    """What the network draws, RGB, at the sketch's scale: all that the sketch shows of the photo."""
    corner: tuple[int, int]
    """Where that lies in the sketch: its left and top."""
    size: tuple[int, int]
    """The sketch's width and height."""
    placement: Placement
    """From the photo's pixels to the sketch's."""
    frame_height: float
    """Of the frame, at the sketch's scale."""
    photo_size: tuple[int, int]
    face: Face | None
    """None if the photo was not searched for faces."""

    @property
    def image(self) -> Image.Image:
        """The photo as the sketch shows it, RGB, of the sketch's size; where the photo ends it is white."""
        shown = Image.new("RGB", self.size, "white")
        shown.paste(self.drawn, self.corner)
        return cut_out(shown, self.placement, self.photo_size)

    @property
    def is_whole(self) -> bool:
        """Is it a picture of the frame's shape as it came, in which no face was looked for?"""
        corners = self.placement[:2, :2] @ np.array(self.photo_size, dtype=float) + self.placement[:2, 2]
        return self.face is None and bool(np.abs(corners - self.size).max() < 1)

    def finished(self, sketch: Image.Image, finish: str, paper: int) -> Image.Image:
        """The sketch from a drawing of `drawn`, on paper of this grey level."""
        if sketch.size != self.size:
            canvas = Image.new("L", self.size, paper)
            canvas.paste(sketch, self.corner)
            sketch = canvas
        if finish == "none" or self.is_whole:
            return sketch
        return faded(sketch, self.placement, self.photo_size, paper)


def frame_crop(photo: Image.Image, placement: Placement, face: Face | None, height: int) -> Crop:
    """What the frame shows, at this height; the photo's border, blurred, fills the rest. `placement` is into it."""
    scale = height / FRAME_HEIGHT
    size = round(scale * FRAME_WIDTH), height
    to_sketch = scale_shift(scale, scale) @ placement
    return Crop(to_canvas(photo, to_sketch, size), (0, 0), size, to_sketch, height, photo.size, face)


def canvas_crop(photo: Image.Image, placement: Placement, canvas: Canvas, face: Face | None, height: int) -> Crop:
    """What a canvas shows, at this height; only as much as there is of the photo is drawn. `placement` is as before."""
    scale = height / (FRAME_HEIGHT * canvas.times)
    size = round(height * FRAME_WIDTH / FRAME_HEIGHT), height
    to_sketch = scale_shift(scale, scale, -scale * canvas.left, -scale * canvas.top) @ placement
    low_x, low_y, high_x, high_y = photo_box(to_sketch, photo.size)
    margin = BEYOND * scale
    whole = (0.0, 0.0, float(size[0]), float(size[1]))
    left, top, right, bottom = overlap((low_x - margin, low_y - margin, high_x + margin, high_y + margin), whole)
    corner = math.floor(left), math.floor(top)
    drawn_size = math.ceil(right) - corner[0], math.ceil(bottom) - corner[1]
    drawn = to_canvas(photo, scale_shift(1, 1, -corner[0], -corner[1]) @ to_sketch, drawn_size)
    return Crop(drawn, corner, size, to_sketch, scale * FRAME_HEIGHT, photo.size, face)

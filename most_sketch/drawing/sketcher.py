"""The pipeline: a photo, its face brought into the frame, the network's drawing of it. No torch at import."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from most_sketch.checkpoints.find import DEFAULT_WEIGHTS, find_style, find_weights
from most_sketch.checkpoints.hub import Hub
from most_sketch.drawing.crop import Crop, canvas_crop, frame_crop
from most_sketch.drawing.engine import Engine, choose_engine
from most_sketch.errors import FaceError, InputError
from most_sketch.network.config import ModelConfig
from most_sketch.photo.canvas import (
    LOOK_SCALE,
    Canvas,
    checked_framing,
    moved_box,
    overlap,
    person_box,
    photo_box,
    portrait,
    room_beside,
)
from most_sketch.photo.faces import MIN_CONFIDENCE, Face, FaceFinder
from most_sketch.photo.finish import checked_finish
from most_sketch.photo.frame import (
    FRAME_HEIGHT,
    WHITE,
    Placement,
    checked_size,
    in_frame,
    place_face,
    place_whole,
    scale_of,
    scale_shift,
    to_canvas,
)
from most_sketch.photo.images import flatten, read_image

if TYPE_CHECKING:
    from most_sketch.drawing.torch_engine import TorchEngine


FIVE = 5
"""A sketch's height is a multiple of it, so that its width is whole."""
Photo = Image.Image | str | os.PathLike[str]
"""A picture, or where one is."""


def as_picture(photo: Photo) -> Image.Image:
    """A photo in RGB as a person sees it, read if it is a path. Raises `InputError` for what cannot be read."""
    return flatten(photo) if isinstance(photo, Image.Image) else read_image(Path(photo))


class Sketcher:
    """Draws photos as sketches. Pillow images in and out, in any mode; sketches are grey, 4 wide to 5 high.

    `Sketcher.load().sketch(photo)` is all that most need; `crops` and `draw` are its two halves. A sketch's `size` is
    its height in pixels, within `frame.SIZES`. None is what suits the photo: the face as large as it has detail for,
    but at least as large as in the frames that the weights were trained in, and not larger than they draw well.
    """

    def __init__(self, engine: Engine, weights: Path | None = None, called: str | Path = "") -> None:
        self.engine = engine
        self._weights = weights
        """The file of the weights that the engine draws with, if they are of one."""
        self._called = called
        self._torch: TorchEngine | None = None
        """Beside another engine, for the styles of `with_style`."""

    @classmethod
    def load(
        cls,
        weights: str | Path = DEFAULT_WEIGHTS,
        device: str = "auto",
        precision: str = "auto",
        *,
        engine: str = "torch",
        styles: Sequence[str | Path] = (),
        offline: bool = False,
        photos: int | None = None,
    ) -> Sketcher:
        """From what `weights.load_weights` takes; `device` auto, cpu, cuda or mps; `precision` auto, fp32 or bf16.

        `engine` is torch, onnx (ONNX Runtime: on a CPU, in float32; a network that is not a bundled one is exported
        once, which takes a minute) or auto, as `engine.choose_engine` has it. `styles` are files, or addresses on the
        Hub, of styles that were taught to these weights; they come after the weights' own. Precision auto is fp32.
        `photos` is how many will come, if that is known: engine auto looks for a GPU only for several. Raises
        `WeightsError`, and `InputError` for a device or an engine that is not there. `offline` makes no connection.
        """
        hub = Hub(offline=offline)
        path = find_weights(weights, hub)
        if choose_engine(engine, path, device, precision, styles, photos) == "onnx":
            from most_sketch.drawing.onnx_engine import OnnxEngine

            return cls(OnnxEngine.load(path), path, weights)
        from most_sketch.drawing.torch_engine import TorchEngine

        files = [find_style(style, hub) for style in styles]
        return cls(TorchEngine.load(path, weights, device, precision, files), path, weights)

    def with_style(self, file: Path) -> Sketcher:
        """One that draws in a taught style too, the last of its `styles`. This one stays, and they share the networks.

        It draws with torch, even if this one does not. Raises `WeightsError` for a file that is no style of these
        weights, `InputError` for a style whose name is there already.
        """
        from most_sketch.checkpoints.styles import read_styles_of
        from most_sketch.drawing.torch_engine import TorchEngine

        weights, called, engine = self._weights, self._called, self._torch or self.engine
        if weights is None:
            raise InputError(f"{file}: a style belongs to a file of weights, and these come from none")
        styles = read_styles_of(weights, called, [file])
        if not isinstance(engine, TorchEngine):
            engine = self._torch = TorchEngine.load(weights, called, "cpu", "fp32")
        sketcher = Sketcher(engine.with_styles(styles), weights, called)
        sketcher._finder = self._finder
        return sketcher

    @property
    def config(self) -> ModelConfig:
        """Of the network that draws."""
        return self.engine.config

    @property
    def styles(self) -> tuple[str, ...]:
        """The names of the styles that can be drawn in, the weights' own first; the first is the default."""
        return self.config.styles

    @property
    def papers(self) -> tuple[int, ...]:
        """The grey level of each style's paper."""
        return tuple(round((tone + 1) * WHITE / 2) for tone in self.engine.papers)

    def sketch(
        self,
        photo: Photo,
        style: str | None = None,
        *,
        align: bool = True,
        size: int | None = None,
        framing: str = "portrait",
        finish: str = "fade",
    ) -> Image.Image:
        """Draw the largest face of a photo, a picture or its path; without `align` the photo as it is, fitted into the
        frame.

        `framing` is `portrait` or `face`, as `crops` has it; `finish` is `fade` or `none`, as `draw_crops` does. Raises
        `FaceError` where there is no face, `InputError` for a style that is not in `styles`, a wrong size, framing or
        finish.
        """
        return self.sketch_many([photo], style, align=align, size=size, framing=framing, finish=finish)[0]

    def sketch_many(
        self,
        photos: Sequence[Photo],
        style: str | None = None,
        *,
        align: bool = True,
        size: int | None = None,
        framing: str = "portrait",
        finish: str = "fade",
    ) -> list[Image.Image]:
        """Draw each photo as `sketch` does, several at once where that is faster."""
        index = self.style_index(style)
        checked_finish(finish)
        crops = [
            self.crops(photo, size=size, framing=framing)[0] if align else self.fit(photo, size) for photo in photos
        ]
        return self.draw_crops(crops, [index] * len(crops), finish)

    def crops(
        self,
        photo: Photo,
        count: int | None = 1,
        min_confidence: float = MIN_CONFIDENCE,
        size: int | None = None,
        framing: str = "portrait",
    ) -> list[Crop]:
        """The `count` largest faces of a photo, all if None, each brought into the frame, from left to right.

        The framing `portrait` shows more than the frame, up to `canvas.LARGEST` times as much: the whole head and the
        shoulders, where the photo does; a network without a matte, which cannot tell the person, has `face` always: the
        frame. A photo that is in the frame already stays as it is. Raises `FaceError` if no face is found.
        """
        checked_framing(framing)
        photo = as_picture(photo)
        found = self._finder.find(photo, min_confidence)
        if not found:
            raise FaceError("no face found; a photo that is already cropped to the face can go with align=False")
        crops = []
        for face in sorted(found[:count], key=lambda face: face.box[0]):
            placement = place_face(photo.size, *face.eyes)
            canvas = None
            if framing == "portrait" and not in_frame(photo.size, *face.eyes):
                canvas = self._portrait(photo, placement, [other for other in found if other is not face])
            crops.append(self._crop(photo, placement, canvas, face, size))
        return crops

    def fit(self, photo: Photo, size: int | None = None) -> Crop:
        """A photo as it is, scaled into the frame without stretching; its border fills the rest."""
        photo = as_picture(photo)
        return self._crop(photo, place_whole(photo.size), None, None, size)

    def _portrait(self, photo: Image.Image, placement: Placement, others: Sequence[Face]) -> Canvas | None:
        """The canvas for the person whose face is in the frame; None if the network cannot tell the person."""
        room = room_beside([moved_box(placement, other.box) for other in others])
        whole = photo_box(placement, photo.size)
        left, top, right, bottom = overlap(whole, room)
        stride = self.config.feature_stride
        across, down = (math.ceil(side * LOOK_SCALE / stride) * stride for side in (right - left, bottom - top))
        look = scale_shift(LOOK_SCALE, LOOK_SCALE, -left * LOOK_SCALE, -top * LOOK_SCALE) @ placement
        sureness = self.engine.person(to_canvas(photo, look, (across, down)))
        if sureness is None:
            return None
        person = person_box(sureness, (left, top), stride / LOOK_SCALE, whole)
        return portrait(person, room) if person else None

    def _crop(
        self, photo: Image.Image, placement: Placement, canvas: Canvas | None, face: Face | None, size: int | None
    ) -> Crop:
        if size is not None:
            checked_size(size)
        height = size or self._size_for(placement)
        if canvas is None:
            return frame_crop(photo, placement, face, height)
        if size is None:
            # The face's scale stays exactly what suits it: a whole height makes the canvas a little larger or smaller.
            height, frame = FIVE * round(height * canvas.times / FIVE), height
            canvas = replace(canvas, times=height / frame)
        return canvas_crop(photo, placement, canvas, face, height)

    def _size_for(self, placement: Placement) -> int:
        """The height of a frame that suits a photo: a multiple of five, so that the width is whole."""
        if self.config.frame_height is None:
            return FRAME_HEIGHT
        return int(self.config.drawn_height(FIVE * int(FRAME_HEIGHT / FIVE / scale_of(placement))))

    def draw_crops(self, crops: Sequence[Crop], styles: Sequence[int], finish: str = "fade") -> list[Image.Image]:
        """The network's drawings of crops, each in the style of this index.

        With the finish `fade` they fade to paper where drawing or photo end within the person; but a whole picture of
        the frame's shape, in which no face was looked for, is left as it is drawn. `none` leaves all.
        """
        checked_finish(finish)
        drawn = self.draw([crop.drawn for crop in crops], styles, frame_heights=[crop.frame_height for crop in crops])
        papers = self.papers
        return [
            crop.finished(sketch, finish, papers[style])
            for crop, style, sketch in zip(crops, styles, drawn, strict=True)
        ]

    def draw(
        self,
        images: Sequence[Image.Image],
        styles: Sequence[int],
        batch_size: int | None = None,
        frame_heights: Sequence[float] | None = None,
    ) -> list[Image.Image]:
        """The network's drawings of RGB images, of their sizes, each in the style of this index.

        So many of one size are drawn at once; None is what suits the device. `frame_heights` are those of the frame at
        each image's scale; None if all are the frame.
        """
        most = batch_size or self.batch_size
        sketches: list[Image.Image] = []
        heights = frame_heights or [image.height for image in images]
        drawings = zip(images, styles, heights, strict=True)
        for _, group in groupby(drawings, key=lambda drawing: (drawing[0].size, drawing[2])):
            same = list(group)
            for start in range(0, len(same), most):
                pictures, indices, (height, *_) = zip(*same[start : start + most], strict=True)
                sketches += self.engine.draw(pictures, indices, height)
        return sketches

    def draw_every_style(self, crop: Crop) -> list[Image.Image]:
        """As `draw_crops`, of one crop, in the order of `styles`."""
        return self.draw_crops([crop] * len(self.styles), range(len(self.styles)))

    @property
    def batch_size(self) -> int:
        """How many photos are drawn at once."""
        return self.engine.batch_size

    def style_index(self, style: str | None) -> int:
        """The place of a style's memory; None is the first. Raises `InputError` that lists what there is."""
        return self.config.style_index(style)

    # Two threads that search first at the same moment load it twice, which does no harm.
    @cached_property
    def _finder(self) -> FaceFinder:
        return FaceFinder(self.engine.cascade())

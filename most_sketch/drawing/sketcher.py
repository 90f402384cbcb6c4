"""The pipeline: a photo, its face brought into the frame, the network's drawing of it. No torch at import."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from most_sketch.checkpoints.find import DEFAULT_WEIGHTS, find_style, find_weights
from most_sketch.checkpoints.hub import Hub
from most_sketch.drawing.engine import Engine, choose_engine
from most_sketch.errors import FaceError, InputError
from most_sketch.network.config import ModelConfig
from most_sketch.photo.faces import MIN_CONFIDENCE, Face, FaceFinder
from most_sketch.photo.frame import (
    FRAME_HEIGHT,
    WHITE,
    Placement,
    checked_size,
    place_face,
    place_whole,
    scale_of,
    to_frame,
)
from most_sketch.photo.images import flatten

if TYPE_CHECKING:
    from most_sketch.drawing.torch_engine import TorchEngine


@dataclass(frozen=True)
class Crop:
    """What the frame shows of a photo, RGB, as large as its sketch will be."""

    image: Image.Image
    placement: Placement
    """From the photo to the frame of 200 x 250, for putting the sketch back."""
    face: Face | None
    """None if the photo was not searched for faces."""


class Sketcher:
    """Draws photos as sketches. Pillow images in and out, in any mode; sketches are grey, 4 wide to 5 high.

    `Sketcher.load().sketch(photo)` is all that most need; `crops` and `draw` are its two halves. A sketch's `size` is
    its height in pixels, within `frame.SIZES`. None is what suits the photo: as large as its face has detail for,
    but at least as large as the frame that the weights were trained in, and not larger than they draw well.
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
        Hub, of styles that were taught to these weights; they come after the weights' own. For one photo, if it is
        known that so many will come, precision auto is fp32: to find out what is faster would take longer. Raises
        `WeightsError`, and `InputError` for a device or an engine that is not there. `offline` makes no connection.
        """
        hub = Hub(offline=offline)
        path = find_weights(weights, hub)
        if choose_engine(engine, path, device, precision, styles, photos) == "onnx":
            from most_sketch.drawing.onnx_engine import OnnxEngine

            return cls(OnnxEngine.load(path), path, weights)
        from most_sketch.drawing.torch_engine import TorchEngine

        files = [find_style(style, hub) for style in styles]
        return cls(TorchEngine.load(path, weights, device, precision, files, photos), path, weights)

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
        self, photo: Image.Image, style: str | None = None, *, align: bool = True, size: int | None = None
    ) -> Image.Image:
        """Draw the largest face of a photo; without `align` the photo as it is, fitted into the frame.

        Raises `FaceError` where there is no face, `InputError` for a style that is not in `styles` or a wrong size.
        """
        return self.sketch_many([photo], style, align=align, size=size)[0]

    def sketch_many(
        self, photos: Sequence[Image.Image], style: str | None = None, *, align: bool = True, size: int | None = None
    ) -> list[Image.Image]:
        """Draw each photo as `sketch` does, several at once where that is faster."""
        index = self.style_index(style)
        crops = [self.crops(photo, size=size)[0] if align else self.fit(photo, size) for photo in photos]
        return self.draw([crop.image for crop in crops], [index] * len(crops))

    def crops(
        self,
        photo: Image.Image,
        count: int | None = 1,
        min_confidence: float = MIN_CONFIDENCE,
        size: int | None = None,
    ) -> list[Crop]:
        """The `count` largest faces of a photo, all if None, each brought into the frame, from left to right.

        A photo that is in the frame already stays as it is. Raises `FaceError` if no face is found.
        """
        photo = flatten(photo)
        faces = self._finder.find(photo, min_confidence)[:count]
        if not faces:
            raise FaceError("no face found; a photo that is already cropped to the face can go with --no-align")
        placed = [(face, place_face(photo.size, *face.eyes)) for face in sorted(faces, key=lambda face: face.box[0])]
        return [self._crop(photo, placement, face, size) for face, placement in placed]

    def fit(self, photo: Image.Image, size: int | None = None) -> Crop:
        """A photo as it is, scaled into the frame without stretching; its border fills the rest."""
        photo = flatten(photo)
        return self._crop(photo, place_whole(photo.size), None, size)

    def _crop(self, photo: Image.Image, placement: Placement, face: Face | None, size: int | None) -> Crop:
        scale = (self._size_for(placement) if size is None else checked_size(size)) / FRAME_HEIGHT
        return Crop(to_frame(photo, placement, scale=scale), placement, face)

    def _size_for(self, placement: Placement) -> int:
        """The height of a sketch that suits a photo: a multiple of five, so that the width is whole."""
        if self.config.frame_height is None:
            return FRAME_HEIGHT
        return self.config.drawn_height(5 * int(FRAME_HEIGHT / 5 / scale_of(placement)))

    def draw(
        self, images: Sequence[Image.Image], styles: Sequence[int], batch_size: int | None = None
    ) -> list[Image.Image]:
        """The network's drawings of RGB images, of their sizes, each in the style of this index.

        So many of one size are drawn at once; None is what suits the device.
        """
        most = batch_size or self.batch_size
        sketches: list[Image.Image] = []
        for _, group in groupby(zip(images, styles, strict=True), key=lambda drawing: drawing[0].size):
            same = list(group)
            for start in range(0, len(same), most):
                sketches += self.engine.draw(*zip(*same[start : start + most], strict=True))
        return sketches

    def draw_every_style(self, image: Image.Image) -> list[Image.Image]:
        """The network's drawings of one RGB image, in the order of `styles`."""
        return self.draw([image] * len(self.styles), range(len(self.styles)))

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

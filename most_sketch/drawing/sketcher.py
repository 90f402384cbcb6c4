"""The pipeline: a photo, its face brought into the frame, the network's drawing of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from most_sketch.checkpoints.find import DEFAULT_WEIGHTS, find_style, find_weights
from most_sketch.checkpoints.hub import Hub
from most_sketch.checkpoints.packaged import examples_folder
from most_sketch.checkpoints.styles import read_styles_of, with_styles
from most_sketch.checkpoints.weights import load_weights
from most_sketch.device import keep_freed_memory, resolve_device
from most_sketch.errors import FaceError
from most_sketch.network.build import AnyGenerator, draw, drawn_height
from most_sketch.network.config import ModelConfig
from most_sketch.network.generator import Generator
from most_sketch.network.precision import Precision, choose_precision
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
from most_sketch.photo.images import flatten, read_image, to_image, to_tensor

BATCH_SIZE = {"cpu": 1, "cuda": 32, "mps": 8}
"""Photos drawn at once. Measured: more than one gains nothing on a CPU, and would keep Ctrl-C waiting."""

MAX_DIFFERENCE = 1.0
"""From float32's sketch, in grey levels, mean of all pixels: where `auto` would differ more it takes float32."""


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

    def __init__(self, generator: AnyGenerator, device: torch.device, dtype: torch.dtype = torch.float32) -> None:
        # Measured: channels last draws faster on a CPU too.
        self._generator = generator.to(device).to(memory_format=torch.channels_last).eval()
        self.device = device
        self.dtype = dtype
        self.precision = Precision(dtype)
        """What was measured to choose the dtype, if it was; it is float32 all the same where sketches would change."""

    @classmethod
    def load(
        cls,
        weights: str | Path = DEFAULT_WEIGHTS,
        device: str = "auto",
        precision: str = "auto",
        *,
        styles: Sequence[str | Path] = (),
        offline: bool = False,
        photos: int | None = None,
    ) -> Sketcher:
        """From what `weights.load_weights` takes; `device` auto, cpu, cuda or mps; `precision` auto, fp32 or bf16.

        `styles` are files, or addresses on the Hub, of styles that were taught to these weights; they come after the
        weights' own. For one photo, if it is known that so many will come, auto is fp32: to find out what is faster
        would take longer. Raises `WeightsError`, and `InputError` for a device that is not there. `offline` makes no
        connection.
        """
        where = resolve_device(device)
        if where.type == "cpu":
            keep_freed_memory()
        hub = Hub(offline=offline)
        path = find_weights(weights, hub)
        taught = read_styles_of(path, weights, [find_style(style, hub) for style in styles])
        generator = with_styles(load_weights(path), taught)
        alone = photos == 1 and precision == "auto"
        chosen = choose_precision("fp32" if alone else precision, where, "drawing")
        sketcher = cls(generator, where, chosen.dtype)
        if precision == "auto" and not sketcher._is_exact():
            sketcher.dtype = torch.float32
        sketcher.precision = chosen
        return sketcher

    @property
    def config(self) -> ModelConfig:
        config: ModelConfig = self._generator.config
        return config

    @property
    def styles(self) -> tuple[str, ...]:
        """The names of the styles that can be drawn in, the weights' own first; the first is the default."""
        return self.config.styles

    @property
    def papers(self) -> tuple[int, ...]:
        """The grey level of each style's paper."""
        if isinstance(self._generator, Generator):
            return tuple(round((tone + 1) * WHITE / 2) for tone in self._generator.paper)
        return (WHITE,) * len(self.styles)

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
        return drawn_height(self.config, 5 * int(FRAME_HEIGHT / 5 / scale_of(placement)))

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
                sketches += self._draw_batch(*zip(*same[start : start + most], strict=True))
        return sketches

    def draw_every_style(self, image: Image.Image) -> list[Image.Image]:
        """The network's drawings of one RGB image, in the order of `styles`."""
        return self.draw([image] * len(self.styles), range(len(self.styles)))

    @property
    def batch_size(self) -> int:
        """How many photos are drawn at once on this device."""
        return BATCH_SIZE[self.device.type]

    def style_index(self, style: str | None) -> int:
        """The place of a style's memory; None is the first. Raises `InputError` that lists what there is."""
        return self.config.style_index(style)

    @torch.inference_mode()
    def _draw_batch(self, images: Sequence[Image.Image], styles: Sequence[int]) -> list[Image.Image]:
        photos = self._on_device(images)
        index = torch.tensor(styles, device=self.device)
        with self._autocast():
            drawn = draw(self._generator, photos, index)
        return [to_image(sketch) for sketch in drawn.float().cpu()]

    def _on_device(self, images: Sequence[Image.Image]) -> Tensor:
        photos = torch.stack([to_tensor(image) for image in images])
        return photos.to(device=self.device, memory_format=torch.channels_last)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, self.dtype, enabled=self.dtype is not torch.float32)

    @torch.inference_mode()
    def _is_exact(self) -> bool:
        """Does the precision draw an example portrait, in every style, nearly as float32 does?

        It is drawn at 200 x 250, by whatever weights: what rounding does is seen there too, at a fifth of the time.
        """
        if self.dtype is torch.float32:
            return True
        portrait = read_image(examples_folder() / "astronaut.jpg")
        photos = self._on_device([to_frame(portrait, place_whole(portrait.size))])
        differences = []
        for style in torch.arange(len(self.styles), device=self.device)[:, None]:
            with self._autocast():
                drawn = self._generator(photos, style)
            differences.append((drawn.float() - self._generator(photos, style)).abs().mean() * 127.5)
        return bool(torch.stack(differences).mean() < MAX_DIFFERENCE)

    # Two threads that search first at the same moment load it twice, which does no harm.
    @cached_property
    def _finder(self) -> FaceFinder:
        return FaceFinder(self.device)

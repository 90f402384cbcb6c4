"""What a person chooses: the network, and how photos are drawn and saved with it. No torch at import."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from most_sketch.checkpoints.find import DEFAULT_WEIGHTS, find_style, find_weights
from most_sketch.checkpoints.header import read_header
from most_sketch.checkpoints.hub import Hub
from most_sketch.checkpoints.manifest import checksum
from most_sketch.network.config import ModelConfig
from most_sketch.photo.canvas import Framing
from most_sketch.photo.faces import MIN_CONFIDENCE
from most_sketch.photo.finish import Finish
from most_sketch.photo.images import DPI
from most_sketch.photo.metadata import KeepMetadata
from most_sketch.photo.pdf import Page
from most_sketch.photo.provenance import settings_text

if TYPE_CHECKING:
    from most_sketch.drawing.sketcher import Sketcher

Layout = Literal["crop", "photo", "side-by-side"]
"""The sketch alone; in its place in the photo, on white paper; the photo in the frame with the sketch to its right."""


@dataclass(frozen=True)
class ModelSpec:
    """What a `Sketcher` is loaded from, and how."""

    weights: str | Path = DEFAULT_WEIGHTS
    """What `weights.find_weights` takes."""
    device: str = "auto"
    """`auto`, `cpu`, `cuda`, `cuda:N` or `mps`."""
    precision: str = "auto"
    """`auto`, `fp32` or `bf16`."""
    offline: bool = False
    """Make no connection."""
    styles: tuple[str, ...] = ()
    """Of styles that were taught to these weights: files, or addresses on the Hub."""
    engine: str = "torch"
    """`auto`, `torch` or `onnx`."""

    def load(self, photos: int | None = None) -> Sketcher:
        """To draw so many photos, if that is known."""
        from most_sketch.drawing.sketcher import Sketcher

        return Sketcher.load(
            self.weights,
            self.device,
            self.precision,
            engine=self.engine,
            styles=self.styles,
            offline=self.offline,
            photos=photos,
        )

    def must_export(self, photos: int | None = None) -> bool:
        """Does `load` have to export the network for ONNX Runtime first? Raises like `found` and `load`."""
        from most_sketch.checkpoints.onnx_files import find_graph, is_installed
        from most_sketch.drawing.engine import choose_engine

        # Nothing else is exported unasked.
        if self.engine != "onnx" or not is_installed():
            return False
        path = Path(self.found().weights)
        choose_engine(self.engine, path, self.device, self.precision, self.styles, photos)
        return find_graph(read_header(path).config) is None

    def found(self) -> ModelSpec:
        """The same with the files of its weights, which were compared with their checksum, and of its styles.

        Raises `WeightsError`.
        """
        hub = Hub(offline=self.offline)
        styles = tuple(str(find_style(style, hub)) for style in self.styles)
        return replace(self, weights=find_weights(self.weights, hub), styles=styles)

    def config(self) -> ModelConfig:
        """Without the tensors. Raises `WeightsError`, and `InputError` for a style's name that is there twice."""
        found = self.found()
        config = read_header(Path(found.weights)).config
        if not found.styles:
            return config
        from most_sketch.checkpoints.styles import read_style_info, with_names

        return with_names(config, [read_style_info(Path(path)).name for path in found.styles])

    def sources(self, config: ModelConfig) -> tuple[tuple[str, str], ...]:
        """Each style of its config, and the checksum of the file that it is from. Raises `WeightsError`."""
        found = self.found()
        own = len(config.styles) - len(found.styles)
        weights = checksum(Path(found.weights))
        taught = zip(config.styles[own:], found.styles, strict=True)
        return (
            *((style, weights[:DIGITS]) for style in config.styles[:own]),
            *((style, checksum(Path(path))[:DIGITS]) for style, path in taught),
        )


ROLE = "role"
RUN = "run"
"""The role of an option that only this run knows: it changes no sketch."""
UNNAMED = "unnamed"
"""The role of an option that changes a sketch, or its file, but not so that its name says it."""
DIGITS = 16
"""Of a checksum that is to be told from others, not to be trusted."""


@dataclass(frozen=True)
class Options:
    """How photos are drawn and saved.

    An option without a role is a setting of the sketch: its file says it, and where it is not the default, its name
    does too. A new one needs nothing more than its line here.
    """

    styles: tuple[str, ...] = field(default=(), metadata={ROLE: RUN})
    """Each photo is drawn in all of them."""
    name_styles: bool = field(default=False, metadata={ROLE: RUN})
    """Put the style into the sketch's name, whichever it is."""
    usual_style: str | None = field(default=None, metadata={ROLE: RUN})
    """The default style: with it, sketches in another one have that in their names."""
    sources: tuple[tuple[str, str], ...] = field(default=(), metadata={ROLE: RUN})
    """Of each style the checksum of the file that it is from."""
    align: bool = field(default=True, metadata={ROLE: UNNAMED})
    faces: int | None = field(default=1, metadata={ROLE: UNNAMED})
    """How many of the largest faces; None is all."""
    number_faces: bool = field(default=False, metadata={ROLE: RUN})
    """Put the face's number, from left to right, into the sketch's name."""
    min_confidence: float = field(default=MIN_CONFIDENCE, metadata={ROLE: UNNAMED})
    size: int | None = None
    """Height of a sketch in pixels; None is what suits the photo."""
    framing: Framing = "portrait"
    finish: Finish = "fade"
    layout: Layout = "crop"
    quality: int = field(default=90, metadata={ROLE: UNNAMED})
    dpi: int = field(default=DPI, metadata={ROLE: UNNAMED})
    """Dots per inch, as the file says: how large it is on paper."""
    transparent: bool = False
    """Ink alone, without paper."""
    keep_metadata: KeepMetadata = field(default="none", metadata={ROLE: UNNAMED})
    """What of the photo's Exif, and with it the file's time."""
    strokes: bool = False
    """In SVG the middle of lines, for a pen, in the place of shapes."""
    page: Page = field(default="a4", metadata={ROLE: UNNAMED})
    margin: float = field(default=15.0, metadata={ROLE: UNNAMED})
    """Of pages in PDF, in millimetres."""
    overwrite: bool = field(default=False, metadata={ROLE: RUN})
    batch_size: int | None = field(default=None, metadata={ROLE: RUN})
    """None: what suits the device."""

    def settings(self, style: str) -> dict[str, Any]:
        """What a sketch in this style is drawn and saved with, as its file says it."""
        chosen = {each.name: getattr(self, each.name) for each in fields(self) if each.metadata.get(ROLE) != RUN}
        return chosen | {"style": style, "source": dict(self.sources).get(style)}

    @cached_property
    def settings_texts(self) -> dict[str, bytes]:
        """The settings of each style as they stand in a file, for quick comparison."""
        return {style: settings_text(self.settings(style)).encode() for style in self.styles}

    def tags(self, style: str, face: int) -> list[str]:
        """What the name of a sketch says: number of the face, style, and all that is not as it is by default."""
        own = self.needed_tags(style, face)
        if not self.name_styles and self.usual_style is not None and style != self.usual_style:
            own.append(style)
        return own + list(self._changes)

    def needed_tags(self, style: str, face: int) -> list[str]:
        """What tells the sketches of one photo apart."""
        numbered = self.number_faces and self.layout != "photo"
        return [str(face)] * numbered + [style] * self.name_styles

    @cached_property
    def _changes(self) -> tuple[str, ...]:
        changed = [each for each in fields(self) if ROLE not in each.metadata]
        words = [_word(each.name, getattr(self, each.name), each.default) for each in changed]
        if self.layout == "photo" and self.number_faces:
            words.append("all-faces" if self.faces is None else f"{self.faces}-faces")
        return tuple(word for word in words if word)


def _word(name: str, value: object, default: object) -> str:
    """What a sketch's name says of an option; nothing of the default."""
    if value == default:
        return ""
    name = name.replace("_", "-")
    if value in (False, "none"):
        return f"no-{name}"
    return name if value is True else str(value)

"""Teach weights a new style from a handful of pairs: frame them, find the nearest style, tune a renderer, compare."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from PIL import Image
from torch import Tensor

from most_sketch.checkpoints.find import DEFAULT_WEIGHTS, find_weights
from most_sketch.checkpoints.hub import Hub
from most_sketch.checkpoints.manifest import checksum
from most_sketch.checkpoints.styles import Style, StyleInfo, check_name, with_names, with_styles
from most_sketch.checkpoints.weights import load_weights
from most_sketch.device import resolve_device
from most_sketch.drawing.contact_sheets import captioned, contact_sheet
from most_sketch.errors import InputError
from most_sketch.network.build import draw
from most_sketch.network.generator import Generator
from most_sketch.network.lora import change_of
from most_sketch.pairs.pairs import Pair, find_pairs, load_pair, read_pictures
from most_sketch.pairs.paper import DARKEST_PAPER, border_level
from most_sketch.pairs.prepare import prepare
from most_sketch.pairs.reading import Preparation
from most_sketch.photo.faces import FaceFinder
from most_sketch.photo.frame import FRAME_HEIGHT, WHITE, scaled_size
from most_sketch.photo.images import to_image
from most_sketch.photo.mtcnn_networks import load_cascade
from most_sketch.teaching.encoded_pairs import encode, mean_difference, memory_of, paper_of
from most_sketch.teaching.lora_tuning import Budget, tune
from most_sketch.training.augmentation import augment
from most_sketch.training.config import TrainConfig
from most_sketch.training.perceptual import PerceptualBackbone, load_backbone

MAX_PAIRS = 100
"""More are for `train`."""
HOLD_OUT, ENOUGH = 5, 10
"""Every fifth pair is held out and only compared with, where there are at least ten."""
VIEWS, MOST_VIEWS = 4, 80
"""Augmented copies of each pair, and at most of all pairs together, since all stay in memory."""
ENCODING = 0.25
"""Share of the time after which no more copies are encoded."""
# Not mirrored: from which side a hand hatches is part of its style.
MOVES = TrainConfig(flip=False, shift=4, tone=0.15, rotate=3, zoom=0.08, blur=0.3, noise=0.2, jpeg=0.2)
HELPED = 0.005
"""Share of the difference from the artist below which a style is no nearer."""
COMPARED = 4
"""Pairs whose drawings decide which style is nearest, and rows of the sheet."""

Report = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


@dataclass(frozen=True)
class Teaching:
    """How a style is taught."""

    minutes: float = 8.0
    """How long it may take about, without bringing pairs into the frame."""
    steps: int = 200
    """Of tuning, at most: with ten pairs of strokes that differ each time, more steps overfit."""
    reduce: int = 1
    """How many times smaller than in the frame drawings are compared, for those that were enlarged into it."""
    keep_paper: bool = False
    """Leave the drawings' paper as it is when pairs are brought into the frame; so is dark paper always."""
    perceptual: str = "auto"
    """The backbone of style and content loss, as `load_backbone` takes it; `auto` is VGG-19 if it can be had."""
    device: str = "auto"
    seed: int = 0


@dataclass(frozen=True)
class Taught:
    """A style, and how it came about."""

    style: Style
    nearest: str
    """The style of the weights that it began with."""
    differences: dict[str, float]
    """`encoded_pairs.difference` of the drawings in the nearest style, and of those that were tuned."""
    kept: str
    held_out: int
    """Pairs that were only compared with; 0 if the pairs that taught were."""
    problems: tuple[str, ...]
    """Why pairs were left out."""
    unaided: str
    """Why it was taught without the backbone of `auto`; empty if it had it, or another choice was made."""
    sheet: Image.Image
    """Some pairs: photo, drawn in the nearest style, in the new one, and by the artist."""

    @property
    def nearer(self) -> float:
        """By which share of the nearest style's difference from the artist the new one's is less."""
        return 1 - self.differences[self.kept] / self.differences["nearest"]

    def outcome(self) -> str:
        """How far it came, in words."""
        compared = f"{self.held_out} held-out pairs" if self.held_out else "the pairs that taught it"
        if self.nearer < HELPED:
            return (
                f"it did not help: on {compared} nothing came nearer to the artist than {self.nearest} as it is; "
                f"more pairs or minutes may{', or VGG-19' if self.unaided else ''}"
            )
        return f"nearer to the artist by {100 * self.nearer:.0f} % than {self.nearest}, on {compared}"


def teach(
    folder: str | Path,
    name: str,
    weights: str | Path = DEFAULT_WEIGHTS,
    *,
    description: str = "",
    how: Teaching | None = None,
    offline: bool = False,
    report: Report = lambda *_: None,
    tell: Callable[[str], None] = lambda _: None,
) -> Taught:
    """Teach weights the style of the paired set in a folder; `styles.save_style` writes the result.

    `tell` is called with what will be missing, before the work begins.
    Pairs that have the size of the weights' frame are taken as they are, others are brought into it. Raises
    `InputError` for a name that cannot be and pairs that cannot be used, `WeightsError` for weights.
    """
    how = how or Teaching()
    device = resolve_device(how.device)
    path = find_weights(weights, Hub(offline=offline))
    loaded = load_weights(path)
    _check(name, weights, loaded.config.styles)
    with_names(loaded.config, [name])
    if not loaded.config.memory:
        raise InputError(f"{weights}: holds no memory, which is what a style is taught as (memory=false)")
    if not isinstance(loaded, Generator):
        raise InputError(f"{weights}: is a {loaded.config.architecture}, and a style is taught to a MOST-Net")
    pairs = find_pairs(Path(folder))
    if len(pairs) > MAX_PAIRS:
        raise InputError(f"{folder}: {len(pairs)} pairs; a style is taught from at most {MAX_PAIRS}, train takes more")
    backbone, unaided = _load_backbone(how, offline, report)
    if unaided:
        tell(f"without VGG-19 strokes are compared less well, and may change little: {unaided}")
    pictures, problems = _read(pairs, (loaded.config.frame_height or FRAME_HEIGHT) / FRAME_HEIGHT, how, device, report)
    if not pictures:
        more = f" ({problems[0]})" if problems else ""
        raise InputError(f"{folder}: no pair can be used{more}")
    called = Path(weights).resolve().name if Path(weights).exists() else str(weights)
    info = StyleInfo(1, name, description, called, checksum(path), len(pictures))
    taught = _learn(loaded.to(device), pictures, info, how, backbone and backbone.to(device), report)
    return replace(taught, problems=tuple(problems), unaided=unaided)


def _load_backbone(how: Teaching, offline: bool, report: Report) -> tuple[PerceptualBackbone | None, str]:
    """What style and content loss look through, and why it is not there where `auto` could not have it."""
    if how.perceptual != "auto":
        return load_backbone(how.perceptual, unit_features=True, offline=offline), ""
    if how.minutes <= 0:
        return None, ""
    told = partial(report, "loading VGG-19 (548 MB, downloaded once)")
    told(0, 1)
    try:
        backbone = load_backbone("vgg19", unit_features=True, offline=offline)
    except InputError as error:
        return None, str(error)
    finally:
        told(1, 1)
    return backbone, ""


def _check(name: str, weights: str | Path, styles: Sequence[str]) -> None:
    try:
        check_name(name)
    except ValueError as error:
        raise InputError(f"name={name!r}: {error}") from error
    if name in styles:
        raise InputError(f"name={name!r}: {weights} has a style of this name; there is {', '.join(styles)}")


def _read(
    pairs: Sequence[Pair], scale: float, how: Teaching, device: torch.device, report: Report
) -> tuple[list[tuple[Tensor, Tensor]], list[str]]:
    """Photos (3, H, W) and sketches (1, H, W) in the frame at this scale, and why pairs are left out."""
    framed: list[Pair] = []
    others: list[Pair] = []
    problems: list[str] = []
    for pair in pairs:
        try:
            sizes = {picture.size for picture in read_pictures(pair)}
        except InputError as error:
            problems.append(str(error))
            continue
        (framed if sizes == {scaled_size(scale)} else others).append(pair)
    pictures = [load_pair(pair) for pair in framed]
    if others:
        level = border_level(read_pictures(pair)[1] for pair in others)
        dark = level < DARKEST_PAPER
        keeping = Preparation(scale, fit=True, keep_paper=how.keep_paper or dark, paper=level if dark else WHITE)
        with TemporaryDirectory() as folder:
            prepared = prepare(others, Path(folder), FaceFinder(load_cascade(device)), keeping)
            for done, result in enumerate(prepared, start=1):
                report("bringing pairs into the frame", done, len(others))
                problems += [result.problem] if result.problem else []
            if len(pictures) + len(problems) < len(pairs):
                pictures += [load_pair(pair) for pair in find_pairs(Path(folder))]
    return pictures, problems


def _learn(
    generator: Generator,
    pictures: Sequence[tuple[Tensor, Tensor]],
    info: StyleInfo,
    how: Teaching,
    backbone: PerceptualBackbone | None,
    report: Report,
) -> Taught:
    start, rng = time.monotonic(), torch.Generator().manual_seed(how.seed)
    held_out = list(range(0, len(pictures), HOLD_OUT)) if len(pictures) >= ENOUGH else []
    teaching = [place for place in range(len(pictures)) if place not in held_out]
    compared = held_out or teaching

    plain = []
    for photo, sketch in pictures:
        plain.append(encode(generator, photo, sketch))
        report("encoding the pairs", len(plain), len(pictures))
    paper = paper_of(generator, plain)
    seen, compared_pairs = [plain[place] for place in teaching], [plain[place] for place in compared]
    shown = seen[:COMPARED]
    for place in (min(VIEWS, MOST_VIEWS // len(teaching)) - 1) * teaching:
        if time.monotonic() - start > ENCODING * 60 * how.minutes:
            break
        seen.append(encode(generator, *_moved(*pictures[place], rng)))

    unlike = []
    for place in range(len(generator.config.styles)):
        unlike.append(mean_difference(generator, memory_of(generator, place), shown, paper, reduce=how.reduce))
        report("looking for the nearest style", place + 1, len(generator.config.styles))
    nearest = unlike.index(min(unlike))

    memory = memory_of(generator, nearest)
    comparing = time.monotonic()
    differences = {"nearest": mean_difference(generator, memory, compared_pairs, paper, reduce=how.reduce)}
    # The second comparison and the sheet still come, and take no longer than this comparison twice.
    left = 60 * how.minutes - (time.monotonic() - start) - 2 * (time.monotonic() - comparing)
    told = partial(report, "tuning")
    tuned = tune(generator, memory, seen, Budget(how.steps, left), rng, backbone, told, paper, how.reduce)
    if tuned:
        differences["tuned"] = mean_difference(generator, memory, compared_pairs, paper, tuned.renderer, how.reduce)
    kept = min(differences, key=lambda name: differences[name])

    names = generator.config.styles
    if tuned and kept == "tuned":
        made = f"from {names[nearest]}, tuned in {tuned.steps} steps"
        change = change_of(tuned.renderer, generator.renderer)
    else:
        made, change = f"{names[nearest]} as it is: nothing that was tuned came nearer", {}
    offset = None if memory.offsets is None else memory.offsets[0].detach()
    style = Style(replace(info, made=made, paper=paper), memory.keys[0], memory.values[0], change, offset).half()
    sheet = _sheet(generator, style, nearest, [pictures[place] for place in compared[:COMPARED]])
    return Taught(style, names[nearest], differences, kept, len(held_out), (), "", sheet)


def _moved(photo: Tensor, sketch: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    photo, sketch, _ = augment(photo, sketch, torch.ones_like(sketch), MOVES, rng)
    return photo, sketch


@torch.no_grad()
def _sheet(generator: Generator, style: Style, nearest: int, pictures: Sequence[tuple[Tensor, Tensor]]) -> Image.Image:
    """Photo, drawing in the nearest style, in the new one, and the artist's: a row for each pair."""
    extended = with_styles(generator, [style])
    columns: dict[str, list[Image.Image]] = {}
    device = next(generator.parameters()).device
    new = len(generator.config.styles)
    for photo, sketch in pictures:
        before, after = (
            draw(extended, photo[None].to(device), torch.tensor([place], device=device))[0] for place in (nearest, new)
        )
        titles = "photo", f"before: {generator.config.styles[nearest]}", f"after: {style.info.name}", "the artist"
        for title, picture in zip(titles, (photo, before, after, sketch), strict=True):
            columns.setdefault(title, []).append(to_image(picture))
    return captioned({title: contact_sheet([[each] for each in column], 1) for title, column in columns.items()})

"""What is looked at in every sketch, and one method's sketches looked at: scores, persons, texture."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from most_sketch.errors import InputError
from most_sketch.evaluation.baselines import Method
from most_sketch.evaluation.columns import Column
from most_sketch.evaluation.identity import Gallery, Identity, rates
from most_sketch.evaluation.metrics import Metrics, load_metrics
from most_sketch.evaluation.recogniser import DlibRecogniser
from most_sketch.evaluation.results import PairScore
from most_sketch.evaluation.scoring import score_pairs
from most_sketch.evaluation.texture import Texture
from most_sketch.pairs.pairs import Pair
from most_sketch.photo.images import encode_image, write_bytes

Watch = Callable[[int, int], None]
"""Told after each pair how many are done, of how many."""


@dataclass(frozen=True)
class EvalConfig:
    """What is scored, and how it is computed."""

    data: Path | None = None
    """Folder of pairs; None looks for `cufs` here."""
    split: str = "all"
    style: str | None = None
    """The style to draw in, of weights that have several; None takes for each database the one of its name, else their
    first."""
    gallery: Path | None = None
    """Pairs among which `nearest` looks. None: the training part where the validation part is scored, else the
    other pairs of the set."""
    metrics: str | None = None
    """What is measured, as `columns.choose_columns` takes it."""
    backbones: Path | None = None
    identity: bool = False
    """Ask a face recogniser too, of which person a sketch is."""
    device: str = "auto"
    batch_size: int = 8
    offline: bool = False
    """Make no connection, for weights or backbones."""
    drawings: Path | None = None
    """Drawings with which the texture of sketches is compared, where the photos have none of their own."""


@dataclass(frozen=True)
class Outputs:
    """What to keep besides the means."""

    save: Path | None = None
    """Folder for the sketches."""
    csv: Path | None = None
    excel: bool = False
    """Begin the CSV with a byte order mark, without which Excel takes UTF-8 for another encoding."""
    report: Path | None = None
    command: str = ""
    """How the report says that it was made."""
    overwrite: bool = False
    """Replace sketches in `save` that are there already."""

    def check(self, names: Iterable[str]) -> None:
        """Refuse what could not be written, or not be replaced, before minutes are spent on it: sketches of `names`."""
        for path in (self.csv, self.report):
            if path and path.is_dir():
                raise InputError(f"{path}: is a folder, not a file")
        if self.save is None:
            return
        if self.save.exists() and not self.save.is_dir():
            raise InputError(f"--save {self.save}: is a file, not a folder")
        for path in () if self.overwrite else (saved_as(self.save, name) for name in names):
            if path.exists():
                raise InputError(f"{path}: is there already; replace it with --overwrite")

    def write_csv(self, text: str) -> None:
        """If a CSV is asked for."""
        if self.csv:
            write_bytes(self.csv, text.encode("utf-8-sig" if self.excel else "utf-8"))


@dataclass(frozen=True)
class Instruments:
    """All that looks at the sketches."""

    columns: tuple[Column, ...]
    metrics: Metrics
    gallery: Gallery | None
    device: torch.device

    @classmethod
    def load(cls, config: EvalConfig, columns: tuple[Column, ...], device: torch.device) -> Instruments:
        """What is asked for. Raises `InputError` for a metric that was named and cannot be had."""
        gallery = Gallery(DlibRecogniser(device)) if config.identity else None
        keys = [column.key for column in columns]
        metrics = load_metrics(config.backbones, device, offline=config.offline, keys=keys)
        for key, remedy in metrics.missing.items() if config.metrics is not None else ():
            raise InputError(f"--metrics {key}: {remedy}")
        return cls(columns, metrics, gallery, device)


@dataclass(frozen=True)
class Measured:
    """What one method's sketches were found to be."""

    scores: tuple[PairScore, ...]
    identity: Identity | None
    texture: Texture | None


def measure(
    pairs: Sequence[Pair],
    method: Method,
    instruments: Instruments,
    batch_size: int,
    save: Path | None,
    watch: Watch,
) -> Measured:
    """Draw, score and, where asked for, keep the sketches of pairs. Raises like `score_pairs`."""
    gallery, features = instruments.gallery, instruments.metrics.texture
    scores: list[PairScore] = []
    seen: list[Tensor] = []
    sketches: dict[str, Tensor] = {}
    drawings: dict[str, Tensor] = {}
    for scored in score_pairs(pairs, method, instruments.metrics, instruments.device, batch_size):
        if save:
            write_bytes(saved_as(save, scored.pair.name), encode_image(scored.sketch, ".png"))
        if gallery:
            seen.append(gallery.embed(scored.pair, scored.sketch))
        if features:
            name = scored.pair.name
            sketches[name], drawings[name] = features.of(scored.sketch, name), features.of_drawing(scored.drawing, name)
        scores.append(scored.score)
        watch(len(scores), len(pairs))
    texture = Texture(sketches, drawings) if features else None
    if not gallery:
        return Measured(tuple(scores), None, texture)
    ours, artists = gallery.recognise(pairs, seen)
    recognised = (
        replace(score, recognised=one, artist_recognised=other)
        for score, one, other in zip(scores, ours, artists, strict=True)
    )
    return Measured(tuple(recognised), Identity(rates(ours), rates(artists)), texture)


def watch_part(watch: Watch, number: int, parts: int, done: int, total: int) -> None:
    """Report the progress of one of several equal parts as that of the whole."""
    watch(number * total + done, parts * total)


def saved_as(folder: Path, name: str) -> Path:
    """Where the sketch of the pair or photo of this name is kept."""
    return folder / f"{name}.png"

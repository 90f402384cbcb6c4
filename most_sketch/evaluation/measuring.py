"""What is looked at in every sketch, and one method's sketches looked at: scores, persons, texture."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
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
from most_sketch.photo.images import write_bytes

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
            picture = io.BytesIO()
            scored.sketch.save(picture, "PNG")
            write_bytes(saved_as(save, scored.pair), picture.getvalue())
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


def saved_as(folder: Path, pair: Pair) -> Path:
    """Where the sketch of a pair is kept."""
    return folder / f"{pair.name}.png"

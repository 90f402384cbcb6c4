"""The run over a paired set: read, draw, score, hand on. No more than one batch is ever in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from most_sketch.errors import InputError
from most_sketch.evaluation.baselines import Method
from most_sketch.evaluation.metrics import SMALLEST_SIDE, Metrics
from most_sketch.evaluation.results import PairScore
from most_sketch.pairs.pairs import Pair, load_pair
from most_sketch.photo.images import require_numbers, to_image, to_levels


@dataclass(frozen=True)
class Scored:
    """A pair, the sketch as it would be saved, the artist's drawing, and the sketch's scores."""

    pair: Pair
    sketch: Image.Image
    drawing: Image.Image
    score: PairScore


def score_pairs(
    pairs: Sequence[Pair], method: Method, metrics: Metrics, device: torch.device, batch_size: int
) -> Iterator[Scored]:
    """Draw and score pairs in their order. Raises `InputError` for a pair that cannot be read or scored."""
    for batch, photos, truths in _batches(pairs, batch_size):
        sketches = [to_image(sketch) for sketch in method(batch, photos.to(device))]
        originals = [to_image(truth) for truth in truths]
        # The scores are those of the 8-bit pictures, which is all that anyone else can check.
        values = metrics.measure(to_levels(sketches).to(device), to_levels(originals).to(device))
        for pair, sketch, drawing, scores in zip(batch, sketches, originals, values, strict=True):
            yield Scored(pair, sketch, drawing, PairScore(pair.database, pair.photo.stem, sketch.size, scores))


def draw_one(pair: Pair, method: Method, device: torch.device) -> Image.Image:
    """The sketch of a single pair as it would be saved."""
    photo, _ = load_pair(pair)
    return to_image(method([pair], photo[None].to(device))[0])


def _batches(pairs: Sequence[Pair], batch_size: int) -> Iterator[tuple[list[Pair], Tensor, Tensor]]:
    """Neighbours of one size together: pairs, photos (B, 3, H, W) and sketches (B, 1, H, W) in [-1, 1]."""
    batch: list[tuple[Pair, Tensor, Tensor]] = []
    for pair in pairs:
        photo, sketch = load_pair(pair)
        require_numbers(pair.sketch)
        height, width = photo.shape[-2:]
        if min(height, width) < SMALLEST_SIDE:
            raise InputError(
                f"{pair.name}: {width} x {height} pixels are too few to score; {SMALLEST_SIDE} a side are the least"
            )
        if batch and (len(batch) == batch_size or batch[0][1].shape != photo.shape):
            yield _stack(batch)
            batch = []
        batch.append((pair, photo, sketch))
    if batch:
        yield _stack(batch)


def _stack(batch: Sequence[tuple[Pair, Tensor, Tensor]]) -> tuple[list[Pair], Tensor, Tensor]:
    pairs, photos, sketches = zip(*batch, strict=True)
    return list(pairs), torch.stack(photos), torch.stack(sketches)

"""Teach a warp where drawings lie, before the rest is trained: from landmarks, on photos that are bent at random.

What a photo tells of that is known from its points (`pairs.habit`), and of a photo that is bent from its bent points.
So every photo gives as many faces, longer and broader, as are wanted, for each habit, whichever database it is of.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage
from torch import Tensor

from most_sketch.errors import InputError
from most_sketch.network.warp import Warp, bent, look, spread_out
from most_sketch.pairs.bend import GRID, displacement_of, field_between
from most_sketch.pairs.habit import Displaced, Habit
from most_sketch.pairs.landmarks import Points
from most_sketch.pairs.pairs import Pair
from most_sketch.photo.frame import FRAME_HEIGHT, FRAME_WIDTH
from most_sketch.training.augmentation import random_bends

LESSONS = 8000
"""Photos, as they are and bent, of all pairs together."""
STEPS, BATCH, RATE, WEIGHT_DECAY, DROPOUT = 3000, 64, 1e-3, 0.05, 0.2
STEADY = 0.3
"""Share of the steps after which the rate falls."""
STRETCH, SLANT, SHIFT, BEND = (0.06, 0.1), 0.05, (3.0, 5.0), 5.0
"""By how much photos are bent, across and down: shares of the distance from the middle, and frame pixels."""
TONE, LIGHT, NOISE = 0.3, 0.3, 0.05
"""By how much each colour, brightness, and each pixel are changed."""
SIDE = (32, 25)
"""Places down and across at which bends are compared."""
LOOKS = 3.0
"""Weight of knowing whose photo it is, beside squares of frame pixels."""
SPARE = 3
"""Of a photo's points every third is enough."""
ROUNDS = 6
"""Of finding where a bent photo shows a point: bends are smooth and small."""
HALF_FRAME = torch.tensor([FRAME_WIDTH / 2, FRAME_HEIGHT / 2]).view(1, 2, 1, 1)
"""Frame pixels for each unit of bends."""


@dataclass(frozen=True)
class Lessons:
    """Photos that are bent at random, and what a warp should say of each."""

    seen: Tensor
    """(N, 3, *SEEN), int8 of 127."""
    moves: Tensor
    """(N, habits, 2, *SIDE) as `Warp.told` has them, spread out; NaN where nothing is known of a photo."""
    habit: Tensor
    """(N,), whose photo it is; the number of habits for none of theirs."""


def lessons_of(
    pairs: Sequence[Pair],
    photos: Sequence[Tensor],
    habits: int,
    chance: torch.Generator,
    stopped: Callable[[], bool] = lambda: False,
) -> Lessons:
    """Of pairs and their photos, (3, H, W) of bytes, which lie beside what `prepare --keep-habit` wrote; fewer if it is
    `stopped()`.

    Raises `InputError` unless photos of so many databases tell where their drawings lie.
    """
    names: dict[Path, set[str]] = {}
    for pair in pairs:
        names.setdefault(pair.photo.parent.parent, set()).add(pair.photo.stem)
    displaced = {folder: each for folder in sorted(names) if (each := Displaced.read(folder)) is not None}
    of_all = {folder: each.habit(names[folder]) for folder, each in displaced.items()}
    telling = {folder: habit for folder, habit in of_all.items() if len(habit.components)}
    if len(telling) != habits:
        raise InputError(
            f"habits={habits}: of these pairs {len(telling)} databases have photos that tell where their drawings lie; "
            "prepare --fit --keep-habit finds out"
        )
    points = {
        (folder, name): places
        for folder, each in displaced.items()
        for name, places in zip(each.names, each.photo_points, strict=True)
    }
    habits_in_order, whose = list(telling.values()), {folder: place for place, folder in enumerate(telling)}
    seen, moves, habit = [], [], []
    for number in range(max(1, LESSONS // len(pairs))):
        if number and stopped():
            break
        for pair, photo in zip(pairs, photos, strict=True):
            folder = pair.photo.parent.parent
            bends = _bends(chance) if number else torch.zeros(1, 2, FRAME_HEIGHT, FRAME_WIDTH)
            levels = photo[None].float() / 127.5 - 1
            framed = F.interpolate(levels, (FRAME_HEIGHT, FRAME_WIDTH), mode="bilinear", antialias=True)
            seen.append((look(bent(framed, bends / HALF_FRAME))[0] * 127).round().to(torch.int8))
            known = points.get((folder, pair.photo.stem))
            moves.append(_told(None if known is None else _moved(known, bends), habits_in_order))
            habit.append(whose.get(folder, habits))
    return Lessons(torch.stack(seen), torch.stack(moves), torch.tensor(habit))


def teach_warp(
    warp: Warp, lessons: Lessons, chance: torch.Generator, device: torch.device, stopped: Callable[[], bool]
) -> float | None:
    """Teach it, in place. Returns by how much it errs at last, rms in frame pixels; None if it was `stopped()`."""
    warp.requires_grad_(True)
    half_frame = HALF_FRAME.to(device)
    optimiser = torch.optim.AdamW(warp.parameters(), RATE, weight_decay=WEIGHT_DECAY)
    errors = []
    for step in range(STEPS):
        if stopped():
            return None
        for group in optimiser.param_groups:
            group["lr"] = RATE * min(1.0, (1 - step / STEPS) / (1 - STEADY))
        chosen = torch.randint(len(lessons.seen), (BATCH,), generator=chance)
        seen, wanted = lessons.seen[chosen].float() / 127, lessons.moves[chosen]
        mirrored = torch.rand(BATCH, generator=chance) < 0.5
        seen = torch.where(mirrored.view(-1, 1, 1, 1), seen.flip(-1), seen)
        wanted = torch.where(mirrored.view(-1, 1, 1, 1, 1), _mirrored(wanted), wanted).to(device)
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(int(torch.randint(2**62, (), generator=chance)))
            moves, looks = warp.told(_toned(seen, chance).to(device), DROPOUT)
        spread, wanted = spread_out(moves.flatten(0, 1), *SIDE), wanted.flatten(0, 1)
        known = ~wanted.isnan()
        missed = (spread - torch.where(known, wanted, spread.detach())) * half_frame
        squares = missed.square().sum() / known[:, 0].sum().clamp(min=1)
        loss = squares + LOOKS * F.cross_entropy(looks, lessons.habit[chosen].to(device))
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        errors.append(squares.detach().sqrt().item())
    optimiser.zero_grad()
    warp.requires_grad_(False)
    return float(np.mean(errors[-100:]))


def _bends(chance: torch.Generator) -> Tensor:
    """A photo's, at random: longer or broader, slanted, shifted, and each place in its own way. (1, 2, H, W)"""
    wide, high, slant, across, down, far = (2 * torch.rand(6, generator=chance) - 1).tolist()
    rows = (torch.arange(FRAME_HEIGHT) - FRAME_HEIGHT / 2)[:, None].expand(-1, FRAME_WIDTH)
    columns = (torch.arange(FRAME_WIDTH) - FRAME_WIDTH / 2).expand(FRAME_HEIGHT, -1)
    bends = random_bends(FRAME_HEIGHT, FRAME_WIDTH, BEND * abs(far), chance).permute(2, 0, 1)
    stretched = [
        columns * wide * STRETCH[0] + rows * slant * SLANT + across * SHIFT[0],
        rows * high * STRETCH[1] + down * SHIFT[1],
    ]
    return (bends + torch.stack(stretched))[None]


def _moved(points: Points, bends: Tensor) -> Points:
    """Where a bent photo shows these points (n, 2)."""
    field, shown = bends[0].permute(1, 2, 0).numpy(), points
    for _ in range(ROUNDS):
        across, down = np.round(shown - 0.5).astype(int).clip(0, (FRAME_WIDTH - 1, FRAME_HEIGHT - 1)).T
        shown = points - field[down, across]
    return shown


def _told(points: Points | None, habits: Sequence[Habit]) -> Tensor:
    """How each habit bends a photo with these points beside the mean of its database: (habits, 2, *SIDE), NaN where
    that is not known. The network learns the mean itself."""
    told = torch.full((len(habits), 2, *SIDE), torch.nan)
    down, across = (np.linspace(0, size, count) for size, count in zip((FRAME_HEIGHT, FRAME_WIDTH), SIDE, strict=True))
    places = np.meshgrid(down / GRID, across / GRID, indexing="ij")
    for index, habit in enumerate(habits):
        if points is None or points.size != len(habit.shape):
            continue
        drawn = points + habit.of(points) - habit.mean
        displacement = displacement_of(field_between(drawn[::SPARE], points[::SPARE]))
        for axis in (0, 1):
            told[index, axis] = torch.from_numpy(ndimage.map_coordinates(displacement[..., axis], places, order=1))
    return told / HALF_FRAME


def _mirrored(moves: Tensor) -> Tensor:
    """What is said of photos, said of the mirrored ones: (B, habits, 2, h, w) -> the same."""
    return moves.flip(-1) * torch.tensor([-1.0, 1.0]).view(2, 1, 1)


def _toned(seen: Tensor, chance: torch.Generator) -> Tensor:
    """Photos (B, 3, h, w) in other colours, in another light, and with noise."""
    colour, light = (torch.rand(BATCH, channels, 1, 1, generator=chance) - 0.5 for channels in (3, 1))
    return seen * (1 + TONE * colour) + LIGHT * light + NOISE * torch.randn(seen.shape, generator=chance)

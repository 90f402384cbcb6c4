"""Train a warp on landmarks, before the rest of the network: on photos that are bent at random.

The offset model of a database (`pairs.offset_model`) predicts from a photo's landmarks where its drawing would lie. The
landmarks of a bent photo are known too. So every photo gives as many longer and broader faces as are wanted, for each
database.
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
from most_sketch.pairs.landmarks import Points
from most_sketch.pairs.offset_model import LandmarkOffsets, OffsetModel
from most_sketch.pairs.pairs import Pair
from most_sketch.photo.frame import FRAME_HEIGHT, FRAME_WIDTH
from most_sketch.training.augmentation import random_bends

SAMPLES = 8000
"""Photos that the warp is trained on, as they are and bent, of all pairs together."""
STEPS, BATCH, RATE, WEIGHT_DECAY, DROPOUT = 3000, 64, 1e-3, 0.05, 0.2
STEADY = 0.3
"""Share of the steps after which the learning rate falls."""
STRETCH, SLANT, SHIFT, BEND = (0.06, 0.1), 0.05, (3.0, 5.0), 5.0
"""By how much photos are bent, across and down: shares of the distance from the middle, and frame pixels."""
TONE, LIGHT, NOISE = 0.3, 0.3, 0.05
"""By how much each colour, brightness, and each pixel are changed."""
SIDE = (32, 25)
"""Places down and across at which bends are compared."""
DOMAIN_WEIGHT = 3.0
"""Weight of the cross-entropy of a photo's domain, beside squared errors in frame pixels."""
SPARE = 3
"""Of a photo's points every third is enough."""
ROUNDS = 6
"""Of finding where a bent photo shows a point: bends are smooth and small."""
HALF_FRAME = torch.tensor([FRAME_WIDTH / 2, FRAME_HEIGHT / 2]).view(1, 2, 1, 1)
"""Frame pixels for each unit of bends."""


@dataclass(frozen=True)
class WarpTargets:
    """Photos that are bent at random, and what `Warp.predict` should return for each."""

    seen: Tensor
    """(N, 3, *SEEN), int8 of 127."""
    offsets: Tensor
    """(N, domains, 2, *SIDE), spread out; NaN where a photo's are not known."""
    domain: Tensor
    """(N,), the domain of each photo; the number of domains where it is of none."""


def warp_targets(
    pairs: Sequence[Pair],
    photos: Sequence[Tensor],
    domains: int,
    rng: torch.Generator,
    stopped: Callable[[], bool] = lambda: False,
) -> WarpTargets:
    """Of pairs and their photos, (3, H, W) of bytes, beside which `prepare --keep-predictable-offset` wrote the offsets
    of landmarks; fewer if it is `stopped()`.

    Raises `InputError` unless so many databases have offsets that their photos predict.
    """
    names: dict[Path, set[str]] = {}
    for pair in pairs:
        names.setdefault(pair.photo.parent.parent, set()).add(pair.photo.stem)
    measured = {folder: each for folder in sorted(names) if (each := LandmarkOffsets.read(folder)) is not None}
    of_all = {folder: each.offset_model(names[folder]) for folder, each in measured.items()}
    models = {folder: model for folder, model in of_all.items() if len(model.components)}
    if len(models) != domains:
        raise InputError(
            f"warp_domains={domains}: the photos of {len(models)} databases predict where their drawings lie; "
            "prepare --fit --keep-predictable-offset measures that"
        )
    points = {
        (folder, name): places
        for folder, each in measured.items()
        for name, places in zip(each.names, each.photo_points, strict=True)
    }
    in_order, domain_of = list(models.values()), {folder: place for place, folder in enumerate(models)}
    seen, offsets, domain = [], [], []
    for number in range(max(1, SAMPLES // len(pairs))):
        if number and stopped():
            break
        for pair, photo in zip(pairs, photos, strict=True):
            folder = pair.photo.parent.parent
            bends = _bends(rng) if number else torch.zeros(1, 2, FRAME_HEIGHT, FRAME_WIDTH)
            levels = photo[None].float() / 127.5 - 1
            framed = F.interpolate(levels, (FRAME_HEIGHT, FRAME_WIDTH), mode="bilinear", antialias=True)
            seen.append((look(bent(framed, bends / HALF_FRAME))[0] * 127).round().to(torch.int8))
            known = points.get((folder, pair.photo.stem))
            offsets.append(_predicted(None if known is None else _moved(known, bends), in_order))
            domain.append(domain_of.get(folder, domains))
    return WarpTargets(torch.stack(seen), torch.stack(offsets), torch.tensor(domain))


def train_warp(
    warp: Warp, targets: WarpTargets, rng: torch.Generator, device: torch.device, stopped: Callable[[], bool]
) -> float | None:
    """Train it, in place. Returns its error at the end, rms in frame pixels; None if it was `stopped()`."""
    warp.requires_grad_(True)
    half_frame = HALF_FRAME.to(device)
    optimiser = torch.optim.AdamW(warp.parameters(), RATE, weight_decay=WEIGHT_DECAY)
    errors = []
    for step in range(STEPS):
        if stopped():
            return None
        for group in optimiser.param_groups:
            group["lr"] = RATE * min(1.0, (1 - step / STEPS) / (1 - STEADY))
        chosen = torch.randint(len(targets.seen), (BATCH,), generator=rng)
        seen, wanted = targets.seen[chosen].float() / 127, targets.offsets[chosen]
        mirrored = torch.rand(BATCH, generator=rng) < 0.5
        seen = torch.where(mirrored.view(-1, 1, 1, 1), seen.flip(-1), seen)
        wanted = torch.where(mirrored.view(-1, 1, 1, 1, 1), _mirrored(wanted), wanted).to(device)
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(int(torch.randint(2**62, (), generator=rng)))
            offsets, domain_logits = warp.predict(_toned(seen, rng).to(device), DROPOUT)
        spread, wanted = spread_out(offsets.flatten(0, 1), *SIDE), wanted.flatten(0, 1)
        known = ~wanted.isnan()
        missed = (spread - torch.where(known, wanted, spread.detach())) * half_frame
        squares = missed.square().sum() / known[:, 0].sum().clamp(min=1)
        loss = squares + DOMAIN_WEIGHT * F.cross_entropy(domain_logits, targets.domain[chosen].to(device))
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        errors.append(squares.detach().sqrt().item())
    optimiser.zero_grad()
    warp.requires_grad_(False)
    return float(np.mean(errors[-100:]))


def _bends(rng: torch.Generator) -> Tensor:
    """A photo's, at random: longer or broader, slanted, shifted, and each place in its own way. (1, 2, H, W)"""
    wide, high, slant, across, down, far = (2 * torch.rand(6, generator=rng) - 1).tolist()
    rows = (torch.arange(FRAME_HEIGHT) - FRAME_HEIGHT / 2)[:, None].expand(-1, FRAME_WIDTH)
    columns = (torch.arange(FRAME_WIDTH) - FRAME_WIDTH / 2).expand(FRAME_HEIGHT, -1)
    bends = random_bends(FRAME_HEIGHT, FRAME_WIDTH, BEND * abs(far), rng).permute(2, 0, 1)
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


def _predicted(points: Points | None, models: Sequence[OffsetModel]) -> Tensor:
    """How each model bends a photo with these points, less its mean: (domains, 2, *SIDE), NaN where that is not known.

    The rest of the network learns the mean."""
    offsets = torch.full((len(models), 2, *SIDE), torch.nan)
    down, across = (np.linspace(0, size, count) for size, count in zip((FRAME_HEIGHT, FRAME_WIDTH), SIDE, strict=True))
    places = np.meshgrid(down / GRID, across / GRID, indexing="ij")
    for index, model in enumerate(models):
        if points is None or points.size != len(model.shape):
            continue
        drawn = points + model.predict(points) - model.mean
        displacement = displacement_of(field_between(drawn[::SPARE], points[::SPARE]))
        for axis in (0, 1):
            offsets[index, axis] = torch.from_numpy(ndimage.map_coordinates(displacement[..., axis], places, order=1))
    return offsets / HALF_FRAME


def _mirrored(offsets: Tensor) -> Tensor:
    """The offsets of the mirrored photos: (B, domains, 2, h, w) -> the same."""
    return offsets.flip(-1) * torch.tensor([-1.0, 1.0]).view(2, 1, 1)


def _toned(seen: Tensor, rng: torch.Generator) -> Tensor:
    """Photos (B, 3, h, w) in other colours, in another light, and with noise."""
    colour, light = (torch.rand(BATCH, channels, 1, 1, generator=rng) - 0.5 for channels in (3, 1))
    return seen * (1 + TONE * colour) + LIGHT * light + NOISE * torch.randn(seen.shape, generator=rng)

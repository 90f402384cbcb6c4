"""What the drawings of a database have in common, as far as a photo's own points tell it: their habit.

An artist, or whoever cut the scans, brings faces nearer to their mean than they are: drawings of XM2VTS have the mouth
where all have it, however long the face is. What a photo tells of that a network can learn too, so it is left in the
drawings that are scored unbent.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from most_sketch.errors import InputError
from most_sketch.pairs.landmarks import Points
from most_sketch.photo.images import write_bytes

COUNTS = (3, 6, 10, 15)
"""Principal components of the photos' points from which displacements are told."""
RIDGES = (1.0, 3.0, 10.0, 30.0, 100.0)
FEWEST = 4
"""Pairs for each component."""
WORTH = 0.1
"""By which share of it (rms) what is told must be nearer than the mean, each pair told by others; else it is chance."""

DISPLACED = "displaced.safetensors"
"""What `prepare` writes beside the pairs of a database whose drawings it bent."""

NAMES = "names"

Displacements = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Habit:
    """A mean displacement and how it changes with the shape of a face: ridge regression on principal components."""

    mean: Displacements
    shape: NDArray[np.floating[Any]]
    """The mean of the photos' points, flat."""
    components: NDArray[np.floating[Any]]
    """(k, points * 2), each divided by its standard deviation; k is 0 where only the mean is told."""
    weights: NDArray[np.floating[Any]]
    """(k, size of a displacement)."""

    def of(self, points: Points) -> Displacements:
        """The displacement that these points of a photo in the frame, (n, 2), tell of."""
        if not len(self.components):
            return self.mean
        scores = self.components @ (points.ravel() - self.shape)
        return self.mean + (scores @ self.weights).reshape(self.mean.shape)


def learn_habit(points: Sequence[Points], displacements: Sequence[Displacements]) -> Habit:
    """From the photos' points, each (n, 2), and as many displacements of any one shape; at least one of each.

    Where not all photos have the same points only the mean is told. Count of components and ridge are those with which
    each pair is told best by the others.
    """
    alike = len({len(each) for each in points}) == 1
    shapes = np.stack([each.ravel() if alike else np.zeros(0) for each in points])
    moved = np.stack([each.ravel() for each in displacements])
    count, mean, shape = len(shapes), moved.mean(axis=0), shapes.mean(axis=0)
    targets = moved - mean
    _, singular, components = np.linalg.svd(shapes - shape, full_matrices=False)
    best = Habit(mean.reshape(displacements[0].shape), shape, components[:0], targets[:0])
    # Told by the others, a pair's distance from their mean is larger than from that of all.
    least = np.square(targets).sum() * ((1 - WORTH) * count / max(count - 1, 1)) ** 2
    for most in COUNTS:
        kept = min(most, int((singular > 1e-6 * singular.max(initial=0)).sum()), count // FEWEST)
        if kept < 1:
            break
        scaled = components[:kept] * np.sqrt(count) / singular[:kept, None]
        scores = (shapes - shape) @ scaled.T
        for ridge in RIDGES:
            inverse = np.linalg.inv(scores.T @ scores + ridge * np.eye(kept))
            weights = inverse @ scores.T @ targets
            leverage = np.einsum("ij,jk,ik->i", scores, inverse, scores) + 1 / count
            error = np.square((targets - scores @ weights) / (1 - leverage)[:, None]).sum()
            if error < least:
                least, best = error, Habit(best.mean, shape, scaled, weights)
    return best


@dataclass(frozen=True)
class Displaced:
    """Where the drawings of a database lay beside their photos before they were bent, in frame pixels."""

    names: list[str]
    """Of the pairs, that of each photo without its suffix."""
    photo_points: NDArray[np.floating[Any]]
    displacements: NDArray[np.floating[Any]]
    """Both (pairs, points, 2)."""

    def habit(self, told_by: Collection[str]) -> Habit:
        """What the pairs of these names tell; all, if it has none of them."""
        kept = [place for place, name in enumerate(self.names) if name in told_by] or list(range(len(self.names)))
        return learn_habit([*self.photo_points[kept]], [*self.displacements[kept]])

    def write(self, folder: Path) -> None:
        """Into the database's folder of pairs. Raises `InputError` if it cannot be written."""
        tensors = {"photo_points": self.photo_points, "displacements": self.displacements}
        data = save(
            {name: array.astype(np.float32) for name, array in tensors.items()}, {NAMES: json.dumps(self.names)}
        )
        write_bytes(folder / DISPLACED, data)

    @classmethod
    def read(cls, folder: Path) -> Displaced | None:
        """What was written into a database's folder; None where nothing was. Raises `InputError` for something else."""
        path = folder / DISPLACED
        if not path.exists():
            return None
        try:
            with safe_open(path, "numpy") as file:
                names = json.loads((file.metadata() or {})[NAMES])
                arrays = [file.get_tensor(name).astype(float) for name in ("photo_points", "displacements")]
        except (SafetensorError, OSError, KeyError, ValueError) as error:
            raise InputError(f"{path}: not what prepare writes, or cut short ({error})") from error
        if (
            any(each.ndim != 3 or each.shape[::2] != (len(names), 2) for each in arrays)
            or arrays[0].shape != arrays[1].shape
        ):
            raise InputError(f"{path}: names, points and displacements are not as many")
        return cls(names, *arrays)

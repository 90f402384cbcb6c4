"""How the drawings of a database lie beside their photos, as far as a photo's landmarks predict it.

An artist, or whoever cut the scans, brings faces nearer to the mean face than they are: drawings of XM2VTS have the
mouth at one height, however long the face is. A network can learn what a photo predicts. So that part of the offset is
left in drawings that are scored unbent.
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
"""Numbers of principal components of the photos' points that are tried as predictors."""
RIDGES = (1.0, 3.0, 10.0, 30.0, 100.0)
FEWEST = 4
"""Pairs for each component."""
WORTH = 0.1
"""Least gain over the mean, as a share of its rms error in leave-one-out prediction. Less than that may be noise."""

OFFSETS_FILE = "displaced.safetensors"
"""What `prepare` writes beside the pairs of a database whose drawings it bent."""

NAMES = "names"

Displacements = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class OffsetModel:
    """A mean displacement and how it changes with the shape of a face: ridge regression on principal components."""

    mean: Displacements
    shape: NDArray[np.floating[Any]]
    """The mean of the photos' points, flat."""
    components: NDArray[np.floating[Any]]
    """(k, points * 2), each divided by its standard deviation; k is 0 where only the mean is predicted."""
    weights: NDArray[np.floating[Any]]
    """(k, size of a displacement)."""

    def predict(self, points: Points) -> Displacements:
        """The displacement for these points of a photo in the frame, (n, 2)."""
        if not len(self.components):
            return self.mean
        scores = self.components @ (points.ravel() - self.shape)
        return self.mean + (scores @ self.weights).reshape(self.mean.shape)


def fit_offset_model(points: Sequence[Points], displacements: Sequence[Displacements]) -> OffsetModel:
    """From the photos' points, each (n, 2), and as many displacements of any one shape; at least one of each.

    Where not all photos have the same points, only the mean is predicted. Leave-one-out prediction chooses the number
    of components and the ridge.
    """
    alike = len({len(each) for each in points}) == 1
    shapes = np.stack([each.ravel() if alike else np.zeros(0) for each in points])
    moved = np.stack([each.ravel() for each in displacements])
    count, mean, shape = len(shapes), moved.mean(axis=0), shapes.mean(axis=0)
    targets = moved - mean
    _, singular, components = np.linalg.svd(shapes - shape, full_matrices=False)
    best = OffsetModel(mean.reshape(displacements[0].shape), shape, components[:0], targets[:0])
    # Left out, a pair is further from the mean of the others than from the mean of all.
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
                least, best = error, OffsetModel(best.mean, shape, scaled, weights)
    return best


@dataclass(frozen=True)
class LandmarkOffsets:
    """Offsets of the drawings' landmarks from their photos', before the drawings were bent, in frame pixels."""

    names: list[str]
    """Of the pairs, that of each photo without its suffix."""
    photo_points: NDArray[np.floating[Any]]
    displacements: NDArray[np.floating[Any]]
    """Both (pairs, points, 2)."""

    def offset_model(self, names: Collection[str]) -> OffsetModel:
        """Fitted on the pairs of these names; on all, if none of them is here."""
        kept = [place for place, name in enumerate(self.names) if name in names] or list(range(len(self.names)))
        return fit_offset_model([*self.photo_points[kept]], [*self.displacements[kept]])

    def write(self, folder: Path) -> None:
        """Into the database's folder of pairs. Raises `InputError` if it cannot be written."""
        tensors = {"photo_points": self.photo_points, "displacements": self.displacements}
        data = save(
            {name: array.astype(np.float32) for name, array in tensors.items()}, {NAMES: json.dumps(self.names)}
        )
        write_bytes(folder / OFFSETS_FILE, data)

    @classmethod
    def read(cls, folder: Path) -> LandmarkOffsets | None:
        """What was written into a database's folder; None where nothing was. Raises `InputError` for something else."""
        path = folder / OFFSETS_FILE
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

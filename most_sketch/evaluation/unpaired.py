"""Sketches of photos that no artist drew: are the persons recognised, is there a mesh, are the strokes an artist's?"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from most_sketch.device import resolve_device
from most_sketch.drawing.sketcher import Sketcher
from most_sketch.errors import FaceError, InputError
from most_sketch.evaluation.identity import Rates, Recognition, rates, recognitions
from most_sketch.evaluation.measuring import EvalConfig, Outputs, Watch, saved_as, watch_part
from most_sketch.evaluation.mesh import Mesh, mesh
from most_sketch.evaluation.methods import find_pictures, names_of_weights
from most_sketch.evaluation.metrics import SMALLEST_SIDE, load_metrics
from most_sketch.evaluation.recogniser import DlibRecogniser, Recogniser
from most_sketch.evaluation.results import number_in_csv
from most_sketch.evaluation.texture import SQUARES, Texture, TextureFeatures, joined, texture_distance
from most_sketch.photo.images import encode_image, read_image, require_numbers, write_bytes

SQUARES_OF_SKETCHES = 2 * SQUARES
"""Portraits without drawings are few."""


@dataclass(frozen=True)
class PhotoScore:
    """What was measured of one sketch."""

    name: str
    """The photo's, below the folder of all."""
    size: tuple[int, int]
    """The sketch's width and height."""
    mesh: Mesh
    recognised: Recognition | None = None


@dataclass(frozen=True)
class Reference:
    """Drawings of an artist that sketches are compared with."""

    name: str
    count: int
    mesh: Mesh
    """The mean of all."""
    features: Tensor
    among: float | None
    """The texture distance between two halves of them."""

    @property
    def by_key(self) -> dict[str, float | None]:
        """By the names of the columns."""
        return {"mesh_axes": self.mesh.axes, "mesh_diagonal": self.mesh.diagonal, "texture": self.among}


@dataclass(frozen=True)
class UnpairedEvaluation:
    """What was measured of one network's sketches of a folder of photos."""

    method: str
    style: str
    data: str
    scores: tuple[PhotoScore, ...]
    left_out: Mapping[str, str]
    """Photo -> why it could not be used."""
    identity: Rates | None
    texture: float | None
    reference: Reference | None

    @property
    def label(self) -> str:
        """As tables call it."""
        return f"{self.method}, {self.style}"

    @property
    def by_key(self) -> dict[str, float | None]:
        """By the names of the columns."""
        persons = asdict(self.identity) if self.identity else {}
        return {
            "mesh_axes": self.mesh.axes,
            "mesh_diagonal": self.mesh.diagonal,
            "texture": self.texture,
            "distance": self.distance,
            **persons,
        }

    @property
    def mesh(self) -> Mesh:
        """The mean of all sketches."""
        return mean_mesh([score.mesh for score in self.scores])

    @property
    def distance(self) -> float | None:
        """The mean of all sketches to their own photos, as the recogniser measures it."""
        known = [score.recognised.distance for score in self.scores if score.recognised]
        return fmean(known) if known else None


def mean_mesh(several: Sequence[Mesh]) -> Mesh:
    """Of one sketch or more."""
    return Mesh(fmean(each.axes for each in several), fmean(each.diagonal for each in several))


def evaluate_photos(
    config: EvalConfig, weights: Sequence[str], outputs: Outputs, watch: Watch
) -> list[UnpairedEvaluation]:
    """Draw the largest face of every photo in the frame, with each of `weights`, and measure the sketches.

    Photos that cannot be read or have no face are left out. Raises `InputError` or `WeightsError` in one line.
    """
    root, device = config.data or Path(), resolve_device(config.device)
    photos = _by_name(root, "--data")
    outputs.check(photos)
    sketchers = [Sketcher.load(each, config.device, "fp32", offline=config.offline) for each in weights]
    styles = [sketcher.style_index(config.style) for sketcher in sketchers]
    recogniser = DlibRecogniser(device) if config.identity else None
    features: TextureFeatures | None = None
    reference: Reference | None = None
    if config.drawings:
        metrics = load_metrics(config.backbones, device, offline=config.offline, keys=("texture",))
        for remedy in metrics.missing.values():
            raise InputError(f"--texture: {remedy}")
        if metrics.texture:
            features, reference = metrics.texture, _look_at(config.drawings, metrics.texture)
    evaluations = []
    for number, (name, sketcher, style) in enumerate(zip(names_of_weights(weights), sketchers, styles, strict=True)):
        part = partial(watch_part, watch, number, len(weights))
        draw = _Drawing(sketcher, style, recogniser, features, reference)
        evaluations.append(draw.all(name, root, photos, outputs.save, part))
    if outputs.csv:
        outputs.write_csv(unpaired_csv(evaluations[0]))
    return evaluations


@dataclass(frozen=True)
class _Drawing:
    """All that draws and looks at sketches."""

    sketcher: Sketcher
    style: int
    recogniser: Recogniser | None
    features: TextureFeatures | None
    reference: Reference | None

    def all(
        self, method: str, root: Path, photos: Mapping[str, Path], save: Path | None, watch: Watch
    ) -> UnpairedEvaluation:
        scores: list[PhotoScore] = []
        left_out: dict[str, str] = {}
        persons: list[Tensor] = []
        drawn: list[Tensor] = []
        textures: dict[str, Tensor] = {}
        for done, (name, photo) in enumerate(photos.items(), start=1):
            try:
                (crop,) = self.sketcher.crops(read_image(photo), framing="face")
                box = self.recogniser.locate(crop.drawn) if self.recogniser else None
                if self.recogniser and box is None:
                    raise FaceError("no face found in the frame")
            except InputError as error:
                left_out[name] = str(error)
                continue
            finally:
                watch(done, len(photos))
            (sketch,) = self.sketcher.draw_crops([crop], [self.style], "none")
            if save:
                write_bytes(saved_as(save, name), encode_image(sketch, ".png"))
            if self.recogniser and box:
                persons.append(self.recogniser.embed(crop.drawn, box))
                drawn.append(self.recogniser.embed(sketch, box))
            if self.features:
                textures[name] = self.features.of(sketch, name, SQUARES_OF_SKETCHES)
            scores.append(PhotoScore(name, sketch.size, mesh(sketch)))
        if not scores:
            first = next(iter(left_out.items()))
            raise InputError(f"{root}: no photo can be used; {first[0]}: {first[1]}")
        recognised = recognitions(torch.stack(drawn), torch.stack(persons)) if drawn else []
        if recognised:
            scores = [replace(score, recognised=each) for score, each in zip(scores, recognised, strict=True)]
        return UnpairedEvaluation(
            method,
            self.sketcher.styles[self.style],
            root.resolve().name,
            tuple(scores),
            left_out,
            rates(recognised) if recognised else None,
            texture_distance(joined(textures, list(textures)), self.reference.features) if self.reference else None,
            self.reference,
        )


def _look_at(folder: Path, features: TextureFeatures) -> Reference:
    """The drawings in a folder, at any depth."""
    seen: dict[str, Tensor] = {}
    meshes = []
    for called, path in _by_name(folder, "--texture").items():
        drawing = read_image(path).convert("L")
        require_numbers(path)
        if min(drawing.size) < SMALLEST_SIDE:
            raise InputError(f"{path}: {drawing.width} x {drawing.height} pixels are too few to compare with")
        meshes.append(mesh(drawing))
        seen[called] = features.of(drawing, called)
    every = joined(seen, sorted(seen))
    if len(every) < 2:
        raise InputError(f"--texture {folder}: too little ink in its {len(seen)} pictures to compare with")
    name = folder.resolve().name
    return Reference(name, len(seen), mean_mesh(meshes), every, Texture({}, seen).among_drawings())


def _by_name(root: Path, option: str) -> dict[str, Path]:
    """The pictures of a folder by their names below it, without an ending where that tells them apart."""
    pictures = [(path.relative_to(root), path) for path in find_pictures(root, option)]
    count = Counter(relative.with_suffix("") for relative, _ in pictures)
    return {
        (relative.with_suffix("") if count[relative.with_suffix("")] == 1 else relative).as_posix(): path
        for relative, path in pictures
    }


def unpaired_summary(evaluation: UnpairedEvaluation) -> dict[str, Any]:
    """As a plain dict for JSON; None where there is no number."""
    reference = evaluation.reference
    return {
        "method": evaluation.method,
        "style": evaluation.style,
        "data": evaluation.data,
        "photos": len(evaluation.scores),
        "left_out": dict(evaluation.left_out),
        "mesh": asdict(evaluation.mesh),
        "texture": evaluation.texture,
        "identity": asdict(evaluation.identity) | {"distance": evaluation.distance} if evaluation.identity else None,
        "drawings": {
            "name": reference.name,
            "pictures": reference.count,
            "mesh": asdict(reference.mesh),
            "texture_among_drawings": reference.among,
        }
        if reference
        else None,
        "scores": [
            {
                "name": score.name,
                "width": score.size[0],
                "height": score.size[1],
                "mesh": asdict(score.mesh),
                "identity": asdict(score.recognised) if score.recognised else None,
            }
            for score in evaluation.scores
        ],
    }


def unpaired_csv(evaluation: UnpairedEvaluation) -> str:
    """One line a photo, under a header."""
    parts = [field.name for field in fields(Recognition)] if evaluation.identity else []
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["name", "width", "height", "mesh_axes", "mesh_diagonal", *(f"identity_{part}" for part in parts)])
    for score in evaluation.scores:
        numbers = [score.mesh.axes, score.mesh.diagonal, *(getattr(score.recognised, part) for part in parts)]
        writer.writerow([score.name, *score.size, *map(number_in_csv, numbers)])
    return text.getvalue()


def unpaired_notes(evaluation: UnpairedEvaluation) -> list[str]:
    """The lines under a table: what was left out, and what the columns are of."""
    lines = [f"left out: {name}: {reason}" for name, reason in evaluation.left_out.items()]
    lines.append("Mesh: waves two pixels long beside longer ones, along the axes and along the diagonal.")
    if evaluation.reference:
        lines.append("Texture: of the drawings the distance between two halves.")
    if evaluation.identity:
        lines.append(f"Identity: by dlib's face recogniser, among {len(evaluation.scores)} photos.")
    return lines

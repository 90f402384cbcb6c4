"""The part of the offsets that photos predict is learnt, and none of the rest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from most_sketch.errors import InputError
from most_sketch.pairs.landmarks import Points
from most_sketch.pairs.offset_model import OFFSETS_FILE, LandmarkOffsets, fit_offset_model

MEAN_FACE = np.random.default_rng(1).uniform((60, 90), (140, 210), (68, 2))
DRAWN = MEAN_FACE + np.array([0, 2])
"""As all faces are drawn: as long and as broad as the mean, two pixels lower."""


def faces(count: int, seed: int = 0) -> list[Points]:
    """Faces that are longer and broader than their mean, or shorter and narrower, each point a little elsewhere."""
    rng = np.random.default_rng(seed)
    middle = MEAN_FACE.mean(axis=0)
    sizes = rng.normal(1, (0.03, 0.08), (count, 2))
    return [middle + size * (MEAN_FACE - middle) + rng.normal(0, 0.3, MEAN_FACE.shape) for size in sizes]


def distance(one: Points, other: Points) -> float:
    """Root mean square of the distances of points."""
    return float(np.sqrt(np.square(one - other).sum(axis=-1).mean()))


def test_drawings_that_are_all_of_the_mean_face_are_foretold() -> None:
    photos = faces(60)
    model = fit_offset_model(photos, [DRAWN - photo for photo in photos])
    for photo in faces(10, seed=7):
        assert distance(photo + model.predict(photo), DRAWN) < 0.6
    assert np.mean([distance(photo + model.mean, DRAWN) for photo in faces(10, seed=7)]) > 1.5


def test_drawings_that_lie_anywhere_have_a_mean_and_no_more() -> None:
    rng = np.random.default_rng(3)
    photos = faces(60)
    displacements = [np.tile(rng.normal((1, 2), 3), (68, 1)) for _ in photos]
    model = fit_offset_model(photos, displacements)
    assert len(model.components) == 0
    assert np.allclose(model.predict(photos[0]), np.mean(displacements, axis=0))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_pairs_tell_their_mean(count: int) -> None:
    photos = faces(count)
    displacements = [np.full((68, 2), float(number)) for number in range(count)]
    model = fit_offset_model(photos, displacements)
    assert np.allclose(model.predict(photos[0]), (count - 1) / 2)


def test_photos_with_other_points_tell_the_mean() -> None:
    photos = [*faces(20), MEAN_FACE[:5]]
    fields = [np.full((4, 3, 2), float(number)) for number in range(21)]
    for photo in photos[-2:]:
        assert np.allclose(fit_offset_model(photos, fields).predict(photo), 10)


def test_displacements_may_be_fields() -> None:
    photos = faces(60)
    lengths = [np.ptp(photo[:, 1]) for photo in photos]
    model = fit_offset_model(photos, [np.full((4, 3, 2), length) for length in lengths])
    predicted = model.predict(photos[5])
    assert predicted.shape == (4, 3, 2)
    assert np.abs(predicted - lengths[5]).max() < 0.25 * np.std(lengths)


def test_where_drawings_lay_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert LandmarkOffsets.read(tmp_path) is None
    points = np.stack(faces(3))
    displacements = np.stack([np.full((68, 2), float(number)) for number in range(3)])
    LandmarkOffsets(["a", "b", "c"], points, displacements).write(tmp_path)
    again = LandmarkOffsets.read(tmp_path)
    assert again is not None
    assert again.names == ["a", "b", "c"]
    assert np.allclose(again.photo_points, points, atol=1e-4)
    assert np.allclose(again.offset_model({"b", "c", "z"}).predict(points[0]), 1.5)
    assert np.allclose(again.offset_model({"z"}).predict(points[0]), 1)


@pytest.mark.parametrize("names", ["{}", '["a"]', "nothing"])
def test_another_file_in_its_place_is_told(tmp_path: Path, names: str) -> None:
    path = tmp_path / OFFSETS_FILE
    path.write_bytes(b"x" * 20)
    with pytest.raises(InputError, match=f"{OFFSETS_FILE}: not what prepare writes"):
        LandmarkOffsets.read(tmp_path)
    save_file(
        {name: np.zeros((2, 5, 2), np.float32) for name in ("photo_points", "displacements")}, path, {"names": names}
    )
    with pytest.raises(InputError, match=OFFSETS_FILE):
        LandmarkOffsets.read(tmp_path)

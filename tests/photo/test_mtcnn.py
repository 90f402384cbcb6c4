"""The detector answers as facenet-pytorch's does, for any picture, and its parts are what they say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from facenet_pytorch import MTCNN
from numpy.typing import NDArray
from PIL import Image
from torch.nn.functional import interpolate
from torchvision.ops import nms

from most_sketch.photo import mtcnn_networks
from most_sketch.photo.images import read_image
from most_sketch.photo.mtcnn import (
    MIN_FACE,
    Detector,
    averages,
    over_smaller,
    over_union,
    shrunk,
    summed_area,
    suppress,
)

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector(mtcnn_networks.load_cascade(CPU))


@pytest.fixture(scope="module")
def reference() -> MTCNN:
    return MTCNN(keep_all=True, min_face_size=MIN_FACE)


def tiled(photo: Image.Image) -> Image.Image:
    """The photo at four sizes, some of its faces on top of each other."""
    sheet = Image.new("RGB", (620, 420), "grey")
    for side, place in ((400, (0, 0)), (200, (410, 10)), (110, (420, 250)), (60, (540, 300)), (180, (170, 40))):
        sheet.paste(photo.resize((side, side)), place)
    return sheet


VARIATIONS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "as it is": lambda photo: photo,
    "large": lambda photo: photo.resize((900, 1000)),
    "small": lambda photo: photo.resize((80, 90)),
    "rotated": lambda photo: photo.rotate(25, Image.Resampling.BICUBIC, expand=True),
    "upside down": lambda photo: photo.rotate(180),
    "wide": lambda photo: photo.crop((-400, 40, 900, 300)),
    "cut at the border": lambda photo: photo.crop((photo.width // 2 - 30, 40, photo.width, 300)),
    "four sizes": tiled,
    "grey": lambda photo: photo.convert("L").convert("RGB"),
}


@pytest.mark.parametrize("variation", VARIATIONS)
@pytest.mark.parametrize("name", ["astronaut.jpg", "grace_hopper.jpg"])
def test_the_same_faces_as_facenet_pytorch(
    detector: Detector, reference: MTCNN, portrait_file: Path, name: str, variation: str
) -> None:
    picture = VARIATIONS[variation](read_image(portrait_file.with_name(name)))
    boxes, confidences, landmarks = reference.detect(picture, landmarks=True)
    found = detector.detect(picture)
    if variation in ("as it is", "large", "four sizes"):
        assert len(found.boxes) > 0
    if boxes is None:
        assert [len(values) for values in found] == [0, 0, 0]
        return
    assert found.boxes.shape == boxes.shape
    assert found.landmarks.shape == landmarks.shape
    wanted, ours = in_order(boxes), in_order(found.boxes)
    np.testing.assert_allclose(found.boxes[ours], boxes[wanted].astype(float), rtol=0, atol=0.01)
    np.testing.assert_allclose(found.landmarks[ours], landmarks[wanted].astype(float), rtol=0, atol=0.01)
    np.testing.assert_allclose(found.confidences[ours], confidences[wanted].astype(float), rtol=0, atol=1e-5)


def in_order(boxes: NDArray[Any]) -> NDArray[np.integer[Any]]:
    """The index that puts boxes in order, whatever order they are found in."""
    return np.lexsort(boxes.astype(float).round().T)


@pytest.mark.parametrize("size", [(1, 1), (19, 400), (20, 20), (300, 21)])
def test_no_faces_in_what_is_smaller_than_a_face(detector: Detector, size: tuple[int, int]) -> None:
    assert [values.shape for values in detector.detect(Image.new("RGB", size, "grey"))] == [(0, 4), (0, 5, 2), (0,)]


def test_a_part_of_a_picture_at_any_size_is_the_mean_of_its_pixels() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (90, 130, 3), dtype=np.uint8)
    sums = summed_area(pixels)
    boxes = np.array([[0, 0, 130, 90], [7, 20, 47, 31], [100, 80, 101, 90]])
    for size in ((24, 24), (10, 33), (200, 1)):
        parts = averages(sums, boxes, size)
        for part, (left, top, right, bottom) in zip(parts, boxes.tolist(), strict=True):
            cropped = torch.from_numpy(pixels)[top:bottom, left:right].permute(2, 0, 1)[None].float()
            wanted = interpolate(cropped, size[::-1], mode="area")[0]
            np.testing.assert_allclose(part, wanted.numpy(), rtol=0, atol=1e-4)
        np.testing.assert_array_equal(shrunk(sums, size), parts[:1])


def test_boxes_are_suppressed_as_torchvision_does() -> None:
    generator = torch.Generator().manual_seed(0)
    corners = torch.rand(400, 2, generator=generator) * 100
    boxes = torch.cat([corners, corners + 5 + 40 * torch.rand(400, 2, generator=generator)], dim=1)
    # Some equally sure: of those the first counts.
    scores = torch.rand(400, generator=generator).mul(50).round()
    order = scores.argsort(descending=True, stable=True)
    kept = suppress(boxes.numpy(), order.numpy(), 0.5, over_union)
    assert kept.tolist() == nms(boxes, scores, 0.5).tolist()
    assert 50 < len(kept) < 400


def test_a_small_box_in_a_large_one_is_suppressed_by_the_smaller() -> None:
    boxes = np.array([[0.0, 0.0, 99.0, 99.0], [10.0, 10.0, 19.0, 19.0], [95.0, 0.0, 104.0, 9.0]])
    order = np.array([1, 0, 2])
    assert suppress(boxes, order, 0.7, over_smaller).tolist() == [1, 2]
    assert suppress(boxes, order, 0.7, over_union).tolist() == [1, 0, 2]

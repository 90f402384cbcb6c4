"""Where a studio photo shows the person is told by the plain white around."""

from __future__ import annotations

import torch
from drawn_pairs import draw_pair

from most_sketch.pairs.mattes import matte_of_studio_photo
from most_sketch.photo.images import to_tensor


def test_a_studio_photos_matte_is_the_face() -> None:
    photo, _ = draw_pair(3, (80, 96))
    matte = matte_of_studio_photo(to_tensor(photo))
    assert matte[0, 0, 0] < 0.001
    assert (matte[:, 30:70, 30:50] == 1).all()


def test_without_plain_background_the_matte_is_everywhere() -> None:
    photo = torch.rand(3, 40, 40) - 1
    assert (matte_of_studio_photo(photo) == 1).all()

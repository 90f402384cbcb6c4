"""Where a studio photo shows the person is told by the plain white around."""

from __future__ import annotations

import torch
from drawn_pairs import draw_pair
from PIL import Image, ImageDraw

from most_sketch.pairs.mattes import matte_of_studio_photo, one_person
from most_sketch.photo.images import to_tensor


def test_a_studio_photos_matte_is_the_face() -> None:
    photo, _ = draw_pair(3, (80, 96))
    matte = matte_of_studio_photo(to_tensor(photo))
    assert matte[0, 0, 0] < 0.001
    assert (matte[:, 30:70, 30:50] == 1).all()


def test_without_plain_background_the_matte_is_everywhere() -> None:
    photo = torch.rand(3, 40, 40) - 1
    assert (matte_of_studio_photo(photo) == 1).all()


def test_a_mask_keeps_the_person_with_the_face_and_the_soft_rim() -> None:
    mask = Image.new("L", (200, 250))
    draw = ImageDraw.Draw(mask)
    draw.ellipse((50, 60, 150, 220), 255)
    draw.ellipse((48, 58, 152, 222), outline=120, width=2)
    draw.rectangle((0, 100, 30, 250), 255)  # somebody else
    draw.rectangle((30, 150, 52, 153), 255)  # who is held by a thread
    draw.rectangle((160, 0, 200, 40), 190)  # what may be a person
    kept = one_person(mask, (100, 140), unit=1)
    assert kept.crop((48, 58, 152, 222)).tobytes() == mask.crop((48, 58, 152, 222)).tobytes()
    assert kept.crop((0, 0, 35, 250)).getextrema() == (0, 0)
    assert kept.crop((160, 0, 200, 40)).getextrema() == (0, 0)


def test_a_person_may_go_on_beyond_the_border_of_a_mask() -> None:
    mask = Image.new("L", (60, 60))
    mask.paste(255, (0, 20, 60, 60))
    assert one_person(mask, (30, 40), unit=2).tobytes() == mask.tobytes()


def test_a_mask_without_a_person_at_the_face_stays() -> None:
    mask = Image.new("L", (60, 60))
    mask.paste(255, (0, 0, 20, 60))
    assert one_person(mask, (50, 30), unit=1).tobytes() == mask.tobytes()
